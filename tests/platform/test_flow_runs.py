"""Names and tags of runs: they tell case, data and time, and no secret."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.platform.flow_runs import LONGEST, announced, data_label, name_in_progress, run_name, told
from tasks.platform.run import Run
from tasks.platform.settings import apply_prefect_settings

MOMENT = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("sample", "sample"),
        ("", ""),
        (None, ""),
        ("/data/2026/listings.csv", "listings.csv"),
        ("~/Pictures/", "Pictures"),
        ("https://user:secret@host.org/data/prices.csv?token=secret", "prices.csv"),
        ("https://host.org", "https:…"),
        ("odd\x1b[31m\u202ename", "odd␛[31m[U+202E]name"),
    ],
)
def test_the_data_are_named_shortly_and_without_secrets(source: str | None, label: str) -> None:
    found = data_label({"source": source})
    assert "secret" not in found
    assert found == label or (label.endswith("…") and found)


def test_a_name_tells_case_data_and_time() -> None:
    words = run_name("rentals", {"source": "sample"}, MOMENT).split()
    assert words[:2] == ["rentals", "sample"]
    assert words[2] in ("2026-11-25", "2026-11-26")
    assert len(data_label({"source": "/x/" + "y" * 500})) <= LONGEST


def test_outside_of_a_flow_run_nothing_is_asked_of_prefect(tmp_path: Any) -> None:
    apply_prefect_settings()
    assert name_in_progress() == "run"
    run = Run("demo", tmp_path / "demo" / "r", MOMENT)
    run.answer = "So it is."
    assert told(run, "report.html") == "report.html"
    assert announced(lambda **given: given, {"a": 1}) == {"a": 1}
