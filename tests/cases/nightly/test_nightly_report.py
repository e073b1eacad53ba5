"""What a night tells: the table, the sentences, and the drift that was planted in night 20."""

import random
from pathlib import Path

import pandas as pd
import pytest
from publishing.run_folders import leave

from tasks.cases.nightly.commands import Outcome
from tasks.cases.nightly.report import answer, cases_table, compose, describe_night
from tasks.cases.nightly.watch import nights, series_of, watch
from tasks.publishing.page import render
from tasks.publishing.report import Report, masked
from tasks.publishing.results import read_runs


def month(output: Path, last: int, shift: float = 0.0, rows: int = 900, seed: int = 1) -> str:
    """Leave `last` nights of a case with three figures; the first shifts in night 20, as the rows do."""
    draw = random.Random(seed)
    name = ""
    for night in range(1, last + 1):
        late = night >= 20
        values = [25 + draw.gauss(0, 1) + (shift if late else 0), draw.gauss(0, 1), 7.0]
        metrics = [
            {"name": name, "value": value, "unit": "€", "low": value - 2, "high": value + 2, "champion": 24.0}
            for name, value in zip(("mae", "other", "same"), values, strict=True)
        ]
        count = round(rows * (1 + draw.gauss(0, 0.03)) * (2 if late and shift else 1))
        data = [{"source": "sample", "sha256": "ab", "rows": count}]
        name = leave(output, "rentals", night, metrics=metrics, data=data).name
    return name


def alarms(output: Path, last: int, **more: float) -> set[str]:
    run = month(output, last, **more)  # type: ignore[arg-type]
    frame = watch({"rentals": run}, output)
    return set(frame.loc[frame["drifted"], "figure"])


def test_a_drift_of_night_20_is_told_in_night_22_and_none_before(tmp_path: Path) -> None:
    run = {night: alarms(tmp_path / str(night), night, shift=12.0) for night in (15, 19, 20, 21, 22)}
    assert run == {15: set(), 19: set(), 20: set(), 21: set(), 22: {"mae", "rows of sample"}}


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_month_has_no_alarm(tmp_path: Path, seed: int) -> None:
    assert alarms(tmp_path, 30, seed=seed) == set()


def test_only_nights_of_the_same_source_count_and_one_a_day(tmp_path: Path) -> None:
    run = month(tmp_path, 5)
    leave(tmp_path, "rentals", 40, parameters={"source": "public"})
    leave(tmp_path, "rentals", 41, metrics=[], answer="No answer: refused.")
    past = read_runs(tmp_path, "rentals").runs
    assert len(nights(past)) == 6
    assert {len(item.values) for item in series_of("rentals", tmp_path, run)} == {5}
    assert series_of("rentals", tmp_path, "no-such-run") == []
    again = [past[-1].model_copy(update={"run": "later"}), past[-1]]
    assert [item.run for item in nights(again)] == ["later"]


def test_the_night_is_told_case_by_case(tmp_path: Path) -> None:
    run = month(tmp_path, 22, shift=12.0)
    outcomes = [
        Outcome(case="rentals", state="answered", seconds=12.0, run=run),
        Outcome(case="movies", state="failed", seconds=3.0, reason="films.csv: <b>no</b> film (exit status 1)"),
        Outcome(case="quality", state="left out", reason="the time was up"),
    ]
    night = describe_night.fn([item.model_dump() for item in outcomes], tmp_path, 60.0)
    told = night.findings.answer
    assert told.startswith("1 of 3 cases answered in 15.0 s. movies failed. quality did not fit into the time and was")
    assert "Drifted: mae of rentals and rows of sample of rentals." in told
    assert night.findings.verdict is not None
    assert night.findings.verdict.met is False
    assert night.cases.loc[0, ["verdict", "cached"]].tolist() == ["met", 0.75]
    given = {"answer": told, "sections": night.findings.sections, "metrics": night.findings.metrics}
    html = render(masked(Report(flow="nightly", question="Did every case answer?", **given)))
    assert "films.csv: &lt;b&gt;no&lt;/b&gt; film" in html
    assert "3 nights lie beyond" in html


def test_a_whole_night_is_told_so(tmp_path: Path) -> None:
    run = month(tmp_path, 3)
    table = cases_table([Outcome(case="rentals", state="answered", seconds=70.0, run=run)], tmp_path)
    drift = watch({"rentals": run}, tmp_path)
    found = compose(table, drift, 240.0)
    assert found.answer == "1 of 1 cases answered in 1 min 10 s. Nothing has drifted."
    assert found.verdict is not None
    assert found.verdict.met is True
    assert "figures have too few nights yet" in str(found.sections[1])
    assert watch({}, tmp_path).empty
    assert isinstance(answer(table, drift[drift["drifted"]]), str)
    assert isinstance(drift, pd.DataFrame)
