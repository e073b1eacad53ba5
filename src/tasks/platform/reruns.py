"""`casebook retry failed`, `casebook backfill`: which runs of deployments are started again, or for which days anew?

    casebook retry failed --days 3
    casebook backfill elevators --from 2026-01-01 --to 2026-01-31 --source "s3://data/lifts/{date}.json" --at-once 4

Both ask the Prefect server for runs and end; workers, or `make serve` for `retry`, carry them out. Neither doubles: a
run that was started again is not a second time, and a day that was filled with the same parameters is not filled again.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from string import Formatter
from typing import TYPE_CHECKING, Any

from tasks.platform.api import known_api
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.questions import cases, known

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

MOST_DAYS = 1100
STEPS = ("day", "week", "month", "quarter", "year")
FIRST_MONTHS = {"month": range(1, 13), "quarter": (1, 4, 7, 10), "year": (1,)}


def dates(first: date, last: date, every: str) -> list[date]:
    """Return the dates from `first` to `last`, both in: each day, the same weekday, or the first of a month and so on.

    Raises:
        UsageError: the range holds none, or more than 1,100.
    """
    if last < first:
        raise UsageError(f"--to {last}: before --from {first}.")
    days = (first + timedelta(days=n) for n in range(0, (last - first).days + 1, 7 if every == "week" else 1))
    found = [day for day in days if every not in FIRST_MONTHS or (day.day == 1 and day.month in FIRST_MONTHS[every])]
    if not found or len(found) > MOST_DAYS:
        what = f"no first day of a {every}" if not found else f"{len(found)} dates, more than {MOST_DAYS}"
        raise UsageError(f"--from {first} --to {last}: {what}.")
    return found


def dated(parameters: dict[str, Any], day: date) -> dict[str, Any]:
    """Put a date where `{date}`, or `{date:%Y/%m}`, stands in a text.

    Raises:
        UsageError: a text has another place in braces, or a format that is none.
    """
    return {name: _filled(value, day) if isinstance(value, str) else value for name, value in parameters.items()}


def _filled(text: str, day: date) -> str:
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        if not names:
            return text
        if names == {"date"}:
            return text.format(date=day)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UsageError(f"{text}: {error}; write {{date}}, or {{date:%Y/%m}}, where the date belongs.") from None
    raise UsageError(f"{text}: only {{date}} is known, or {{date:%Y/%m}} in another form.")


def asked_parameters(case: str, words: Sequence[str]) -> dict[str, Any]:
    """Read the parameters of a case as its command does.

    Raises:
        UsageError: one that it has not; or none has a place for a date, so that all runs would be the same.
    """
    import importlib

    from tasks.platform.command import build_parser, check

    flow = getattr(importlib.import_module(f"flows.{case}"), case)
    given = vars(build_parser(flow.fn).parse_args(list(words)))
    check(flow.fn, dated(given, date(2001, 1, 1)))
    if dated(given, date(2001, 1, 1)) == dated(given, date(2002, 2, 2)):
        raise UsageError(
            f"No parameter of {case} has a place for the date, so every run would be the same; write it where the data"
            ' of a day are, such as --source "s3://bucket/{date}.csv" or --source "/data/{date:%Y/%m}.csv".'
        )
    return given


class Reruns:
    """What is asked of a Prefect server."""

    def __init__(self, client: "SyncPrefectClient") -> None:
        self.client = client

    def failed(self, days: float, case: str = "") -> list["FlowRun"]:
        """Return the runs of deployments that failed or crashed in so many days, oldest first.

        Of runs that are the same (deployment and parameters) only the last counts, which may have gone well.
        """
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName

        since = datetime.now(UTC) - timedelta(days=days)
        flow = FlowFilter(name=FlowFilterName(any_=[case])) if case else None
        last: dict[tuple[str, str], FlowRun] = {}
        for run in self._ended(since, flow):
            if run.deployment_id:
                last[str(run.deployment_id), json.dumps(run.parameters, sort_keys=True, default=str)] = run
        return [run for run in last.values() if run.state_type and run.state_type.value in ("FAILED", "CRASHED")]

    def _ended(self, since: datetime, flow: Any) -> Iterator["FlowRun"]:
        from prefect.client.schemas import filters
        from prefect.client.schemas.sorting import FlowRunSort

        kinds: Any = ["FAILED", "CRASHED", "COMPLETED"]
        wanted = filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=kinds)),
            tags=filters.FlowRunFilterTags(all_=["casebook"]),
            start_time=filters.FlowRunFilterStartTime(after_=since),
        )
        for offset in range(0, 100_000, 200):
            page = self.client.read_flow_runs(
                flow_filter=flow, flow_run_filter=wanted, sort=FlowRunSort.START_TIME_ASC, limit=200, offset=offset
            )
            yield from page
            if len(page) < 200:
                return

    def again(self, run: "FlowRun") -> bool:
        """Start a run again, once, with its parameters; tell whether it was not already."""
        assert run.deployment_id is not None
        mark = f"retry-{run.id}"
        if self._asked([mark]):
            return False
        tags = sorted({*run.tags, "retry"})
        self.client.create_flow_run_from_deployment(
            run.deployment_id, parameters=run.parameters, idempotency_key=mark, tags=tags
        )
        return True

    def _asked(self, marks: list[str]) -> set[str]:
        """Return those of the idempotency keys that a run has."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey

        found: set[str] = set()
        for start in range(0, len(marks), 100):
            wanted = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=marks[start : start + 100]))
            found |= {str(run.idempotency_key) for run in self.client.read_flow_runs(flow_run_filter=wanted, limit=200)}
        return found

    def room(self, case: str, at_once: int) -> "UUID":
        """Return the deployment `<case>/backfill`, of which so many runs go at once while the others wait.

        Raises:
            CasebookError: the case has no deployment with a work pool to take after.
        """
        from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

        model = self._model(case)
        return self.client.create_deployment(
            flow_id=model.flow_id,
            name="backfill",
            entrypoint=model.entrypoint,
            path=model.path,
            pull_steps=model.pull_steps,
            work_pool_name=model.work_pool_name,
            work_queue_name=model.work_queue_name,
            job_variables=model.job_variables,
            parameter_openapi_schema=model.parameter_openapi_schema,
            tags=["casebook", "backfill"],
            description=model.description,
            concurrency_limit=at_once,
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
        )

    def _model(self, case: str) -> "DeploymentResponse":
        from prefect.exceptions import ObjectNotFound

        try:
            model = self.client.read_deployment_by_name(f"{case}/sample")
        except ObjectNotFound:
            model = None
        if model is None or not model.work_pool_name:
            raise CasebookError(
                f"A backfill is done by workers, and {case} has no deployment for them here; make it with"
                " `prefect deploy --prefect-file deployments/prefect.yaml --all` (docs/production.md, step 3)."
            )
        return model

    def fill(self, room: "UUID", case: str, parameters: dict[str, Any], days: Sequence[date]) -> int:
        """Ask for a run for each date; return how many of them are new."""
        wanted = {}
        for day in days:
            own = dated(parameters, day)
            digest = hashlib.sha256(json.dumps([case, own], sort_keys=True).encode()).hexdigest()[:32]
            wanted[f"backfill-{digest}"] = day, own
        new = sorted(wanted.keys() - self._asked(list(wanted)), key=lambda mark: wanted[mark][0])
        for mark in new:
            day, own = wanted[mark]
            self.client.create_flow_run_from_deployment(
                room, parameters=own, name=f"{case} {day}", idempotency_key=mark, tags=["casebook", "backfill", case]
            )
        return len(new)


def connected() -> Any:
    """Return a client of the server that is known, as a context.

    Raises:
        CasebookError: none is known.
    """
    os.environ |= known_api()
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def retry(words: list[str]) -> int:
    """Carry out `casebook retry failed`; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="casebook retry", description="Start runs of deployments that failed or crashed again, once each."
    )
    parser.add_argument("what", choices=["failed"])
    parser.add_argument("--days", type=float, default=1.0, help="how far back (default: 1)")
    parser.add_argument("--case", default="", help="of this case only")
    parser.add_argument("--list", action="store_true", help="only name them")
    given = parser.parse_args(words)
    if not 0 < given.days <= 366:
        raise UsageError(f"--days {given.days:g}: more than 0, and at most 366.")
    case = known(given.case, [*cases(), "nightly"]) if given.case else ""
    with connected() as client:
        reruns = Reruns(client)
        found = reruns.failed(given.days, case)
        for run in found:
            began = "" if given.list else ": started again" if reruns.again(run) else ": was started again before"
            print(f"{run.name} ({(run.state_name or 'failed').lower()}){began}")
    print(f"{len(found)} failed or crashed in {given.days:g} days.", file=sys.stderr)
    return 0


def backfill(words: list[str]) -> int:
    """Carry out `casebook backfill`; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="casebook backfill",
        allow_abbrev=False,
        description="Run a case for each date of a range: {date} stands in its parameters where the date belongs.",
        epilog="All other options are those of the case.",
    )
    parser.add_argument("case")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    parser.add_argument("--every", choices=STEPS, default="day")
    parser.add_argument("--at-once", type=int, default=2, help="runs at the same time (default: 2)")
    given, rest = parser.parse_known_args(words)
    if not 1 <= given.at_once <= 100:
        raise UsageError(f"--at-once {given.at_once}: 1 to 100.")
    case = known(given.case, list(cases()))
    days = dates(given.first, given.last, given.every)
    parameters = asked_parameters(case, rest)
    with connected() as client:
        reruns = Reruns(client)
        new = reruns.fill(reruns.room(case, given.at_once), case, parameters, days)
    kept = f"; {len(days) - new} had been asked for before" if new < len(days) else ""
    print(f"{new} runs of {case}, {given.at_once} at once{kept}. See them by the tag `backfill` in the Prefect UI.")
    return 0
