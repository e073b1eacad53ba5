"""Secrets that a user keeps in Prefect: what does a Secret block hold?"""

import sys
from typing import Any


def secret_block(name: str) -> Any:
    """Return what a Prefect Secret block holds; "" where there is none, and outside a flow."""
    if "prefect" not in sys.modules:
        return ""
    from prefect.blocks.system import Secret
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return ""
    try:
        return Secret.load(name, _sync=True).get()  # type: ignore[union-attr, call-arg]
    except ValueError:  # no block of that name
        return ""
