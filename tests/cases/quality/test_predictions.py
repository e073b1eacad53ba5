"""The published model asked about new products: faulty, classes and numbers, and what is unlike what was learned."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.cases.quality.features.inputs import Recipe, prepare
from tasks.cases.quality.ingestion.roles import Kind, Roles
from tasks.cases.quality.predictions import FAR, predict
from tasks.cases.quality.training.models import Calibration, build
from tasks.evaluation.champions import Champion
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.store import store

COUNT = 400


def learned() -> pd.DataFrame:
    """Pressure follows temperature closely, so that a high one with a low other was never there."""
    rng = np.random.default_rng(1)
    heat = rng.uniform(0, 100, COUNT)
    return pd.DataFrame({"heat": heat, "press": heat + rng.normal(0, 2, COUNT), "line": rng.choice(["A", "B"], COUNT)})


def champion(kind: Kind) -> Champion:
    frame = learned()
    results = {
        "faulty": (frame["heat"] > 80).to_numpy(float),
        "classes": (frame["heat"] // 34).to_numpy(float),
        "number": frame["heat"].to_numpy() * 2,
    }
    classes = ["low", "middle", "high"] if kind == "classes" else []
    roles = Roles(target="result", kind=kind, faulty=["1"], classes=classes, inputs=list(frame.columns))
    recipe = Recipe(numbers=["heat", "press"], texts={"line": ["A", "B"]})
    model = build("forest", kind, 0).fit(prepare(frame, recipe).to_numpy(), results[kind])
    parts = {"model": model, "calibration": Calibration(width=5.0), "recipe": recipe, "roles": roles, "learned": frame}
    stored = {name: store().put(part) for name, part in parts.items()}
    return Champion(model="quality-x", version=1, run="r", config={"model": "forest"}, artifacts=stored)


def asked(folder: Path, **columns: object) -> str:
    row = {"heat": [90.0], "press": [90.0], "line": ["A"], **{name: [value] for name, value in columns.items()}}
    file = folder / "asked.csv"
    pd.DataFrame(row).to_csv(file, index=False)
    return str(file)


def test_a_chance_to_be_faulty(home: Path, tmp_path: Path) -> None:
    model = champion("faulty")
    hot, cold = (predict(model, asked(tmp_path, heat=value, press=value)) for value in (95.0, 20.0))
    assert hot.table["chance"].iloc[0] > 0.9
    assert cold.table["chance"].iloc[0] < 0.1
    assert hot.answer.startswith("The chance of this product to be faulty is more than 99.9 %")
    assert list(hot.warnings) == []


def test_the_likeliest_class_and_all_chances(home: Path, tmp_path: Path) -> None:
    found = predict(champion("classes"), asked(tmp_path, heat=10, press=10))
    assert found.answer.startswith("This product is most likely low (")
    chances = found.table.filter(like="chance of ").iloc[0]
    assert chances.sum() == pytest.approx(1)
    assert chances.idxmax() == "chance of low"


def test_a_value_with_its_range(home: Path, tmp_path: Path) -> None:
    found = predict(champion("number"), asked(tmp_path, heat=50, press=50))
    row = found.table.iloc[0]
    assert abs(row["value"] - 100) < 6
    assert row["high"] - row["low"] == pytest.approx(10)
    assert found.answer.startswith("result will be about ")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"heat": 300}, "heat 300 (learned from"),
        ({"line": "C"}, "line 'C' (never seen)"),
        ({"heat": 95, "press": 5}, FAR),
    ],
    ids=["range", "text", "combination"],
)
def test_what_is_unlike_is_told(home: Path, tmp_path: Path, columns: dict[str, object], reason: str) -> None:
    found = predict(champion("faulty"), asked(tmp_path, **columns))
    assert reason in found.table["unlike"].iloc[0]
    assert reason in found.warnings[0]


def test_what_cannot_be_asked_is_one_sentence(home: Path, tmp_path: Path) -> None:
    model = champion("faulty")
    with pytest.raises(UsageError, match="no such file"):
        predict(model, str(tmp_path / "none.csv"))
    with pytest.raises(ContractError, match="row 1: heat is no number"):
        predict(model, asked(tmp_path, heat="hot"))
    file = tmp_path / "short.csv"
    file.write_text("heat,press\n1,2\n")
    with pytest.raises(ContractError, match="lacks the columns line"):
        predict(model, str(file))
    file.write_text("heat,press,line\n")
    with pytest.raises(ContractError, match="0 rows"):
        predict(model, str(file))
