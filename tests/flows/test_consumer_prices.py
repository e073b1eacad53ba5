"""The case of the consumer prices as its user meets it: on the sample, from the store, and with wrong arguments."""

import json
from pathlib import Path
from typing import Any

import pytest
from flow_commands import without_our_script

from tasks.cases.consumer_prices.ingestion.source import WAYS
from tasks.ingestion.files import locate
from tasks.platform.errors import UsageError
from tasks.platform.settings import settings

QUICK = {"every": 6, "test_years": 20}
LIVE = {"locate", "read_champion", "promote", "publish_report"}


def result_of(report: str) -> dict[str, Any]:
    return json.loads((Path(report).parent / "result.json").read_text())


@pytest.mark.slow
def test_the_sample_end_to_end_and_then_from_the_store(prefect_server: str, tmp_path: Path) -> None:
    settings.cache_clear()
    from flows.consumer_prices import consumer_prices

    report = consumer_prices(**QUICK)
    first = result_of(report)
    metrics = {item["name"]: item for item in first["metrics"]}
    assert first["question"].endswith("unsteady has it become?")
    assert "index points a year" in first["answer"]
    assert metrics["mape_gain"]["low"] > 0
    assert metrics["mape"]["value"] < metrics["mape"]["baseline"]
    assert 0.9 < metrics["coverage@95"]["value"] <= 1
    assert metrics["power"]["value"] > metrics["false_alarm_rate"]["value"]
    assert first["data"][0]["rows"] == 204  # one of them cannot be read
    assert {"forecast", "prices", "years"} <= set(first["artifacts"])
    page = Path(report).read_text()
    for words in (
        "How prices rise",
        "How far the test can be trusted",
        "How good the forecast is",
        "Stand: 06.11.2009",
    ):
        assert words in page
    assert "<script" not in without_our_script(page)
    again = result_of(consumer_prices(**QUICK))
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert again["answer"] == first["answer"]
    assert again["metrics"] == first["metrics"]


@pytest.mark.parametrize("source", ["/no/such/file.csv", ""])
def test_a_wrong_path_is_one_sentence(source: str) -> None:
    with pytest.raises(UsageError, match=r"no such file or folder; give sample, public, a \.csv or") as caught:
        locate.fn(source, WAYS)
    assert caught.value.exit_status == 2
