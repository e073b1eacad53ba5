"""What does Prefect's UI show of a run? A name that tells case, data and time, tags, and the answer.

A run that another one starts in a process of its own (`announce`) is shown as its sub-flow run, and stays told when its
process is killed. A run whose process was killed would be shown as running for ever, and a deployment that may run once
at a time would never run again; so each run locks a file (`<home>/running/<id>`), and the next one, or `make serve`,
that finds the lock free tells Prefect of the end.
"""

import fcntl
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.platform import keys
from tasks.platform.masking import mask_addresses, mask_parameters
from tasks.platform.run import Run
from tasks.platform.settings import settings
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

KILLED = "Its process ended without a word: it was killed, or the machine went down."
ANNOUNCED = "CASEBOOK_FLOW_RUN"  # in the environment of a command: the flow run that it is
LONGEST = 40  # characters of the data's name


def data_label(parameters: dict[str, Any]) -> str:
    """Return a short name of what a run reads: sample, public, or the last part of a path or address."""
    asked = mask_addresses(str(parameters.get("source") or ""))
    path = urlsplit(asked).path if "://" in asked else asked
    return shorten(path.rstrip("/").rpartition("/")[2] or asked, LONGEST)


def run_name(flow: str, parameters: dict[str, Any], moment: datetime) -> str:
    """Return the name of a run: case, data, and when it was due, in the time of this machine."""
    return " ".join(filter(None, [flow, data_label(parameters), f"{moment.astimezone():%Y-%m-%d %H:%M}"]))


def name_in_progress() -> str:
    """Return the name of the flow run in progress; Prefect calls it."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is None or context.flow is None:
        return "run"
    due = context.flow_run.expected_start_time if context.flow_run else None
    return run_name(context.flow.name, context.parameters or {}, due or datetime.now(UTC))


def note_flow_run(run: Run) -> None:
    """Note the id of the flow run in progress, and give it its tags: casebook, the case, the data."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    identity = getattr(context.flow_run, "id", None) if context else None
    if context is None or identity is None:
        return
    run.prefect = str(identity)
    conclude_killed()
    _keep_alive(run)
    # Not by `prefect.tags`: the tags of each task would make Prefect ask for a concurrency slot, 0.15 s a stage.
    tags = {*(context.flow_run.tags if context.flow_run else []), "casebook", run.flow, data_label(run.parameters)}
    try:
        context.client.update_flow_run(identity, tags=sorted(tags - {""}))  # type: ignore[union-attr]
    except Exception as error:  # noqa: BLE001 - a run is not to fail for want of its tags
        _logger().warning("The run has no tags: %s", error)


_alive: list[tuple[Run, int]] = []  # with the lock that says so


def _running() -> Path:
    return keys.private_folder(settings().home / "running")


def _keep_alive(run: Run) -> None:
    """Lock the file of a run until its process ends, or has begun another run."""
    for ended in [item for item in _alive if item[0].ended]:
        os.close(ended[1])
        _alive.remove(ended)
    file = _running() / f".{uuid.uuid4().hex}"  # nobody finds it before it is locked
    number = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.rename(file.with_name(run.prefect))
    _alive.append((run, number))


def conclude_killed() -> None:
    """Tell Prefect of the end of runs whose processes have ended; a run is not to fail because of others."""
    for file in _running().glob("[!.]*"):
        try:
            number = os.open(file, os.O_RDWR)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _conclude(file.name, True, KILLED)
                file.unlink()
            except BlockingIOError:
                continue  # it goes on
            finally:
                os.close(number)
        except Exception as error:  # noqa: BLE001
            if type(error).__name__ == "ObjectNotFound":  # of a database that is no more
                file.unlink(missing_ok=True)


def _logger() -> Any:
    from prefect.logging import get_run_logger

    return get_run_logger()


def told(run: Run, report: str) -> Any:
    """Return the end of a flow run: completed, its answer as the message; the report's path is its result."""
    if not run.answer or not run.prefect:
        return report
    from prefect.states import Completed

    _logger().info("%s", run.answer)
    _logger().info("Report: %s", report)
    return Completed(message=shorten(run.answer, 500), data=report)


def announced(flow: Any, arguments: dict[str, Any]) -> Any:
    """Run a flow: as the flow run that was announced for this process, where one was."""
    identity = os.environ.pop(ANNOUNCED, "")
    if not identity:
        return flow(**arguments)
    from uuid import UUID

    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow_sync
    from prefect.utilities.callables import get_call_parameters

    with get_client(sync_client=True) as client:
        found = client.read_flow_run(UUID(identity))
    return run_flow_sync(flow, flow_run=found, parameters=get_call_parameters(flow.fn, (), arguments))


def announce(flow: str, parameters: dict[str, Any]) -> str:
    """Create the flow run of a command that is about to start, below the flow run in progress; return its id.

    Where that cannot be done the command makes its own, and "" is returned.
    """
    try:
        return _announce(flow, mask_parameters(parameters))
    except Exception as error:  # noqa: BLE001 - a night is not to end because it cannot be shown
        _logger().warning("%s is not shown below this run: %s", flow, error)
        return ""


def _announce(flow: str, parameters: dict[str, Any]) -> str:
    from prefect import Flow, Task
    from prefect.context import FlowRunContext
    from prefect.states import Pending

    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return ""
    client: Any = context.client
    task = Task(fn=_placeholder, name=flow)
    above = client.create_task_run(task, context.flow_run.id, dynamic_key=flow, name=flow, state=Pending())
    found: FlowRun = client.create_flow_run(
        Flow(fn=_placeholder, name=flow),
        name=run_name(flow, parameters, datetime.now(UTC)),
        parameters=parameters,
        tags=["casebook", flow, "nightly"],
        parent_task_run_id=above.id,
        state=Pending(),
    )
    return str(found.id)


def _placeholder() -> None:
    """Stand for what runs in another process."""


def conclude(identity: str, failed: bool, message: str) -> None:
    """Give a flow run that was announced its last state, unless its process has done so."""
    try:
        _conclude(identity, failed, message)
    except Exception as error:  # noqa: BLE001 - as above
        _logger().warning("The state of the flow run %s is not the last: %s", identity, error)


def _conclude(identity: str, failed: bool, message: str) -> None:
    from uuid import UUID

    from prefect.client.orchestration import get_client
    from prefect.states import Completed, Crashed

    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(identity)).state
        if state is None or not state.is_final():
            last: Any = Crashed(message=message) if failed else Completed(message=message)
            client.set_flow_run_state(UUID(identity), last, force=True)
