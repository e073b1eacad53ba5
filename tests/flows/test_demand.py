"""The whole case: the sample on both engines and again from the store, a refusal, and the stores' weekly sales."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flow_commands import command, environment_of, result_of, without_our_script

from tasks.cases.demand.sample import sample_sales

pytestmark = pytest.mark.slow
LIVE = {"locate", "read_items", "read_champion", "promote", "publish_report"}


def run(tmp_path: Path, server: str, *options: str) -> Path:
    done = command("demand", *options, environment=environment_of(tmp_path, server))
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.splitlines()[-1])


def metrics(report: Path) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in result_of(report)["metrics"]}


@pytest.fixture
def options(tmp_path: Path) -> tuple[str, ...]:
    """A small table of sales and what is known of one item, as a command takes them."""
    sample_sales(items=6, stores=2).frame.to_csv(tmp_path / "small.csv", index=False)
    (tmp_path / "items.csv").write_text("item,store,stock,lead_time,pack\nitem 001,store 01,0,2,12\n")
    return ("--source", str(tmp_path / "small.csv"), "--items", str(tmp_path / "items.csv"), "--horizon", "8")


def test_the_orders_follow_from_the_forecasts_and_the_second_run_is_cached(
    prefect_server: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    report = run(tmp_path, prefect_server, *options)
    first = result_of(report)
    found = metrics(report)
    assert found["wape"]["value"] < found["wape"]["baseline"]
    assert 70 < found["coverage_90"]["value"] < 99
    page = report.read_text()
    assert "ended without stock" in page
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    orders = pd.read_csv(report.parent / "orders.csv").set_index(["item", "store"])
    assert len(orders) == 12
    named = orders.loc[("item 001", "store 01")]
    assert named["quantity"] > 0
    assert named["quantity"] % 12 == 0
    assert bool(named["order_today"])
    forecasts = pd.read_csv(report.parent / "forecasts.csv")
    assert set(forecasts["level"]) == {"series", "item", "store", "all"}
    sums = forecasts.groupby(["level", "date"])["forecast"].sum().unstack("level")
    for level in ("item", "store", "all"):
        assert sums[level].to_numpy() == pytest.approx(sums["series"].to_numpy())
    again = result_of(run(tmp_path, prefect_server, *options))
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert again["answer"] == first["answer"]


@pytest.mark.long  # its stages are held to this by tests/cases/demand/test_demand_spark.py
def test_both_engines_order_alike(prefect_server: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    ours = run(tmp_path, prefect_server, *options)
    theirs = run(tmp_path, prefect_server, *options, "--engine", "spark")
    found = metrics(ours)
    for name, metric in metrics(theirs).items():
        assert metric["value"] == pytest.approx(found[name]["value"], rel=1e-6), name
    orders, other = (
        pd.read_csv(report.parent / "orders.csv").set_index(["item", "store"])["quantity"] for report in (ours, theirs)
    )
    assert other.to_dict() == orders.to_dict()


def test_dates_that_can_be_meant_both_ways_are_asked_about(prefect_server: str, tmp_path: Path) -> None:
    rows = "".join(f"{day:02d}/{month:02d}/2026,{day}\n" for month in range(1, 13) for day in range(1, 13))
    (tmp_path / "odd.csv").write_text(f"date,units\n{rows}")
    options = ("--source", str(tmp_path / "odd.csv"))
    done = command("demand", *options, environment=environment_of(tmp_path, prefect_server))
    assert done.returncode == 2
    assert "--date-order day or --date-order month" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_the_stores_are_forecast_better_than_by_any_simple_rule(
    prefect_server: str, tmp_path: Path, shared: Path
) -> None:
    report = run(tmp_path, prefect_server, "--source", str(shared / "data" / "demand" / "weekly_store_sales.csv"))
    found = metrics(report)
    assert found["wape"]["value"] <= 3.8
    assert round(found["wape"]["baseline"], 2) == 4.15
    assert 87 <= found["coverage_90"]["value"] <= 93
    assert found["cost_saved"]["low"] > 0
    assert found["fill_rate"]["value"] >= found["fill_rate"]["baseline"]
    gain = re.search(r"The gain over drift\s+is ([\d.]+) points, beyond chance", report.read_text())
    assert gain
