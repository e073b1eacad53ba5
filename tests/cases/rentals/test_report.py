"""The words of the rentals report hold for the data that they stand beside."""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.rentals.evaluation.scaling import Scaling
from tasks.cases.rentals.report.compose import judge, map_caption
from tasks.cases.rentals.report.sections import engines_section, known_hosts, models_section
from tasks.evaluation.metrics import Metric


def metrics(baseline: float, value: float = 60.0) -> list[Metric]:
    return [Metric(name=name, value=value, n=40, baseline=baseline) for name in ("rmse", "mae")]


def test_without_an_error_to_fall_below_the_criterion_is_not_met() -> None:
    verdict = judge(metrics(0.0))
    assert not verdict.met
    assert "makes no error" in verdict.sentence


@pytest.mark.parametrize(("value", "met"), [(60.0, True), (80.0, False), (120.0, False)])
def test_the_criterion_is_both_errors(value: float, met: bool) -> None:
    assert judge(metrics(100.0, value)).met is met
    assert not judge([*metrics(100.0)[:1], *metrics(0.0)[1:]]).met


def test_only_published_coordinates_were_moved() -> None:
    assert map_caption("sample") == "Source: sample."
    assert "150 m" in map_caption("public")


def test_captions_say_what_was_compared() -> None:
    search = pd.DataFrame(
        {
            "model": ["linear"],
            "parameters": ["{}"],
            "rmse": [1.0],
            "rmse_sd": [1.0],
            "mae": [1.0],
            "mae_sd": [1.0],
            "seconds": [1.0],
            "chosen": [True],
        }
    )
    told = models_section(search, "€").model_dump_json()
    assert "mean absolute error chooses" in told
    assert "aims at" in told
    assert "RMSE (€)" in told
    assert "€" not in models_section(search, "").model_dump_json()
    engines = pd.DataFrame(
        {
            "model": ["linear"] * 2,
            "engine": ["pandas", "spark"],
            "rmse": [1.0, 1],
            "mae": [1.0, 1],
            "median_ae": [1.0, 1],
            "seconds": [1.0, 1],
            "megabytes": [1.0, 1],
        }
    )
    growth = Scaling(rows=[10, 20], pandas=[1, 2], spark=[3, 4], pandas_megabytes=[1, 1], spark_megabytes=[1, 1])
    assert "vectors that were prepared before" in engines_section(engines, growth, "€").model_dump_json()


@pytest.mark.parametrize(
    ("known", "new", "words"),
    [
        (10.0, 30.0, "training data are easier (a mean absolute error of 10"),
        (30.0, 10.0, "are harder"),
        (20.0, 20.0, "no sure"),
    ],
)
def test_known_hosts_are_called_easier_only_where_they_are(known: float, new: float, words: str) -> None:
    rng = np.random.default_rng(0)
    seen = np.arange(400) < 200
    off = np.where(seen, known, new) + rng.uniform(-1, 1, 400)
    table = pd.DataFrame({"price": 100.0, "forest": 100 + off * rng.choice([-1, 1], 400), "seen": seen})
    assert words in known_hosts(table, "forest", "€")
    assert known_hosts(table[table["seen"]], "forest", "€") == ""
