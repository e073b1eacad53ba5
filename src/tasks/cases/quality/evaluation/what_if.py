"""What would the model say of a product if an input were different, and may it be asked that? A correlation, no cause.

A changed product is held against the training products: where its distance to the nearest of them is larger than that
of 99 of 100 training products to theirs, the model has seen nothing like it, and its answer is a guess. The interval
around an answer is the spread of the model when it learns from other draws of the training products (bootstrap).
"""

import re
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.evaluation.answers import Answers, Support, distances, support_of
from tasks.cases.quality.features.inputs import Recipe
from tasks.cases.quality.ingestion.roles import Kind, split_names
from tasks.cases.quality.training.models import Fitted
from tasks.ingestion.csv_text import read_strictly
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

MOST_CHANGES = 200
STEPS, PAIR_STEPS = 81, 25
CURVES = 60  # products in the figure of single curves


class Products(NamedTuple):
    """What is asked about of `tasks.cases.quality.features.split.SplitProducts`."""

    train: pd.DataFrame
    y_train: np.ndarray
    test: pd.DataFrame


class WhatIf(NamedTuple):
    """What the model says of changed products."""

    table: pd.DataFrame  # change, before, after, low, high, distance, limit, outside, why
    smallest: pd.DataFrame  # input, unit change: from, to, deviations; the smallest change that reaches the goal
    search: dict[str, float | str | bool]  # before, after, low, high, deviations, reached, outside, goal
    curves: pd.DataFrame  # input, value, product (-1: the mean), answer


def read_changes(text: str, recipe: Recipe) -> list[dict[str, str]]:
    """Read `Torque [Nm]=45,Speed=1500` as one change of some inputs.

    Raises:
        UsageError: an input that does not exist, or a part without a value.
    """
    changes, rest = {}, text.strip()
    while rest:
        fits = [name for name in recipe.raw if re.match(re.escape(name) + r"\s*=", rest)]
        if not fits:
            raise UsageError(
                f"--what-if {rest[:80]}: give input=value, separated by commas; the inputs are {', '.join(recipe.raw)}."
            )
        name = max(fits, key=len)
        value, _, rest = rest[len(name) :].lstrip()[1:].partition(",")
        changes[name], rest = value.strip(), rest.strip()
    return [changes] if changes else []


@stage(phase="Data preparation", live=True)
def read_what_if(what_if: str, train: pd.DataFrame, recipe: Recipe) -> list[dict[str, str]]:
    """Read the changes that are asked about, from the text itself or from a CSV with a row per change.

    Args:
        what_if: `input=value,…`, or the path of a CSV whose columns are inputs; empty for none.
        train: the training products.
        recipe: of the inputs.

    Raises:
        UsageError: an input that does not exist, or a value that it cannot have.
    """
    file = Path(what_if).expanduser()
    if what_if.lower().endswith(".csv") and "=" not in what_if:
        if not file.is_file():
            raise UsageError(f"--what-if {what_if}: no such file; give one, or input=value.")
        table = read_strictly(file, file.name, "give a CSV of inputs", dtype=str, keep_default_na=False).fillna("")
        odd = [str(name) for name in table.columns if name not in recipe.raw]
        if odd or not 0 < len(table) <= MOST_CHANGES:
            raise UsageError(
                f"--what-if {file.name}: {odd[0] if odd else f'{len(table):,} rows'} is not taken; give 1 to"
                f" {MOST_CHANGES} rows of the inputs {', '.join(recipe.raw)}."
            )
        changes = [
            {str(name): value.strip() for name, value in row.items() if value.strip()}
            for row in table.to_dict("records")
        ]
    else:
        changes = read_changes(what_if, recipe)
    changed(
        typical(train, recipe), [{}, *changes], recipe
    )  # a value that cannot be is refused before anything is learned
    return changes


def changed(base: pd.DataFrame, changes: list[dict[str, Any]], recipe: Recipe) -> pd.DataFrame:
    """Return the product `base` (1, …) once for each change, with that change.

    Raises:
        UsageError: a value that its input cannot have.
    """
    rows = pd.concat([base[recipe.raw]] * len(changes), ignore_index=True)
    for row, change in enumerate(changes):
        for name, value in change.items():
            if name in recipe.texts:
                if str(value) not in recipe.texts[name]:
                    raise UsageError(f"{name}={value}: it was one of {', '.join(recipe.texts[name])} in the data.")
                rows.loc[row, name] = str(value)
                continue
            try:
                number = float(value)
            except ValueError:
                number = np.nan
            if not np.isfinite(number):
                raise UsageError(f"{name}={value}: give a number.")
            rows.loc[row, name] = number
    return rows


def typical(train: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return a typical product, (1, …): medians, and the commonest text."""
    table = {name: [float(train[name].median())] for name in recipe.numbers}
    return pd.DataFrame(table | {name: [levels[0]] for name, levels in recipe.texts.items()})


@stage(phase="Evaluation")
def ask_what_if(
    split: Products,
    recipe: Recipe,
    kind: Kind,
    fitted: Fitted,
    name: str,
    changes: list[dict[str, str]],
    allowed: str,
    goal: float,
    drawn: list[str],
    seed: int,
) -> WhatIf:
    """Ask the model about changed products, and for the smallest change that reaches a chance.

    Args:
        split: the products; of those for testing, the one with the highest chance is the one that is to be mended.
        recipe: of the inputs.
        kind: of the result.
        fitted: the model, and the calibration of its chances.
        name: of the model.
        changes: of a typical product, each a set of inputs with their new values.
        allowed: inputs that may be changed in the search, separated by commas; all numbers when empty.
        goal: the chance that the smallest change has to reach.
        drawn: inputs whose curves are drawn.
        seed: of the refits.
    """
    from threadpoolctl import threadpool_limits

    train, test = split.train, split.test
    with threadpool_limits(1):
        answers = Answers(train, split.y_train, fitted.model, fitted.calibration, recipe, kind, name, seed)
        support = support_of(train, recipe, seed)
        base = typical(train, recipe)
        table = _asked(base, changes, answers, train, recipe, support)
        free = [item for item in (split_names(allowed, recipe.raw) or recipe.numbers) if item in recipe.numbers]
        smallest = _nothing_searched()
        search: dict[str, float | str | bool] = {}
        if kind != "number" and free:
            worst = test.iloc[[int(np.argmax(answers.of(test)))]].reset_index(drop=True)
            smallest, search = smallest_change(worst[recipe.raw], free, answers, train, recipe, support, goal)
        curves = pd.concat(
            [_curves(train, item, answers, recipe, seed) for item in drawn if item in recipe.numbers]
            or [pd.DataFrame({"input": [], "value": [], "product": [], "answer": []})]
        )
    return WhatIf(table, smallest, search, curves.reset_index(drop=True))


def _asked(
    base: pd.DataFrame,
    changes: list[dict[str, str]],
    answers: Answers,
    train: pd.DataFrame,
    recipe: Recipe,
    support: Support,
) -> pd.DataFrame:
    rows = changed(base, [{}, *changes], recipe)
    after, (low, high), far = answers.of(rows), answers.interval(rows), distances(rows, recipe, support)
    lines = []
    for place, change in enumerate([{}, *changes]):
        beyond = [
            item
            for item in change
            if item in recipe.numbers and not train[item].min() <= float(change[item]) <= train[item].max()
        ]
        why = f"{', '.join(beyond)} was never like that" if beyond else ""
        outside = bool(far[place] > support.limit or beyond)
        lines.append(
            {
                "change": ", ".join(f"{item} = {value}" for item, value in change.items())
                or "nothing (a typical product)",
                "before": after[0],
                "after": after[place],
                "low": low[place],
                "high": high[place],
                "distance": far[place],
                "limit": support.limit,
                "outside": outside,
                "why": why or ("no training product is near" if outside else ""),
            }
        )
    return pd.DataFrame(lines)


def _nothing_searched() -> pd.DataFrame:
    return pd.DataFrame({"input": pd.Series(dtype=object), "from": [], "to": [], "deviations": []})


def smallest_change(
    product: pd.DataFrame,
    free: list[str],
    answers: Answers,
    train: pd.DataFrame,
    recipe: Recipe,
    support: Support,
    goal: float,
) -> tuple[pd.DataFrame, dict[str, float | str | bool]]:
    """Search for the smallest change of one or two inputs, in standard deviations, after which the chance is `goal`.

    Args:
        product: the one to change, (1, …).
        free: inputs that may change.
        answers: the model.
        train: the training products; no input goes beyond what they had.
        recipe: of the inputs.
        support: where they lie; a change that leads out of it is taken only when none stays inside.
        goal: the chance to reach, from above.
    """
    spread = {item: float(train[item].std()) or 1.0 for item in free}
    grids = [{item: np.linspace(train[item].min(), train[item].max(), STEPS)} for item in free]
    for pair in combinations(free, 2):
        values = [np.linspace(train[item].min(), train[item].max(), PAIR_STEPS) for item in pair]
        crossed = np.array(np.meshgrid(*values)).reshape(2, -1)
        grids.append(dict(zip(pair, crossed, strict=True)))
    start = {item: float(product[item].iloc[0]) for item in free}
    best: tuple[bool, float, dict[str, float]] | None = None
    for grid in grids:
        rows = pd.concat([product] * len(next(iter(grid.values()))), ignore_index=True).assign(**grid)
        size = np.linalg.norm([(rows[item].to_numpy() - start[item]) / spread[item] for item in grid], axis=0)
        reached = np.flatnonzero(answers.of(rows) <= goal)
        reached = reached[np.argsort(size[reached])][:40]  # only the smallest need to be looked at
        if not len(reached):
            continue
        outside = distances(rows.iloc[reached], recipe, support) > support.limit
        for place, out in zip(reached, outside, strict=True):
            if best is None or (bool(out), size[place]) < best[:2]:
                best = (bool(out), float(size[place]), {item: float(rows[item].iloc[place]) for item in grid})
    before = float(answers.of(product)[0])
    facts: dict[str, float | str | bool] = {"before": before, "goal": goal, "reached": best is not None}
    if best is None or before <= goal:
        return _nothing_searched(), facts
    after = product.assign(**best[2])
    low, high = answers.interval(after)
    lines = [
        {"input": item, "from": start[item], "to": value, "deviations": (value - start[item]) / spread[item]}
        for item, value in best[2].items()
    ]
    facts |= {
        "after": float(answers.of(after)[0]),
        "low": float(low[0]),
        "high": float(high[0]),
        "deviations": best[1],
        "outside": bool(distances(after, recipe, support)[0] > support.limit),
    }
    return pd.DataFrame(lines), facts


def _curves(train: pd.DataFrame, item: str, answers: Answers, recipe: Recipe, seed: int) -> pd.DataFrame:
    """Return the answers for some training products when one input takes other values, and their mean.

    The mean is the partial dependence (J. Friedman, 2001), the single curves are A. Goldstein's (2015).
    """
    rows = train[recipe.raw].iloc[np.random.default_rng(seed).permutation(len(train))[:300]]
    values = np.unique(np.quantile(train[item].dropna(), np.linspace(0.01, 0.99, 31)))
    found = np.array([answers.of(rows.assign(**{item: value})) for value in values]).T
    lines = [pd.DataFrame({"input": item, "value": values, "product": -1, "answer": found.mean(axis=0)})]
    for number, line in enumerate(found[:CURVES]):
        lines.append(pd.DataFrame({"input": item, "value": values, "product": number, "answer": line}))
    return pd.concat(lines)
