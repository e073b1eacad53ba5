"""What failed is started again once, and a range of dates is filled once, however often one asks."""

import contextlib
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.platform import reruns
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.reruns import asked_parameters, backfill, dated, dates, retry

DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1))


@given(first=DAYS, length=st.integers(0, 1000), every=st.sampled_from(reruns.STEPS))
def test_dates_are_what_a_walk_over_all_days_finds(first: date, length: int, every: str) -> None:
    last = first + timedelta(days=length)
    walked = [first + timedelta(days=n) for n in range(length + 1)]
    fits: Any = {
        "day": lambda day: True,
        "week": lambda day: day.weekday() == first.weekday(),
        "month": lambda day: day.day == 1,
        "quarter": lambda day: day.day == 1 and day.month % 3 == 1,
        "year": lambda day: (day.day, day.month) == (1, 1),
    }
    wanted = [day for day in walked if fits[every](day)]
    if wanted:
        assert dates(first, last, every) == wanted
    else:
        with pytest.raises(UsageError, match=f"no first day of a {every}"):
            dates(first, last, every)


def test_a_range_that_is_none_or_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="before --from"):
        dates(date(2026, 1, 2), date(2026, 1, 1), "day")
    with pytest.raises(UsageError, match="1461 dates, more than 1100"):
        dates(date(2020, 1, 1), date(2023, 12, 31), "day")


def test_the_date_stands_where_it_is_asked_for() -> None:
    given = {"source": "s3://b/{date:%Y/%m}/{date}.csv", "seed": 3, "plain": "100 %"}
    assert dated(given, date(2026, 3, 9)) == {"source": "s3://b/2026/03/2026-03-09.csv", "seed": 3, "plain": "100 %"}


@pytest.mark.parametrize(
    "text", ["{day}", "{}", "{date", "{date.__class__}", "{date!x}", "{0}", "{date[0]}", "{date:{x}}"]
)
def test_nothing_but_the_date_is_put_in(text: str) -> None:
    with pytest.raises(UsageError, match="date"):
        dated({"source": text}, date(2026, 3, 9))


def test_a_backfill_without_a_place_for_the_date_is_refused() -> None:
    with pytest.raises(UsageError, match="every run would be the same"):
        asked_parameters("births", ["--source", "births.csv"])
    with pytest.raises(UsageError, match="--max-quarantined 7"):
        asked_parameters("births", ["--source", "{date}.csv", "--max-quarantined", "7"])
    given = asked_parameters("births", ["--source", "{date}.csv", "--max-quarantined", "0.1"])
    assert given == {"source": "{date}.csv", "max_quarantined": "0.1"}


def test_wrong_arguments_are_one_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(CasebookError, match="No Prefect server is known"):
        retry(["failed"])
    with pytest.raises(UsageError, match="--days 0"):
        retry(["failed", "--days", "0"])
    with pytest.raises(UsageError, match="--at-once 0"):
        backfill(["births", "--from", "2026-01-01", "--to", "2026-01-02", "--at-once", "0"])
    with pytest.raises(UsageError, match="did you mean births"):
        backfill(["birth", "--from", "2026-01-01", "--to", "2026-01-02"])
    with pytest.raises(SystemExit):
        backfill(["births", "--from", "yesterday", "--to", "2026-01-02"])
    assert "--from" in capsys.readouterr().err


@pytest.fixture
def asked(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client, and a flow `births` with a deployment for a work pool."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    @flow(name="births")
    def births(source: str = "sample") -> None:
        return None

    with get_client(sync_client=True) as client:
        with contextlib.suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name="reruns", type="process"))
        made = client.create_deployment(
            client.create_flow(births), "sample", work_pool_name="reruns", tags=["casebook"], entrypoint="x.py:births"
        )
        yield client, made
        client.delete_deployment(made)


def ended(client: Any, deployment: Any, state: Any, **parameters: Any) -> Any:
    from prefect.states import Running

    run = client.create_flow_run_from_deployment(deployment, parameters=parameters, tags=["casebook"])
    client.set_flow_run_state(run.id, Running(), force=True)
    client.set_flow_run_state(run.id, state, force=True)
    return run


def runs_of(client: Any, deployment: Any) -> list[Any]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    return list(client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))))


@pytest.mark.slow
def test_what_failed_is_started_again_once_with_its_parameters(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from prefect.states import Completed, Crashed, Failed

    client, made = asked
    ended(client, made, Failed(message="once"), source="a.csv")
    ended(client, made, Failed(message="twice"), source="a.csv")
    ended(client, made, Crashed(message="gone"), source="b.csv")
    ended(client, made, Failed(message="mended since"), source="c.csv")
    ended(client, made, Completed(message="well"), source="c.csv")
    before = {run.id for run in runs_of(client, made)}
    assert retry(["failed", "--list", "--case", "births"]) == 0
    assert len(runs_of(client, made)) == len(before) == 5
    assert retry(["failed", "--case", "births"]) == 0
    new = [run for run in runs_of(client, made) if run.id not in before]
    assert sorted(run.parameters["source"] for run in new) == ["a.csv", "b.csv"]
    assert all({"casebook", "retry"} <= set(run.tags) for run in new)
    assert retry(["failed", "--case", "births"]) == 0
    assert len(runs_of(client, made)) == 7
    said = capsys.readouterr().out
    assert said.count(": started again\n") == 2
    assert said.count(": was started again before\n") == 2


@pytest.mark.slow
def test_a_range_is_filled_once_and_so_many_at_once(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client, _ = asked
    words = ["births", "--from", "2026-01-30", "--to", "2026-02-02", "--at-once", "3", "--source", "/d/{date}.csv"]
    assert backfill(words) == 0
    room = client.read_deployment_by_name("births/backfill")
    found = runs_of(client, room.id)
    assert sorted(run.parameters["source"] for run in found) == [
        "/d/2026-01-30.csv",
        "/d/2026-01-31.csv",
        "/d/2026-02-01.csv",
        "/d/2026-02-02.csv",
    ]
    assert room.global_concurrency_limit.limit == 3
    assert room.concurrency_options.collision_strategy.value == "ENQUEUE"
    words[4] = "2026-02-03"
    assert backfill(words) == 0
    assert len(runs_of(client, room.id)) == 5
    said = capsys.readouterr().out
    assert "4 runs of births, 3 at once. " in said
    assert "1 runs of births, 3 at once; 4 had been asked for before. " in said
    client.delete_deployment(room.id)
    with pytest.raises(CasebookError, match="has no deployment for them here"):
        backfill(["marathon", "--from", "2026-01-01", "--to", "2026-01-02", "--source", "{date}.csv"])


def test_the_commands_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.__main__ import main

    assert main(["backfill", "births", "--from", "2026-01-02", "--to", "2026-01-01", "--source", "{date}"]) == 2
    assert "before --from" in capsys.readouterr().err
