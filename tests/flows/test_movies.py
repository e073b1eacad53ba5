"""The whole case on its sample: the answer against the known truth, the report, and a cached second run."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow_commands import command, environment_of, result_of, without_our_script

from tasks.cases.movies.sample import expected_revenue, sample_movies, true_quantile

pytestmark = pytest.mark.slow


def run(tmp_path: Path, server: str) -> Path:
    done = command("movies", "--model", "ridge", environment=environment_of(tmp_path, server))
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.splitlines()[-1])


def new_films(folder: Path) -> Path:
    """Two films without revenue: the first of the sample, and one of a year that none of its films has."""
    first = sample_movies().frame.drop(columns=["Rank", "Description", "Revenue"]).head(1)
    file = folder / "new.csv"
    pd.concat([first, first.assign(Year=2031)]).to_csv(file, index=False)
    return file


def test_the_sample_is_answered_right_and_the_second_run_is_cached(prefect_server: str, tmp_path: Path) -> None:
    report = run(tmp_path, prefect_server)
    first = result_of(report)
    metrics = {item["name"]: item for item in first["metrics"]}
    drawn = sample_movies()
    revenue = drawn.frame["Revenue"].to_numpy()[~drawn.missing]
    noise = np.mean((revenue - expected_revenue(drawn.centre[~drawn.missing])) ** 2)
    best = 1 - noise / revenue.var()
    assert abs(metrics["r2"]["value"] - best) < 0.12
    assert metrics["rmse"]["high"] < metrics["rmse"]["baseline"]
    assert metrics["coverage"]["low"] <= 0.8 <= metrics["coverage"]["high"]
    filled = pd.read_csv(report.parent / "filled.csv").set_index("rank")
    truth = drawn.frame.assign(centre=drawn.centre).set_index("Rank")[drawn.missing]
    both = filled.loc[filled.index.intersection(truth.index)].join(truth, lsuffix="_given")
    assert len(both) == drawn.missing.sum()
    inside = both["Revenue"].between(both["low"] - 0.005, both["high"] + 0.005).mean()
    assert 0.7 < inside < 0.9
    assert np.corrcoef(both["predicted"], both["Revenue"])[0, 1] > 0.6
    middle = np.sqrt(both["predicted"]) - np.sqrt(true_quantile(both["centre"].to_numpy(), 0.5))
    assert abs(middle.median()) < 0.6
    page = report.read_text()
    for heading in ("The filled table", "Do the intervals hold?", "What carries the error?", "Who lacks a revenue"):
        assert heading in page
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    assert first["quarantine"]["total"] == 6
    environment = environment_of(tmp_path, prefect_server)
    asked = command("movies", "--predict", str(new_films(tmp_path)), environment=environment)
    assert asked.stdout.startswith("2 films, with the range that 80 % of such films fall into"), asked.stderr
    assert "Mind: unlike what was learned, so the answer is a guess: film 2: year 2031" in asked.stderr
    again = result_of(run(tmp_path, prefect_server))
    live = {"locate", "read_champion", "promote", "publish_report"}
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= live
    assert again["answer"] == first["answer"]
