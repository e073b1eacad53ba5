"""Planted answers give the figures that they must; thresholds keep their rate; figures hold at 2 and 1,000 classes."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.cases.image_classes.evaluation.open_set import FALSE_ALARMS, refuse_by_head, refuse_by_network
from tasks.cases.image_classes.evaluation.scores import (
    Answers,
    choose_candidate,
    evaluate_answers,
    list_predictions,
    score_candidate,
)
from tasks.cases.image_classes.features import SplitPictures, learned_from, split_pictures
from tasks.cases.image_classes.figures import (
    classes_figure,
    compared_figure,
    confused_pairs,
    confusion_figure,
    curves_figure,
    scores_figure,
)
from tasks.cases.image_classes.report.sections import training_section
from tasks.cases.image_classes.training import lesson
from tasks.cases.image_classes.training.budget import Schedule, Speed, _expected, _fitting
from tasks.features.splits import LEARN, TEST, UNUSED, VALIDATE
from tasks.figures.reliability import reliability_figure
from tasks.figures.style import figure_to_svg
from tasks.platform.errors import ContractError
from tasks.training.networks.heads import fit_head
from tasks.training.networks.plan import Architecture, make_plan

FACTS = {"seconds": 2.0, "pictures_per_second": 50.0, "epochs": 3.0, "parameters": 10, "expected": 0.9}


def answers(count: int, classes: int, wrong: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and logits, of which the first `wrong` ones of the second half are wrong."""
    labels = np.arange(count) % classes
    told = labels.copy()
    told[count // 2 : count // 2 + wrong] = (told[count // 2 : count // 2 + wrong] + 1) % classes
    return labels, np.eye(classes)[told] * 5 + np.random.default_rng(seed).normal(0, 0.1, (count, classes))


def evaluated(count: int = 200, classes: int = 4, wrong: int = 7, leaks: int = 0):  # type: ignore[no-untyped-def]
    labels, logits = answers(count, classes, wrong)
    parts = np.where(np.arange(count) < count // 2, VALIDATE, TEST).astype(np.int8)
    manifest = pd.DataFrame({"path": [f"{number}.png" for number in range(count)]})
    names = [f"c{number}" for number in range(classes)]
    leaked = pd.DataFrame({"test": manifest["path"].tail(leaks), "training": manifest["path"].head(leaks).to_numpy()})
    simple, none = np.zeros(count // 2), np.zeros((0, classes), np.float32)
    given = Answers(np.arange(count), logits, none, FACTS)
    split = SplitPictures(parts, labels, np.arange(count), names, leaked)
    return evaluate_answers.fn(manifest, given, split, simple, None, 1.0, 0)


def test_figures_are_those_of_the_planted_answers() -> None:
    found = evaluated(leaks=20)
    values = {metric.name: metric for metric in found.metrics}
    assert values["accuracy"].value == pytest.approx(0.93)
    assert values["accuracy"].baseline == 0
    assert values["accuracy_no_duplicates"].value == pytest.approx(73 / 80)
    assert values["training_images_per_second"].value == 50
    assert np.trace(found.confusion) == 93
    assert found.confusion.sum() == 100
    assert found.per_class["n"].tolist() == [25] * 4
    assert set(found.mistakes["path"]) == {f"{number}.png" for number in range(100, 107)}
    assert set(found.suspects["path"]) == set(found.mistakes["path"])
    assert "accuracy_no_duplicates" not in {metric.name for metric in evaluated().metrics}


def test_candidates_are_compared_on_the_same_pictures_kept_aside() -> None:
    labels, logits = answers(300, 3, 0)
    parts = np.repeat([LEARN, VALIDATE, TEST], 100).astype(np.int8)
    none = np.zeros((0, 3), np.float32)
    worse = logits.copy()
    worse[100:110] *= -1  # in validation
    lucky = logits.copy()
    lucky[:90] *= -1  # wrong where only this one has answers
    scored = [
        score_candidate.fn("network", np.arange(100, 300), worse[100:], none, labels, parts, FACTS),
        score_candidate.fn("head", np.arange(300), lucky, none, labels, parts, FACTS),
    ]
    assert [row["judged_n"] for row in scored] == [100, 100]
    assert choose_candidate.fn(scored) == "head"
    manifest = pd.DataFrame({"path": list("abc") * 100})
    split = SplitPictures(parts, labels, np.arange(300), list("xyz"), pd.DataFrame())
    table = list_predictions.fn(manifest, Answers(np.arange(300), logits, none, FACTS), split, 1.0)
    assert (table["given"] == table["told"]).all()
    assert len(table) == 100


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        ((100, 100), "being right most often on training pictures that it had not seen"),
        ((100, 0), "there are too few pictures to keep any aside, so that nothing of the kind is known of second"),
        ((0, 0), "the first that was named, as there are too few pictures to keep any aside"),
        ((100,), "first is used. Simple models"),
    ],
)
def test_the_report_says_why_an_architecture_is_used(judged: tuple[int, ...], told: str) -> None:
    figures = {"accuracy": 0.5, "accuracy_tta": None, "expected": None, "epochs": 1.0}
    scored: list[dict[str, Any]] = [
        {
            "name": name,
            "judged": 0.5 if n else None,
            "judged_n": n,
            "seconds": 2.0,
            "pictures_per_second": 5.0,
            **figures,
        }
        for name, n in zip(("first", "second"), judged, strict=False)
    ]
    simple = pd.DataFrame({"model": ["logistic regression"], "accuracy": [0.4]})
    assert told in (training_section(scored, {}, simple, "first", "own", []).intro or "")


def test_the_threshold_refuses_one_in_twenty_known_pictures_and_most_of_unknown_classes() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 60)
    vectors = (rng.normal(0, 1, (10, 40))[labels] + rng.normal(0, 0.4, (600, 40))).astype(np.float32)
    parts = np.where(np.arange(600) % 3 == 0, TEST, LEARN).astype(np.int8)
    learn, test = np.flatnonzero(parts == LEARN), np.flatnonzero(parts == TEST)
    headed = fit_head(vectors[learn], labels[learn], 10)
    rows = np.concatenate([learn, test])
    logits = np.concatenate([headed.out_of_fold, headed.head.logits(vectors[test])])
    rule = refuse_by_head.fn(headed.head, vectors, labels, rows, logits, parts, 1.0, {"penalty": headed.strength}, 0)
    assert rule.false_alarms is not None
    assert rule.low is not None
    assert rule.low <= FALSE_ALARMS <= (rule.high or 0)
    assert (rule.found or 0) > 0.8
    assert rule.n == 200
    few = refuse_by_network.fn(rows[-30:], logits[-30:], parts, 1.0)
    assert few.threshold is None


def manifest_of(*sizes: int, tested: int = 0) -> pd.DataFrame:
    labels = np.repeat([f"c{number}" for number in range(len(sizes))], sizes)
    frame = pd.DataFrame({"label": labels, "path": [f"{number}.png" for number in range(len(labels))]})
    frame["collection"] = (np.arange(len(labels)) >= len(labels) - tested).astype("int8")
    return frame


NO_DUPLICATES = pd.DataFrame({"group": pd.Series(dtype=int), "number": pd.Series(dtype=int)})


def test_near_duplicates_stay_on_one_side_and_those_of_a_given_test_are_counted() -> None:
    manifest = manifest_of(40, 40)
    pairs = pd.DataFrame({"group": np.repeat(np.arange(20), 2), "number": np.arange(40)})
    split = split_pictures.fn(manifest, pairs, 0.3, 0, 1)
    assert split.leaks.empty
    assert (split.part[:40].reshape(20, 2) == split.part[:40].reshape(20, 2)[:, :1]).all()
    given = split_pictures.fn(
        manifest_of(40, 40, tested=20), pd.DataFrame({"group": [0, 0], "number": [45, 75]}), 0.3, 0, 1
    )
    assert (given.part == TEST).sum() == 20
    assert given.leaks.to_numpy().tolist() == [["75.png", "45.png"]]


def test_ten_of_each_class_are_kept_and_the_test_part_stays() -> None:
    manifest = manifest_of(100, 50, 12)
    whole, few = (split_pictures.fn(manifest, NO_DUPLICATES, 0.2, most, 1) for most in (0, 10))
    np.testing.assert_array_equal(whole.part == TEST, few.part == TEST)
    assert np.bincount(few.labels[learned_from(few.part)]).tolist() == [10, 10, 10 if 12 - 2 >= 10 else 9]
    assert (few.part == UNUSED).any()
    assert np.bincount(few.labels[few.part == VALIDATE]).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("most", "aside"), [(1, 0), (3, 0), (20, 2), (70, 7), (78, 8), (1_000, 8)])
def test_of_so_many_of_each_class_a_tenth_is_kept_aside(most: int, aside: int) -> None:
    """All were learned from: networks had no temperature, and several could not be compared."""
    split = split_pictures.fn(manifest_of(100, 100), NO_DUPLICATES, 0.2, most, 1)
    learned, kept = (
        [int(((split.part == part) & (split.labels == label)).sum()) for label in (0, 1)] for part in (LEARN, VALIDATE)
    )
    assert kept == [aside] * 2
    assert learned == [min(most, 80) - aside] * 2


def test_a_thousand_classes_and_too_few_pictures() -> None:
    split = split_pictures.fn(manifest_of(*[5] * 1_000), NO_DUPLICATES, 0.2, 0, 1)
    assert len(np.unique(split.labels[split.part == LEARN])) == 1_000
    assert len(split.classes) == 1_000
    with pytest.raises(ContractError, match="left to test on"):
        split_pictures.fn(manifest_of(5, 5), NO_DUPLICATES, 0.2, 0, 1)


@pytest.mark.parametrize(("each", "classes"), [(10, 2), (10, 3), (11, 4), (30, 2), (5, 9)])
def test_ten_pictures_of_each_class_are_enough(each: int, classes: int) -> None:
    """README says so, and 8 of 43 pictures were refused as too few to test on."""
    split = split_pictures.fn(manifest_of(*[each] * classes), NO_DUPLICATES, 0.2, 0, 1)
    assert 10 <= (split.part == TEST).sum() <= each * classes / 2
    for label in range(classes):
        assert (split.part[split.labels == label] != TEST).sum() >= each // 2
    assert (split_pictures.fn(manifest_of(40, 40), NO_DUPLICATES, 0.2, 0, 1).part == TEST).sum() == 16  # as asked for


def test_a_schedule_fits_into_its_budget_and_expects_less_of_less() -> None:
    parts = np.repeat([LEARN, VALIDATE, TEST], [48_000, 2_000, 5_000]).astype(np.int8)
    epochs, _ = _fitting(466.0, 20.0, parts, "airbench")
    assert 9 < epochs < 11
    assert epochs * 48_000 / 466 < 20 * 60
    assert _fitting(1e6, 20.0, parts, "airbench")[0] == 40
    assert 0 < _fitting(1.0, 0.01, parts, "airbench")[0] < 0.1
    expected = [_expected("airbench", epochs, 48_000, 0.55) for epochs in (0.01, 0.5, 1, 3, 10, 100)]
    assert expected == sorted(expected)
    assert 0.54 < expected[0] < expected[-1] < 0.95


@pytest.mark.parametrize(
    ("architecture", "epochs", "pictures", "simple", "reached"),
    [
        ("airbench", 40, 900, 0.460, 0.644),
        ("airbench", 40, 4_500, 0.513, 0.774),
        ("wide", 40, 4_500, 0.513, 0.773),
        ("airbench", 12, 13_500, 0.554, 0.838),
        ("classic", 12, 13_500, 0.554, 0.666),
        ("wide", 28, 48_000, 0.574, 0.919),
    ],
)
def test_fewer_pictures_are_expected_to_teach_less(
    architecture: Architecture, epochs: float, pictures: int, simple: float, reached: float
) -> None:
    """Of 4,500 pictures of CIFAR-10 it expected 89 %."""
    assert _expected(architecture, epochs, pictures, simple) == pytest.approx(reached, abs=0.05)


@pytest.mark.parametrize(
    ("minutes", "pictures", "chosen"),
    [(20.0, 48_000, ["airbench"]), (60.0, 48_000, ["wide"]), (60.0, 5_000, ["airbench"])],
)
def test_auto_takes_the_wide_network_for_a_budget_that_airbench_cannot_use(
    minutes: float, pictures: int, chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = np.repeat([LEARN, VALIDATE, TEST], [pictures, 2_000, 5_000]).astype(np.int8)

    def planned(*given: Any, **_: Any) -> Any:
        name, minutes, epochs = given[3:6]
        plan = make_plan(name, 32, 10, pictures, epochs or _fitting(900.0, minutes, parts, name)[0])
        speed = Speed(device="processor", precision="float32", pictures_per_second=900.0)
        return SimpleNamespace(load=lambda _: Schedule(plan=plan, speed=speed, minutes=minutes))

    monkeypatch.setattr(lesson, "schedule", planned)
    split, simple = SimpleNamespace(labels=None, part=None), SimpleNamespace(mirror=True, table=None)
    given: Any = (None, [], None, split, simple)
    here = lesson.Lesson(*given, minutes)
    assert here.fill(["airbench"], "auto", 0, 1) == chosen
    assert here.fill(["airbench"], "airbench", 0, 1) == ["airbench"]
    assert here.fill(["airbench"], "auto", 60, 1) == ["airbench"]
    assert here.fill(["classic"], "auto", 0, 1) == ["classic"]


@pytest.mark.parametrize("classes", [2, 12, 1_000])
def test_figures_hold_whatever_the_number_of_classes(classes: int) -> None:
    names = ["$x$ <b>", "", *(f"{'long ' * 20}{number}" for number in range(classes - 2))]
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 3, (classes, classes)) * (rng.random((classes, classes)) < 20 / classes**2)
    confusion += np.diag(np.full(classes, 9))
    n = confusion.sum(axis=1)
    per_class = pd.DataFrame({"class": names, "n": n, "recall": 9 / n, "low": 0.5, "high": 1.0})
    for figure in (confusion_figure(confusion, names), classes_figure(per_class)):
        svg = figure_to_svg(figure)
        assert len(svg) < 400_000
        assert "mathdefault" not in svg
    perfect = np.diag(np.full(classes, 9))
    assert confused_pairs(perfect, names).empty
    figure_to_svg(confusion_figure(perfect, names))


def test_small_figures_hold() -> None:
    rows = pd.DataFrame({"class": ["a", "b"], "chance": [0.999, 0.001], "refused": [True, True]})
    history = pd.DataFrame({"epoch": [1], "accuracy": [0.5]})
    scored = [{"name": "a", "accuracy": 0.5, "seconds": 0.01}, {"name": "b", "accuracy": 0.4, "seconds": 0.01}]
    reliable = pd.DataFrame({"told": [1.0], "happened": [1.0], "low": [0.9], "high": [1.0], "n": [40]})
    for figure in (
        scores_figure(rows, "cup.jpg"),
        curves_figure({"classic": history}),
        compared_figure(scored, 0.1),
        reliability_figure(reliable, 0.0, "told chance of the answer", "share that was right", zoomed=True),
    ):
        assert "mathdefault" not in figure_to_svg(figure)
