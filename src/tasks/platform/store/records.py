"""What does a result record of Prefect hold? Only what plain JSON can say is let through.

Prefect would read a record with whatever serializer the record itself names, pickle included.
"""

import base64
import json
from typing import Any


def result_text(content: bytes) -> str | None:
    """Return the JSON text of the result in a record; None when the record cannot be trusted."""
    try:
        outer = json.loads(content)
        serializer = outer["metadata"]["serializer"]
        plain = serializer.get("type") == serializer.get("jsonlib") == "json" and not serializer.get("object_decoder")
        return _unwrapped(outer["result"]) if plain else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _unwrapped(result: Any) -> str:
    """Return the text that a result is: JSON itself, or JSON in base64."""
    if not isinstance(result, str):
        return json.dumps(result)
    try:
        json.loads(result)
    except ValueError:
        return base64.b64decode(result).decode()
    return result
