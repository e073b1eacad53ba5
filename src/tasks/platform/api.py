"""Which Prefect API does a run report to?

In this order: the one that `PREFECT_API_URL` names; the server that `make serve` has started on this machine; else a
server for commands, on the same database, so that the run shows up in the UI later on. That one stays for some minutes
(the setting `server_minutes`), because its start is most of a cached run; with 0 it ends with its command.

Such a server is started before Prefect is imported: both take seconds, and so they take them side by side. None is
sent the key of this home before it has proved that it knows it: another user may have taken the port.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.platform import keys
from tasks.platform.errors import CasebookError
from tasks.platform.lingering import lingering_server
from tasks.platform.server import Child, TemporaryServer, is_ours, running_server
from tasks.platform.settings import apply_prefect_settings, settings

RETRIES = "3"
"""Of a request to a server for commands, 14 seconds in all: one that was killed does not come back at its address."""


@contextmanager
def server_for_commands() -> Iterator[Child]:
    """Yield the server that stays for some minutes, found or started, or one of this process alone."""
    if settings().server_minutes:
        with lingering_server() as found:
            if found:
                yield found
                return
    server = TemporaryServer()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def prefect_api() -> Iterator[Child | None]:
    """Make a Prefect API known through the environment; call before Prefect is imported.

    Yields the server for commands (call `wait` before the first flow), or None when an API is there.
    """
    apply_prefect_settings()
    if not Path(os.environ["PREFECT_PROFILES_PATH"]).exists():  # it was damaged, or set-up has not been here
        keys.write_profile()
    named = os.environ.get("PREFECT_API_URL")
    if named:
        # The profile of this home holds the key; a server elsewhere is not to be sent it.
        with _environment(
            {} if "PREFECT_API_AUTH_STRING" in os.environ else {"PREFECT_API_AUTH_STRING": _key_for(named)}
        ):
            yield None
        return
    if url := running_server():
        with _environment({"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": keys.auth_string()}):
            yield None
        return
    patience = {} if "PREFECT_CLIENT_MAX_RETRIES" in os.environ else {"PREFECT_CLIENT_MAX_RETRIES": RETRIES}
    with (
        server_for_commands() as server,
        _environment({"PREFECT_API_URL": server.api_url, "PREFECT_API_AUTH_STRING": keys.auth_string()} | patience),
    ):
        yield server


def known_api() -> dict[str, str]:
    """Return what makes the Prefect API known that is there already: that of `make serve`, or the one that is set.

    Raises:
        CasebookError: there is none.
    """
    apply_prefect_settings()
    if url := running_server():
        return {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": keys.auth_string()}
    named = os.environ.get("PREFECT_API_URL")
    if not named:
        raise CasebookError("No Prefect server is known: start `make serve`, or set PREFECT_API_URL.")
    return {"PREFECT_API_URL": named}


def _key_for(url: str) -> str:
    return keys.auth_string() if is_ours(url) else ""


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
