"""How many faces are judged right, of each class, on people never seen and on another source; and are chances true?"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.masks.evaluation.controls import Controls
from tasks.cases.masks.ingestion import WITH
from tasks.cases.masks.training.model import Recognition, verdicts
from tasks.cases.masks.training.recipes import Recipe
from tasks.evaluation.calibration import calibration_error, calibration_null, reliability_by_width
from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage


class Judged(NamedTuple):
    """What the model says of pictures, and how the 8-bit form of it does."""

    table: pd.DataFrame  # path, label, verdict, right, right_8bit, confidence, chance <class>, group, found; a row each
    right: np.ndarray  # bool (m,)


class Sides(NamedTuple):
    """What the figures need of `tasks.cases.masks.features.split.Split`."""

    classes: list[str]
    facts: dict[str, float | bool]  # by_source: whether whole sources were left out


@stage(phase="Evaluation")
def judge(
    inputs: np.ndarray,
    lite: bytes,
    lite8: bytes,
    known: Recognition,
    y: np.ndarray,
    rows: np.ndarray,
    manifest: pd.DataFrame,
    groups: np.ndarray,
    table: pd.DataFrame,
) -> Judged:
    """Ask the model about pictures.

    Args:
        inputs: (n, …) features or crops of all pictures of a manifest.
        lite: the model.
        lite8: its 8-bit form.
        known: classes, temperature and threshold.
        y: (m,) true classes of `rows`.
        rows: (m,) of the manifest.
        manifest: `path`, `label`.
        groups: (m,) which of `rows` belong together.
        table: `found`, of the manifest's faces.
    """
    from tasks.cases.masks.training.network import small
    from tasks.training.networks.litert import LiteModel

    seen = np.asarray(inputs[rows])
    seen = small(seen) if known.own else seen
    told, chances = verdicts(LiteModel(lite)(seen), known)
    told8, _ = verdicts(LiteModel(lite8)(seen), known)
    result = pd.DataFrame(
        {
            "path": manifest["path"].iloc[rows].to_numpy(),
            "label": manifest["label"].iloc[rows].to_numpy(),
            "verdict": np.array(known.classes)[told],
            "right": told == y,
            "right_8bit": told8 == y,
            "confidence": chances[np.arange(len(told)), told],
            **{f"chance {name}": chances[:, number] for number, name in enumerate(known.classes)},
            "group": groups,
            "found": table["found"].to_numpy()[rows] > 0,
        }
    )
    return Judged(result, told == y)


@stage(phase="Evaluation")
def score_cases(right: np.ndarray, groups: np.ndarray, colours: np.ndarray, y: np.ndarray) -> Cases:
    """Score each test picture, 1 for right and 0 for wrong, beside the simple baseline's score."""
    simple = np.asarray(colours).argmax(axis=1) == y
    return Cases(right.astype(np.float64), np.unique(groups, return_inverse=True)[1].ravel(), simple.astype(np.float64))


class Measured(NamedTuple):
    """The figures, and what their drawings need."""

    metrics: list[Metric]
    classes: pd.DataFrame  # class, n, right, share, low, high, source
    reliability: pd.DataFrame  # told, happened, low, high, n


def share(name: str, right: Any, groups: np.ndarray | None = None, note: str = "", **rest: float) -> Metric:
    """Return a share with its interval: by groups where there are some, exact where every or no case is right."""
    right = np.asarray(right, bool)
    ends = exact_binomial(int(right.sum()), len(right))
    if groups is not None and not right.all() and right.any() and len(np.unique(groups)) > 1:
        ends = bootstrap(right.astype(float), groups=groups)
    return Metric(name=name, value=float(right.mean()), low=ends[0], high=ends[1], n=len(right), note=note, **rest)


def chances_of(table: pd.DataFrame, classes: list[str]) -> np.ndarray:
    """Return the told chances, (m, classes), of a table of judged pictures."""
    return table[[f"chance {name}" for name in classes]].to_numpy(np.float64)


def numbers_of(labels: pd.Series, classes: list[str]) -> np.ndarray:
    """Return the number of each label, int64 (m,)."""
    return labels.map({name: number for number, name in enumerate(classes)}).to_numpy(np.int64)


@stage(phase="Evaluation")
def measure(
    ours: Judged,
    elsewhere: Judged | None,
    controls: Controls,
    left_out: np.ndarray,
    left_groups: np.ndarray,
    split: Sides,
    champion: np.ndarray | None,
    miss_cost: float,
    alarm_cost: float,
) -> Measured:
    """Measure the model, its 8-bit form and the controls.

    Args:
        ours: pictures of people never seen, judged.
        elsewhere: pictures of another source; None without one.
        controls: what each tells of the judged pictures.
        left_out: bool (k,), learning pictures told right when their source was left out.
        left_groups: (k,) which of them belong together.
        split: the classes, and whether whole sources were left out.
        champion: the champion's score of each test picture; None without one.
        miss_cost: of letting somebody pass without a mask.
        alarm_cost: of stopping somebody with one.
    """
    judged, other, classes = ours.table, elsewhere.table if elsewhere else None, split.classes
    groups, y = judged["group"].to_numpy(), numbers_of(judged["label"], classes)
    simple = np.asarray(controls.colours).argmax(axis=1) == y
    most = float(np.bincount(y).max() / len(y))
    whose = {} if champion is None or len(champion) != len(y) else {"champion": float(np.mean(champion))}
    metrics = [
        share(
            "accuracy",
            judged["right"],
            groups,
            "grouped split: people and pictures never seen",
            baseline=float(simple.mean()),
            **whose,
        )
    ]
    if other is not None:
        metrics.append(share("accuracy_test", other["right"], other["group"].to_numpy(), "the other source"))
    note = (
        "learning pictures whose source was left out"
        if split.facts["by_source"]
        else "learning pictures whose group was left out"
    )
    metrics += [
        share("accuracy_left_out", left_out, left_groups, f"{note}; the recipe was chosen by it"),
        share(
            "accuracy_metadata_only",
            controls.crops == y,
            groups,
            "bytes of the crops, all encoded alike",
            baseline=most,
        ),
        share(
            "accuracy_metadata_files",
            controls.files == y,
            groups,
            "size, bytes, format of the files as they came",
            baseline=most,
        ),
        share("accuracy_naive_split", controls.naive, None, "random split of whole pictures, copies on both sides"),
        share(
            "accuracy_8bit",
            judged["right_8bit"],
            groups,
            "the 8-bit form on the same pictures",
            baseline=float(judged["right"].mean()),
        ),
    ]
    table = _by_class(judged, classes, "never seen")
    metrics += [
        Metric(
            name=f"recall_{str(row['class']).replace(' ', '_')}",
            value=row["share"],
            low=row["low"],
            high=row["high"],
            n=int(row["n"]),
        )
        for row in table.to_dict("records")
    ]
    if other is not None:
        table = pd.concat([table, _by_class(other, classes, "other source")], ignore_index=True)
    chances = chances_of(judged, classes)
    sure, likeliest = chances.max(axis=1), chances.argmax(axis=1)
    by_chance = calibration_null(sure)
    note = f"expected calibration error; {by_chance:.3f} would come by chance"
    metrics.append(Metric(name="ece", value=calibration_error(sure, likeliest == y), n=len(y), note=note))
    metrics.append(_cost(judged, classes, miss_cost, alarm_cost))
    return Measured(metrics, table, reliability_by_width(chances[:, classes.index(WITH)], y == classes.index(WITH)))


def _by_class(judged: pd.DataFrame, classes: list[str], source: str) -> pd.DataFrame:
    rows = []
    for name in classes:
        mine = judged[judged["label"] == name]
        if len(mine):
            found = share("", mine["right"], mine["group"].to_numpy())
            rows.append((name, len(mine), int(mine["right"].sum()), found.value, found.low, found.high, source))
    return pd.DataFrame(rows, columns=["class", "n", "right", "share", "low", "high", "source"])


def _cost(judged: pd.DataFrame, classes: list[str], miss_cost: float, alarm_cost: float) -> Metric:
    passes, proper = (judged[name].to_numpy() == WITH for name in ("verdict", "label"))
    cost = miss_cost * (passes & ~proper) + alarm_cost * (~passes & proper)
    low, high = bootstrap(cost, groups=judged["group"].to_numpy())
    note = f"per face; {miss_cost:g} for letting pass wrongly, {alarm_cost:g} for stopping wrongly"
    return Metric(name="cost", value=float(cost.mean()), low=low, high=high, n=len(judged), note=note)


@stage(phase="Evaluation")
def rescored(inputs: np.ndarray, lite: bytes, recipe: Recipe, rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the score of each test picture, 1 or 0, under another model's choices.

    Args:
        inputs: (n, …) features or crops of all pictures.
        lite: the model that was made with these choices.
        recipe: its recipe.
        rows: (m,) test rows.
        y: (m,) their classes.
    """
    from tasks.cases.masks.training.network import small
    from tasks.training.networks.litert import LiteModel

    seen = np.asarray(inputs[rows])
    return (LiteModel(lite)(small(seen) if recipe.own else seen).argmax(axis=1) == y).astype(np.float64)
