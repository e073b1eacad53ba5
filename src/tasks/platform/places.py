"""Where may a run read and write that was not started by a command, but over the API of a Prefect server?

Whoever starts a command may do all that the command may. A form in the UI is filled in by whoever holds the key of the
server, perhaps on a worker of another user: such a run writes below the folders that the site allows, and reads below
those where the site names some. Symbolic links and `..` are followed before a path is compared.
"""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tasks.platform.errors import UsageError
from tasks.platform.settings import settings

WORDS = {"", "sample", "public", "api", "bigquery", "auto", "none"}  # name data without being a path
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:(//|[^/]*$)", re.IGNORECASE)  # https://…, lastfm:USER


def _resolved(text: str | Path) -> Path:
    return Path(text).expanduser().resolve()


def _roots(text: str) -> list[Path]:
    return [_resolved(part) for part in text.split(os.pathsep) if part]


def _inside(path: Path, roots: list[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def check_places(parameters: dict[str, Any]) -> None:
    """Check the paths among the parameters of a run that came over the API.

    Raises:
        UsageError: a folder to write to, or a path to read from, lies outside of what the settings allow.
    """
    output = parameters.get("output")
    allowed = [_resolved(settings().output), *_roots(settings().output_roots)]
    if output and not _inside(_resolved(output), allowed):
        raise UsageError(
            f"output {output}: runs from the UI write below {allowed[0]}; leave it empty, or have the server started"
            " with that folder in CASEBOOK_OUTPUT_ROOTS."
        )
    sources = _roots(settings().source_roots)
    if not sources:
        return
    for name, value in parameters.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            path = None if name == "output" else _path_in(item, needed=name == "source")
            if path and not _inside(path, sources):
                places = ", ".join(map(str, sources))
                raise UsageError(f"{name} {item}: runs from the UI read below {places} only; put the data there.")


def _path_in(value: Any, needed: bool) -> Path | None:
    """Return the path that a value names, if it is one; `needed` takes every text for a path that is no address."""
    if not isinstance(value, str | Path) or str(value) in WORDS:
        return None
    text = str(value)
    if text.lower().startswith("file:"):
        return _resolved(unquote(urlsplit(text).path))
    if ADDRESS.match(text):
        return None
    path = _resolved(text)
    return path if needed or os.sep in text or text.startswith("~") or path.exists() else None


def check_run_of_the_api(parameters: dict[str, Any]) -> None:
    """Check the places of the flow run in progress when a deployment started it; a command may go anywhere."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context and context.flow_run and context.flow_run.deployment_id:
        check_places(parameters)
