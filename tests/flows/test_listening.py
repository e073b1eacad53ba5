"""The year in music as its user meets it: the sample's truth in the report, and nothing done twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.cases.listening.sample import sample_truth

pytestmark = pytest.mark.slow


def result_of(report: str | Path) -> dict[str, Any]:
    return json.loads((Path(report).parent / "result.json").read_text())


def test_the_sample_is_counted_right_and_the_second_run_is_cached(prefect_server: str) -> None:
    from flows.listening import listening

    truth = sample_truth()
    report = Path(listening())
    first = result_of(report)
    values = {metric["name"]: metric["value"] for metric in first["metrics"]}
    assert f"In 2024 you played {truth.plays_of_year[2024]:,} tracks by 60 artists" in first["answer"]
    assert "Quiet Harbour" in first["answer"]
    assert f"{truth.streak_days} days in a row" in first["answer"]
    assert first["question"] == "What was my year in music?"
    assert values["accounted"] == 1
    assert values["complete"] == pytest.approx(1 - truth.without_album / truth.plays)
    assert (values["plays_all"], values["quarantined"]) == (truth.plays, truth.lines - truth.plays)
    assert values["plays"] == truth.plays_of_year[2024]
    assert first["verdict"]["met"] is True
    assert "no champion" in first["champion"]
    assert first["data"][0]["rows"] == truth.lines
    assert first["quarantine"]["reasons"]["counted twice"] == truth.doubles
    page = report.read_text()
    for part in ("Against the year before", "Streaks and sessions", "Discoveries", "What was put aside"):
        assert part in page
    assert page.count("<svg") >= 9
    assert (report.parent / "top.csv").is_file()

    again = result_of(listening())
    states = {item["name"]: item["state"] for item in again["stages"]}
    ran = {name for name, state in states.items() if state == "ran"}
    assert ran <= {"locate_listening", "publish_report"}
    assert [again[key] for key in ("answer", "metrics", "quarantine")] == [
        first[key] for key in ("answer", "metrics", "quarantine")
    ]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--zone", "Mars/Phobos"], "is no time zone"),
        (["--export-zone", "../etc"], "is no time zone"),
        (["--session-gap", "0"], "greater than or equal to 1"),
        (["--year", "-3"], "greater than or equal to 0"),
    ],
)
def test_a_wrong_argument_is_one_sentence(argv: list[str], words: str) -> None:
    from flows.listening import listening
    from tasks.platform.command import parse_arguments
    from tasks.platform.errors import UsageError

    with pytest.raises(UsageError, match=words) as caught:
        parse_arguments(listening.fn, argv)
    assert caught.value.exit_status == 2
