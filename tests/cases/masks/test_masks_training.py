"""Heads, recipes chosen on left out sources, thresholds by cost, controls, and what the 8-bit form loses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.masks.evaluation.controls import run_controls
from tasks.cases.masks.evaluation.scores import Sides, judge, measure, score_cases
from tasks.cases.masks.features.groups import group_faces
from tasks.cases.masks.ingestion import WITH, WITHOUT
from tasks.cases.masks.report.tables import list_faces, wrong_faces
from tasks.cases.masks.training.heads import balanced, fit_head, keras_head, logits_of
from tasks.cases.masks.training.model import Recognition, calibrate
from tasks.cases.masks.training.network import VIEWS, shown, small
from tasks.cases.masks.training.recipes import (
    OWN,
    RECIPES,
    choose_recipe,
    class_accuracy,
    compare_recipes,
    recipe_named,
)

CLASSES = [WITHOUT, WITH]


@pytest.mark.parametrize("classes", [2, 3])
def test_a_head_gives_the_chances_of_the_regression(classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    y = np.arange(300) % classes
    features = rng.normal(size=(300, 6)).astype(np.float32) + y[:, None]
    logits = logits_of(fit_head(features, y, classes), features)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    theirs = LogisticRegression(max_iter=100, tol=1e-3).fit(features, y).predict_proba(features)
    assert np.allclose(chances, theirs, atol=1e-4)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=60))
def test_balanced_weights_count_classes_and_their_sources_alike(rows: list[tuple[int, int]]) -> None:
    y, sources = (np.array(part) for part in zip(*rows, strict=True))
    weights = balanced(y, sources)
    assert weights.mean() == pytest.approx(1)
    totals = [weights[y == number].sum() for number in np.unique(y)]
    assert np.allclose(totals, totals[0])
    for number in np.unique(y):
        parts = [weights[(y == number) & (sources == source)].sum() for source in np.unique(sources[y == number])]
        assert np.allclose(parts, parts[0])


def planted(count: int = 240) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Features of whole pictures tell the source, and so the class; those of faces tell the mask, a little noisily."""
    rng = np.random.default_rng(4)
    y = np.arange(count) % 2
    sources = y * 2 + (np.arange(count) // 2) % 2
    face = rng.normal(0, 0.4, (count, 8)) + np.where(y, 1, -1)[:, None] * np.eye(8)[0]
    of_source = rng.normal(0, 0.1, (count, 8)) + 3 * np.eye(8)[sources]
    features = {"whole0": of_source + 0.05 * face, "face0": face}
    features |= {f"view{number}": face + rng.normal(0, 0.2, face.shape) for number in range(1, VIEWS + 1)}
    return features, y, sources, sources % 2


def test_what_only_tells_the_source_fails_on_left_out_sources_and_is_not_chosen() -> None:
    features, y, sources, left_out = planted()
    compared = compare_recipes.fn(features, y, sources, np.arange(len(y)), left_out, 2)
    means = compared.table.groupby("recipe")["accuracy"].mean()
    assert means["faces cut out tight"] > means["whole pictures"] + 0.2
    assert compared.table["n"].tolist() == [120] * 2 * len(RECIPES)
    chosen = choose_recipe.fn(compared.table, compared.logits, None, None, y, np.arange(len(y)), "")
    assert chosen.choice.recipe.crop == "face"
    assert chosen.choice.correct == chosen.right.sum()
    assert chosen.right.mean() > 0.9


def test_the_simpler_recipe_is_taken_where_more_gains_nothing_and_the_network_where_there_is_no_other() -> None:
    y, rows = np.array([0, 1]), np.arange(2)
    names = [recipe.name for recipe in RECIPES]
    table = pd.DataFrame({"recipe": names, "round": 0, "n": 2, "accuracy": [0.7, 0.951, 0.954, 0.90, 0.954]})
    logits = np.zeros((len(names), 2, 2), np.float32)
    assert choose_recipe.fn(table, logits, None, None, y, rows, "").choice.recipe.name == names[1]
    network = pd.DataFrame({"recipe": [OWN], "round": [0], "n": [2], "accuracy": [0.99]})
    better = choose_recipe.fn(table, logits, network, logits[:1], y, rows, "").choice
    assert better.recipe.own
    alone = choose_recipe.fn(None, None, network, logits[:1], y, rows, "no weights").choice
    assert alone.recipe == recipe_named(OWN)
    assert "no weights" in alone.why


def test_class_accuracy_is_no_plain_share() -> None:
    assert class_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])) == 0.5


@given(st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_the_threshold_is_where_both_mistakes_cost_the_same(miss: float, alarm: float) -> None:
    unseen = np.array([[1.0, -1.0], [-1.0, 1.0], [0.2, 0.1], [np.nan, np.nan]], np.float32)
    y, rows = np.array([0, 1, 1, 0]), np.arange(4)
    known = calibrate.fn(unseen, y, rows, CLASSES, RECIPES[1], True, miss, alarm)
    assert (1 - known.threshold) * miss == pytest.approx(known.threshold * alarm, rel=1e-6)
    assert known.temperature > 0
    assert known.alone


def test_every_face_is_shown_as_it_is_and_in_views_the_last_of_the_whole_picture() -> None:
    faces, wholes = np.zeros((5, 96, 96, 3), np.uint8), np.full((5, 96, 96, 3), 200, np.uint8)
    pictures = shown(faces, wholes, np.array([1, 3]), 0)
    assert pictures.shape == (2 * (1 + VIEWS), 48, 48, 3)
    assert pictures[:2].max() == 0
    assert pictures[-2:].mean() > pictures[2:-2].mean()
    assert small(np.zeros((0, 96, 96, 3), np.uint8)).shape == (0, 48, 48, 3)


@pytest.mark.slow
def test_figures_controls_and_the_8_bit_form_hang_together() -> None:
    from tasks.training.networks.litert import convert

    features, y, _, _ = planted(200)
    rng = np.random.default_rng(1)
    labels = np.array(CLASSES)[y]
    manifest = pd.DataFrame(
        {
            "path": [f"{label}/{number}.jpg" for number, label in enumerate(labels)],
            "id": [f"{number:032x}" for number in range(200)],
            "label": labels,
            "width": np.where(y, 100, 120) + rng.integers(-5, 6, 200),  # the files give the class away
            "height": 100,
            "bytes": rng.integers(3000, 4000, 200),
            "orientation": 1,
            "format": "JPEG",
            "mode": "RGB",
        }
    )
    faces = rng.integers(0, 255, (200, 96, 96, 3), np.uint8)
    train, test = np.arange(120), np.arange(120, 200)
    naive = np.arange(200) % 4 == 0
    head = fit_head(features["face0"][train], y[train], 2)
    model = keras_head(head)
    inputs = features["face0"].astype(np.float32)
    known = Recognition(classes=CLASSES, own=False, recipe="", detect=True, temperature=1.0, threshold=0.5, side=96)
    groups, table = np.arange(80) // 2, pd.DataFrame({"found": np.ones(200)})
    judged = judge.fn(
        inputs, convert(model), convert(model, inputs[train]), known, y[test], test, manifest, groups, table
    )
    expected = logits_of(head, inputs[test]).argmax(axis=1) == y[test]
    assert (judged.right == expected).all()
    controls = run_controls.fn(manifest, faces, features["whole0"], y, train, test, naive, 2, 0)
    assert (controls.files == y[test]).mean() > 0.95
    assert (controls.crops == y[test]).mean() < 0.65
    found = measure.fn(
        judged,
        judged,
        controls,
        np.ones(120, bool),
        np.arange(120),
        Sides(CLASSES, {"by_source": True}),
        None,
        2.0,
        1.0,
    )
    metrics = {metric.name: metric for metric in found.metrics}
    assert metrics["accuracy"].value == pytest.approx(expected.mean())
    assert metrics["accuracy"].low <= metrics["accuracy"].value <= metrics["accuracy"].high
    assert metrics["accuracy_8bit"].value >= metrics["accuracy"].value - 0.03
    passes = judged.table["verdict"] == WITH
    wrong = 2.0 * (passes & (labels[test] == WITHOUT)) + (~passes & (labels[test] == WITH))
    assert metrics["cost"].value == pytest.approx(wrong.mean())
    cases = score_cases.fn(judged.right, groups, controls.colours, y[test])
    assert cases.scores.sum() == expected.sum()
    assert len(list_faces.fn(judged.table, judged.table)) == 160
    assert len(wrong_faces.fn(judged.table, faces, test)) == min(12, int((~expected).sum()))


def test_one_source_in_a_class_is_not_taken_for_two() -> None:
    manifest = pd.DataFrame(
        {"path": [f"x/{n}.jpg" for n in range(40)], "id": [f"{n:032x}" for n in range(40)], "label": CLASSES * 20}
    )
    pictures = np.random.default_rng(0).integers(0, 255, (40, 96, 96, 3), np.uint8)
    grouped = group_faces.fn(manifest, pictures, pictures, pd.DataFrame({"found": np.zeros(40)}))
    assert len(set(grouped.sources)) == 2
