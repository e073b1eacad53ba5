"""The recommendations case end to end: taste found, new rows cached, the contract and wrong paths named."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.cases.recommendations.sample import NOISE, PLANTED, USERS, sample_ratings
from tasks.cases.recommendations.training.als import GRIDS
from tasks.platform.errors import ContractError, UsageError


@pytest.mark.slow
def test_the_sample_from_end_to_end_and_again(prefect_server: str, spark: Any, monkeypatch: pytest.MonkeyPatch):
    from flows.recommendations import recommendations
    from tasks.publishing.predictions import predict

    few = [[choice.model_copy(update={"iterations": 4}) for choice in grid] for grid in GRIDS["one"]]
    monkeypatch.setitem(GRIDS, "one", few)
    report = Path(recommendations(search="one", split="random"))
    result = json.loads((report.parent / "result.json").read_text())
    metrics = {metric["name"]: metric for metric in result["metrics"]}
    assert metrics["ndcg@10_gain"]["low"] > 0
    rmse = {name: metrics[f"rmse_{name}"]["value"] for name in ("als", "biases", "item_mean", "mean")}
    assert 0.8 * NOISE < rmse["als"] < rmse["biases"] < rmse["item_mean"] < rmse["mean"]
    assert metrics["rmse"]["value"] == rmse["als"]
    assert metrics["rmse"]["baseline"] == rmse["biases"], "the best simple prediction"
    assert result["verdict"]["met"] is True
    assert result["quarantine"]["total"] == sum(PLANTED.values())
    assert f"{USERS} users" in result["answer"]
    page = report.read_text()
    for title in ("What to watch next", "Films liked by the same people", "New users and new films"):
        assert title in page
    with (report.parent / "recommendations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 * USERS
    assert len({(row["user"], row["film"]) for row in rows}) == len(rows)
    again = json.loads((Path(recommendations(search="one", split="random")).parent / "result.json").read_text())
    found = predict("recommendations", "Harbour No. 10; Orchard No. 11; Lantern No. 12", model="recommendations-sample")
    assert len(found.table) == 10
    assert predict("recommendations", "1").table["title"].tolist() == [
        row["title"] for row in rows if row["user"] == "1"
    ]
    live = {"locate", "read_champion", "promote", "publish_report"}
    assert {stage["name"] for stage in again["stages"] if stage["state"] == "ran"} <= live
    assert again["metrics"] == result["metrics"]


@pytest.mark.slow
def test_permuted_ratings_make_no_claim_about_stars(
    prefect_server: str, spark: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Who watched what still tells what is watched; how it is rated, nothing does."""
    from flows.recommendations import recommendations

    few = [[choice.model_copy(update={"iterations": 2}) for choice in grid] for grid in GRIDS["one"]]
    monkeypatch.setitem(GRIDS, "one", few)
    drawn = sample_ratings(users=120, films=100, ratings=5_000).ratings
    dealt = drawn.assign(rating=np.random.default_rng(3).permutation(drawn["rating"]))
    dealt.to_csv(tmp_path / "ratings.csv", index=False)
    result = json.loads(
        (Path(recommendations(str(tmp_path), search="one", split="random")).parent / "result.json").read_text()
    )
    metrics = {metric["name"]: metric for metric in result["metrics"]}
    assert metrics["rmse"]["value"] < 1.01 * metrics["rmse_mean"]["value"]
    assert result["verdict"]["met"] is False
    assert "stars are predicted better" not in result["verdict"]["sentence"]


def test_wrong_sources_are_named(prefect_server: str, tmp_path: Path):
    from flows.recommendations import recommendations

    with pytest.raises(UsageError, match="no such file or folder"):
        recommendations(source=str(tmp_path / "missing"))
    file = tmp_path / "ratings.csv"
    file.write_text("userId,movieId,stars,timestamp\n1,1,4,5\n")
    with pytest.raises(ContractError, match="lacks the column rating"):
        recommendations(source=str(file))
    file.write_text("userId,movieId,rating,timestamp\n" + "1,1,4,5\n" * 9)
    with pytest.raises(ContractError, match="at least 500 ratings"):
        recommendations(source=str(file))
