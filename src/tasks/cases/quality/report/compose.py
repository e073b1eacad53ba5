"""What the quality case has to say: which products will be faulty, by which rules, and what a change would do."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.evaluation.charts import Charts
from tasks.cases.quality.evaluation.scores import FOUND, Evaluation
from tasks.cases.quality.evaluation.what_if import WhatIf
from tasks.cases.quality.features.inputs import Chosen
from tasks.cases.quality.figures import confusion_figure, curve_figure, importance_figure, values_figure
from tasks.cases.quality.ingestion.roles import Roles
from tasks.cases.quality.report.sections import (
    calibration_section,
    charts_section,
    inputs_section,
    models_section,
    rules_section,
    what_if_section,
)
from tasks.cases.quality.training.derive import Derivation
from tasks.cases.quality.training.models import Calibration, Candidates
from tasks.cases.quality.training.rules import TestedRules
from tasks.evaluation.metrics import Metric
from tasks.evaluation.words import metric_words
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.blocks import Figure, Section
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

ENOUGH, CLOSE = 0.9, 0.02  # average precision, and calibration error, that count as good


class Results(NamedTuple):
    """What is told of `tasks.cases.quality.features.split.SplitProducts`: the results alone."""

    y_train: np.ndarray
    y_test: np.ndarray


class Mended(NamedTuple):
    """What is told of `tasks.cases.quality.training.models.Fitted`: how chances were calibrated."""

    calibration: Calibration


@stage(phase="Deployment")
def describe_quality(
    roles: Roles,
    split: Results,
    predictions: pd.DataFrame,
    choice: dict[str, str],
    compared: Candidates,
    chosen: Chosen,
    derived: Derivation,
    found: Evaluation,
    importance: pd.DataFrame,
    rules: TestedRules,
    charts: Charts,
    asked: WhatIf,
    fitted: Mended,
) -> Findings:
    """Say what was found; nothing, where shuffled results are predicted as well.

    Args:
        roles: of the columns.
        split: results of the products.
        predictions: of the test products.
        choice: names of model and baseline.
        compared: models in cross-validation.
        chosen: columns that are inputs, and those that are none.
        derived: inputs that were tried.
        found: figures of the test products.
        importance: of the inputs.
        rules: as tested.
        charts: the control charts and their alarms.
        asked: what-ifs.
        fitted: the model's calibration.
    """
    y, null, main = split.y_test, found.null, found.metrics[0]
    by_name = {metric.name: metric for metric in found.metrics}
    sure = null["p"] <= FOUND
    sections = []
    if sure:
        if roles.kind != "number":
            sections.append(rules_section(rules.table, roles, float((y == 1).mean())))
        sections.append(_importance(importance, main.name))
        sections.append(what_if_section(asked.table, asked.smallest, asked.search, asked.curves, roles))
        if roles.kind == "faulty":
            sections.append(calibration_section(found.reliability, by_name, fitted.calibration.way))
    sections.append(charts_section(charts.table, charts.points, charts.limits, roles))
    sections.append(inputs_section(chosen.aside, derived.tried))
    sections.append(models_section(compared.table, choice, null, sure))
    return Findings(
        answer=_answer(by_name, rules.table, roles, sure, null, y),
        verdict=_verdict(by_name, roles, sure, null),
        hero=[_hero(roles, y, predictions, found.curve, main, choice)],
        sections=sections,
        metrics=found.metrics,
        limits=_limits(roles, len(split.y_train)),
    )


def _answer(
    metrics: dict[str, Metric], rules: pd.DataFrame, roles: Roles, found: bool, null: dict[str, float], y: np.ndarray
) -> str:
    if not found:
        return (
            f"Nothing found: the inputs in this table do not tell {roles.target} any better than shuffled results would"
            f" let them (which do as well {percent(null['p'], 1)} of the time)."
        )
    if roles.kind == "number":
        error = metrics["rmse"]
        return (
            f"{roles.target} can be foreseen with a typical error of {error.value:,.3g}, where a simple model errs by"
            f" {error.baseline or 0:,.3g}; {percent(metrics['coverage'].value)} of the products kept aside lie inside"
            " their interval."
        )
    if roles.kind == "classes":
        main = metrics["macro_f1"]
        return (
            f"The class of a product ({roles.target}) can be foreseen with a macro F1 of {main.value:.2f}"
            f" (1 is without an error, a simple model reaches {main.baseline or 0:.2f}).{_first_rule(rules)}"
        )
    recall, right = metrics["recall_at_cost"], metrics.get("precision_at_cost")
    total, caught = int(y.sum()), round(recall.value * (recall.n or 0))
    alarms = f" and {percent(right.value)} of the alarms are right" if right else ""
    return (
        f"{caught:,} of {total:,} faulty products among {len(y):,} that were kept aside are recognised from their"
        f" inputs{alarms}.{_first_rule(rules)}"
    )


def _first_rule(rules: pd.DataFrame) -> str:
    told = rules[rules["told"].astype(bool)]
    if told.empty:
        return " No simple rule explains them."
    best = told.sort_values("hits", ascending=False, kind="stable").iloc[0]
    return (
        f" The rule that explains most: {best['rule']} ({best['hits']} of {best['n']} such products were {best['of']})."
    )


def _verdict(metrics: dict[str, Metric], roles: Roles, found: bool, null: dict[str, float]) -> Verdict:
    if not found:
        return Verdict(met=False, sentence=f"No better than chance (p = {null['p']:.3f}, {FOUND} or less is wanted).")
    if roles.kind == "faulty":
        value, error = metrics["pr_auc"].value, metrics["ece"].value
        good, close = value >= ENOUGH, error <= CLOSE
        return Verdict(
            met=good and close,
            sentence=f"PR-AUC is {value:.3f}, {'at least' if good else 'less than'} {ENOUGH:.2f}, and the expected"
            f" calibration error {error:.4f}, {'at most' if close else 'more than'} {CLOSE}.",
        )
    main = metrics["rmse" if roles.kind == "number" else "macro_f1"]
    gain = main.value < (main.baseline or 0) if roles.kind == "number" else main.value > (main.baseline or 0)
    than = "better than" if gain else "no better than"
    return Verdict(
        met=gain, sentence=f"{main.name} is {main.value:.3g}, {than} the simple model's {main.baseline:.3g}."
    )


def _hero(
    roles: Roles, y: np.ndarray, predictions: pd.DataFrame, curve: pd.DataFrame, main: Metric, choice: dict[str, str]
) -> Figure:
    if roles.kind == "faulty":
        return figure_block(
            curve_figure(curve, main.value, main.baseline or 0, float(y.mean()), choice["baseline"], len(y)),
            "Precision against recall for the model and the simple baseline.",
            "Every point is a threshold: further right more faulty products are found, further up fewer alarms"
            " are false.",
        )
    if roles.kind == "classes":
        return figure_block(
            confusion_figure(y, predictions.to_numpy().argmax(axis=1), roles.classes),
            "Which true class is predicted as which.",
        )
    return figure_block(
        values_figure(y, predictions, main.value, main.baseline or 0, roles.target),
        "Measured against predicted values with the interval.",
    )


def _importance(importance: pd.DataFrame, metric: str) -> Section:
    return Section(
        title="What the model rests on",
        intro=f"How much of the {metric_words(metric)} is lost on the test products when one input is shuffled, what is"
        " derived from it with it. Inputs that say the same share their importance, so a small bar does not mean that"
        " an input is useless.",
        blocks=[figure_block(importance_figure(importance, metric_words(metric)), "Loss when each input is shuffled.")],
    )


def _limits(roles: Roles, train_rows: int) -> list[str]:
    split = (
        f"The test products are the last by {roles.time}."
        if roles.time
        else f"Groups ({roles.group}) stand on one side of the split only."
        if roles.group
        else "The split is a draw among all rows: where neighbouring rows are alike, give --time or --group."
    )
    limits = [
        "Rules, curves and what-ifs are correlations in these data; none proves that a change causes the result.",
        f"{split} The model has learned from {train_rows:,} products; of other machines it knows nothing.",
        "Control charts assume that the rows stand in the order of production.",
    ]
    if roles.kind == "number":
        limits.append("For a measured target no rules are looked for and no smallest change is searched.")
    if roles.kind == "classes":
        limits.append(
            "For classes the what-ifs speak of the chance not to be of the commonest class; chances are not calibrated."
        )
    return limits
