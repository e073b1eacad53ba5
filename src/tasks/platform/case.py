"""`@case`: a function that is a Prefect flow, a command and a form.

    @case
    def similarity(source: str = "sample", neighbours: Annotated[int, Field(ge=1, le=100)] = 12) -> Path:
        '''Which pictures look like this one? ...'''

    if __name__ == "__main__":
        main(similarity)

Imported, it is a Prefect flow. Run as a command, it stays a plain function until its arguments are known to be right,
so that `--help` and a wrong argument do not pay for Prefect.
"""

import functools
import importlib
import inspect
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty
from typing import Any, NoReturn

from tasks.platform import faults
from tasks.platform.api import prefect_api
from tasks.platform.command import command_line, parse_arguments
from tasks.platform.errors import CasebookError
from tasks.platform.flow_runs import announced, name_in_progress, note_flow_run, told
from tasks.platform.masking import conceal
from tasks.platform.parameters import completed
from tasks.platform.places import check_run_of_the_api
from tasks.platform.run import open_run, write_refusal
from tasks.platform.server import healthy
from tasks.platform.settings import apply_prefect_settings
from tasks.platform.spark import spark_closed_at_the_end
from tasks.platform.store import store

FIRST_RUN = ("great_expectations", "matplotlib.figure")
LATE = timedelta(hours=1)  # a scheduled run that starts later than this is skipped
MOST_STARTS = 3  # of one run whose process dies each time


def case(fn: Callable[..., Path]) -> Any:
    """Make `fn` a Prefect flow named after it; a plain function for now when its file runs as a command.

    It takes the parameters of `fn`, and those that every run has (`tasks.platform.parameters`).
    """
    whole = completed(fn)
    return whole if fn.__module__ == "__main__" else as_flow(whole)


def as_flow(fn: Callable[..., Path]) -> Any:
    """Build the Prefect flow of a case: one run folder, one journal, and no late scheduled run.

    Such a flow returns the path of its report.
    """
    apply_prefect_settings()
    from prefect import flow

    @functools.wraps(fn)
    def body(*args: Any, **kwargs: Any) -> Any:
        if skipped := _skip_when_late():
            return skipped
        _refuse_what_never_ends()
        bound = inspect.signature(fn).bind(*conceal(args), **{name: conceal(value) for name, value in kwargs.items()})
        bound.apply_defaults()
        check_run_of_the_api(dict(bound.arguments))
        with spark_closed_at_the_end(), open_run(fn.__name__, bound.arguments.get("output")) as run:
            run.command = command_line(fn, fn.__name__, dict(bound.arguments))
            run.question = (inspect.getdoc(fn) or fn.__name__).partition("\n")[0]
            run.data_docs = bool(bound.arguments.get("data_docs"))
            run.parameters = {name: value for name, value in bound.arguments.items() if name != "output"}
            note_flow_run(run)
            try:
                return told(run, str(fn(*bound.args, **bound.kwargs)))
            except Exception as error:
                write_refusal(run, error)
                raise

    return flow(name=fn.__name__, flow_run_name=name_in_progress, validate_parameters=True, persist_result=False)(body)


def _skip_when_late() -> Any:
    """Return a completed state named Skipped when a scheduled run starts too late; None when it is to go on."""
    from prefect.context import FlowRunContext
    from prefect.states import Completed

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.expected_start_time is None:
        return None
    late = datetime.now(UTC) - run.expected_start_time
    if late <= LATE:
        return None
    message = (
        f"Due at {run.expected_start_time:%Y-%m-%d %H:%M} UTC, {late.total_seconds() / 3600:.1f} hours ago; skipped."
    )
    return Completed(name="Skipped", message=message)


def _refuse_what_never_ends() -> None:
    """End a run that is taken up again and again (deployments/automations.yaml), as it may end every worker.

    Raises:
        CasebookError: it was begun too often.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is not None and run.run_count > MOST_STARTS:
        raise CasebookError(
            f"Begun {MOST_STARTS} times, and each time its process died; memory may not suffice. Start it anew once the"
            " reason is mended."
        )


def main(fn: Callable[..., Path]) -> NoReturn:
    """Run a case as a command: parse, run, print the report's path as the last line, and exit.

    Exit status: 0 done, 1 a contract or gate failed, 2 a wrong argument.
    """
    try:
        if "--predict" in sys.argv[1:]:
            raise SystemExit(_ask(fn.__name__, [word for word in sys.argv[1:] if word != "--predict"]))
        arguments = parse_arguments(fn)
        report = _run(fn, arguments)
    except KeyboardInterrupt:
        print("casebook: Stopped. The same command goes on from where it was.", file=sys.stderr, flush=True)
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - what nobody knows is raised again
        raise SystemExit(faults.told(error)) from None
    print(report, flush=True)
    raise SystemExit(0)


def _ask(case: str, words: list[str]) -> int:
    """Ask the champion of a case about new rows; found by its name, as publishing stands above the platform."""
    return int(importlib.import_module("tasks.publishing.predictions").main([case, *words]))


def _run(fn: Callable[..., Path], arguments: dict[str, Any]) -> str:
    """Run the flow against whichever Prefect API is to be had."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the journal speaks on the console
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    logging.raiseExceptions = False  # a server that went away is told in one sentence, not at each line of the log
    with prefect_api() as server:
        flow = as_flow(fn)
        if server:
            _warm_up()
            server.wait()
        try:
            return str(announced(flow, {name: conceal(value) for name, value in arguments.items()}))
        finally:
            _drain_logs()


def _warm_up() -> None:
    """Import, while the server starts, what a first run needs and a cached one does not."""
    if Path(store().folder.root, "records").exists():
        return

    def load() -> None:
        for name in FIRST_RUN:
            importlib.import_module(name)

    threading.Thread(target=load, name="warm-up", daemon=True).start()


def _drain_logs() -> None:
    """Hand the last log lines and events to the API while it is still there; where it is not, forget them.

    Prefect would try to hand on each event that waits for eight seconds.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    if not healthy(os.environ["PREFECT_API_URL"], timeout=5.0):
        services: tuple[Any, ...] = (APILogWorker, EventsWorker)
        for worker in [worker for service in services for worker in service._instances.values()]:
            with suppress(Empty):
                while True:
                    worker._queue.get_nowait()
    APILogWorker.drain_all(timeout=5)
    EventsWorker.drain_all(timeout=5)
