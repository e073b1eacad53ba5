"""By which rules do products fail? Rules in words, found in training products one after the other, tested on others.

Sequential covering (J. Fürnkranz, "Separate-and-Conquer Rule Learning", 1999): of small trees on the products that no
rule covers yet, the leaf with the highest lower bound of its share of faulty products (E. Wilson, JASA 1927) becomes a
rule, conditions that it does not need are dropped, and what it covers is put aside. A rule is told only when the exact
interval of its share on held-out products lies above the share among all of them.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.quality.features.inputs import Recipe, parts_of, prepare
from tasks.evaluation.intervals import exact_binomial
from tasks.platform.stage import stage

MOST_RULES = 8
DEEPEST = 4
FEWEST = 5  # training products under a rule
LIFT = 2.0  # the lower bound of a rule's share has to be this many times the share among what is left
CONDITION_COSTS = 0.06  # of the lower bound that one more condition has to be worth
Z = 1.96


class Condition(BaseModel):
    """One comparison: an input above or below a bound; an input of a text is 1 or 0."""

    input: str
    above: bool
    bound: float


class Found(BaseModel):
    """A rule: all of its conditions hold."""

    of: str  # what it leads to
    conditions: list[Condition]
    words: str
    train_n: int
    train_hits: int


class Rules(BaseModel):
    """Rules in the order in which they were found, and the share of products that no rule covers."""

    rules: list[Found] = []
    otherwise: float = 0.0


class TestedRules(NamedTuple):
    """How the rules fare on products that they were not found on."""

    table: pd.DataFrame  # rule, of, train_n, train_hits, n, hits, precision, low, high, base, recall, told
    rows: pd.DataFrame  # row, rule, chance, contribution: the first rule that holds for each product, exactly


def holds(rule: Found, given: pd.DataFrame) -> np.ndarray:
    """Return for which products (n, columns) a rule holds, (n,) bool; a missing value keeps no condition."""
    kept = np.ones(len(given), bool)
    for item in rule.conditions:
        values = given[item.input].to_numpy()
        kept &= values > item.bound if item.above else values <= item.bound
    return kept


def wilson_low(hits: float, n: float) -> float:
    """Return the lower end of Wilson's 95 % interval of the share `hits` of `n`."""
    if n == 0:
        return 0.0
    share, square = hits / n, Z * Z
    spread = Z * np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return float((share + square / (2 * n) - spread) / (1 + square / n))


@stage(phase="Modelling")
def find_rules(train: pd.DataFrame, y: np.ndarray, recipe: Recipe, names: list[str]) -> Rules:
    """Find the rules of faulty products, or of each class but the commonest.

    Args:
        train: the training products.
        y: numbers of their classes, (n,).
        recipe: of the inputs.
        names: what the rules of each class lead to; of the class 0, which has none, too.
    """
    # Of a text of two values, one is told: line is B, and not line is not A.
    twins = [f"{name} = {levels[0]}" for name, levels in recipe.texts.items() if len(levels) == 2]
    given = prepare(train, recipe).drop(columns=twins)
    commonest = int(np.bincount(y.astype(int)).argmax()) if len(names) > 2 else 0
    found: list[Found] = []
    left = np.ones(len(y), bool)
    for number, name in enumerate(names):
        if number != commonest:
            mine, uncovered = cover(given, y == number, name)
            found += mine
            left &= uncovered
    rest = y[left] != commonest
    return Rules(rules=found, otherwise=float(rest.mean()) if len(rest) else 0.0)


def cover(given: pd.DataFrame, faulty: np.ndarray, name: str) -> tuple[list[Found], np.ndarray]:
    """Return the rules of one kind of product, and which products none of them covers, (n,) bool.

    Args:
        given: inputs, (n, columns).
        faulty: (n,) bool.
        name: of the kind.
    """
    left, found = np.ones(len(faulty), bool), []
    for _ in range(MOST_RULES):
        rest, hit = given[left], faulty[left]
        if hit.sum() < FEWEST or hit.all():
            break
        best = max(_leaves(rest, hit), key=lambda pair: pair[0], default=(0.0, []))
        conditions = _pruned(best[1], rest, hit)
        draft = Found(of=name, conditions=conditions, words=in_words(conditions), train_n=0, train_hits=0)
        mine = holds(draft, rest)
        if not conditions or wilson_low(hit[mine].sum(), mine.sum()) < LIFT * hit.mean():
            break
        everywhere = holds(draft, given)
        counts = {"train_n": int(everywhere.sum()), "train_hits": int(faulty[everywhere].sum())}
        found.append(draft.model_copy(update=counts))
        left &= ~everywhere
    return found, left


def _leaves(given: pd.DataFrame, hit: np.ndarray) -> list[tuple[float, list[Condition]]]:
    """Return the leaves of small trees as conditions, each with what it is worth."""
    from sklearn.tree import DecisionTreeClassifier

    columns, found = [str(name) for name in given.columns], []
    filled = given.fillna(given.median()).fillna(0.0)
    for depth in range(1, DEEPEST + 1):
        for weight in (None, "balanced"):
            tree = DecisionTreeClassifier(
                criterion="entropy", max_depth=depth, min_samples_leaf=FEWEST, class_weight=weight, random_state=0
            )
            tree.fit(filled.to_numpy(), hit)
            where = tree.apply(filled.to_numpy())
            for leaf, path in _paths(tree.tree_, columns).items():
                mine = where == leaf
                value = wilson_low(hit[mine].sum(), mine.sum()) - CONDITION_COSTS * len(path)
                found.append((value, path))
    return found


def _paths(tree: object, columns: list[str]) -> dict[int, list[Condition]]:
    """Return the conditions that lead to each leaf of a tree of scikit-learn."""
    found: dict[int, list[Condition]] = {}
    open_nodes: list[tuple[int, list[Condition]]] = [(0, [])]
    while open_nodes:
        node, path = open_nodes.pop()
        feature = int(tree.feature[node])  # type: ignore[attr-defined]
        if feature < 0:
            found[node] = path
            continue
        bound = float(tree.threshold[node])  # type: ignore[attr-defined]
        for above, child in ((False, tree.children_left[node]), (True, tree.children_right[node])):  # type: ignore[attr-defined]
            new = Condition(input=columns[feature], above=above, bound=bound)
            kept = [item for item in path if (item.input, item.above) != (new.input, new.above)]
            open_nodes.append((int(child), [*kept, new]))
    return found


def _pruned(conditions: list[Condition], given: pd.DataFrame, hit: np.ndarray) -> list[Condition]:
    """Drop conditions, the least needed first, as long as the rule is worth no less without them."""

    def worth(kept: list[Condition]) -> float:
        mine = holds(Found(of="", conditions=kept, words="", train_n=0, train_hits=0), given)
        return wilson_low(hit[mine].sum(), mine.sum()) - CONDITION_COSTS * len(kept)

    while len(conditions) > 1:
        shorter = [[item for item in conditions if item is not gone] for gone in conditions]
        best = max(shorter, key=worth)
        if worth(best) < worth(conditions):
            break
        conditions = best
    return conditions


def number(value: float) -> str:
    """Return a bound as a reader wants it: four figures, thousands set off."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    digits = max(0, 3 - int(np.floor(np.log10(abs(value)))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_words(conditions: list[Condition]) -> str:
    """Return conditions as a sentence's part: Torque above 60 Nm and Type is L."""
    told = []
    for item in sorted(conditions, key=lambda item: (" = " in item.input, item.input, not item.above)):
        level = re.match(r"^(.*) = (.*)$", item.input)
        if level and 0 < item.bound < 1:
            told.append(f"{level[1]} is {'' if item.above else 'not '}{level[2]}")
            continue
        name, unit = parts_of(item.input)
        told.append(f"{name} {'above' if item.above else 'at most'} {number(item.bound)} {unit}".rstrip())
    return " and ".join(told)


@stage(phase="Evaluation")
def test_rules(rules: Rules | None, test: pd.DataFrame, y: np.ndarray, recipe: Recipe, names: list[str]) -> TestedRules:
    """Hold the rules against products that they were not found on.

    Args:
        rules: found in training products; None for none.
        test: other products.
        y: their results as numbers of classes, (n,).
        recipe: of the inputs.
        names: of the classes.
    """
    rules = rules or Rules()
    given = prepare(test, recipe)
    level = 1 - 0.05 / max(1, len(rules.rules))  # as many rules as are tested share the 5 % (C. Bonferroni, 1936)
    lines, first = [], np.full(len(test), -1)
    for place, rule in enumerate(rules.rules):
        mine, hit = holds(rule, given), y == names.index(rule.of)
        first = np.where((first < 0) & mine, place, first)
        n, hits, base = int(mine.sum()), int(hit[mine].sum()), float(hit.mean())
        low, high = exact_binomial(hits, n, level) if n else (0.0, 1.0)
        lines.append(
            {
                "rule": rule.words,
                "of": rule.of,
                "train_n": rule.train_n,
                "train_hits": rule.train_hits,
                "n": n,
                "hits": hits,
                "precision": hits / n if n else np.nan,
                "low": low,
                "high": high,
                "base": base,
                "recall": hits / max(1, int(hit.sum())),
                "told": low > base,
            }
        )
    columns = ["rule", "of", "train_n", "train_hits", "n", "hits", "precision", "low", "high", "base", "recall", "told"]
    shares = np.array([*(rule.train_hits / rule.train_n for rule in rules.rules), rules.otherwise])
    words = np.array([*(rule.words for rule in rules.rules), "no rule holds"], dtype=object)
    table = pd.DataFrame(
        {
            "row": np.arange(1, len(test) + 1),
            "rule": words[first],
            "chance": shares[first],
            "contribution": shares[first] - rules.otherwise,
        }
    )
    return TestedRules(pd.DataFrame(lines, columns=columns), table)
