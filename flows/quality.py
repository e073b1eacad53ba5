"""Quality: which products will be faulty, by which rules, and what the model says when an input changes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.quality.evaluation.charts import chart_inputs
from tasks.cases.quality.evaluation.null import measure_importance
from tasks.cases.quality.evaluation.scores import evaluate_products, score_products
from tasks.cases.quality.evaluation.what_if import ask_what_if, read_what_if
from tasks.cases.quality.features.inputs import choose_inputs
from tasks.cases.quality.features.split import split_products
from tasks.cases.quality.ingestion.roles import Roles, assign_roles
from tasks.cases.quality.ingestion.table import read_products
from tasks.cases.quality.learner import Learner
from tasks.cases.quality.report.compose import describe_quality
from tasks.cases.quality.report.tables import drawn_inputs, list_predictions
from tasks.cases.quality.training.derive import derive_inputs
from tasks.cases.quality.training.models import choose_model
from tasks.cases.quality.training.rules import find_rules, test_rules
from tasks.cases.quality.validation import REMEDY, quality_contract
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined, Seed
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def quality(
    source: str = "sample",
    target: str = "",
    faulty: str = "",
    kind: Literal["auto", "faulty", "classes", "number"] = "auto",
    leave_out: str = "",
    keep: str = "",
    group: str = "",
    time: str = "",
    test_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.2,
    model: Literal["auto", "boosting", "forest", "blend", "logistic"] = "auto",
    miss_cost: Annotated[float, Field(gt=0, le=1e9)] = 20.0,
    alarm_cost: Annotated[float, Field(gt=0, le=1e9)] = 1.0,
    what_if: str = "",
    allowed: str = "",
    goal: Annotated[float, Field(gt=0, lt=1)] = 0.05,
    seed: Seed = 42,
    max_quarantined: Quarantined = 0.05,
) -> Path:
    """Which products will be faulty, why, and what happens at the output when an input changes?

    The answer serves whoever runs a process: which products to check before they are sent, which limits of the inputs
    to watch, and what to try first. It is good when faulty products are ranked with a PR-AUC of at least 0.90 and told
    chances are off by at most 0.02 (expected calibration error), on products that the model has not seen.

    Args:
        source: sample, or a CSV with a row per product, as path or address
        target: the column with the result: 0 and 1, yes and no, classes, or a measured number; found where it is plain
        faulty: values of the target that count as faulty, separated by commas; found where they are plain
        kind: of the target; auto tells it from the values
        leave_out: columns that are known only afterwards, separated by commas; those that give the target away are
            found and said
        keep: columns that are inputs all the same, separated by commas
        group: column whose rows belong together (a batch, a machine), never on both sides of the split
        time: column that orders the rows; the last ones are for testing
        test_share: share of the products to test on
        model: auto (the best in cross-validation), boosting, forest, blend (of both), or logistic
        miss_cost: of a faulty product that is not found
        alarm_cost: of a false alarm
        what_if: input=value,input=value for a typical product, or a CSV with a row of changed inputs each
        allowed: inputs that the search for the smallest change may move, separated by commas; all numbers by default
        goal: chance to be faulty that the smallest change has to reach
        seed: of split, folds and models
    """
    # Data understanding
    data = read_products(source)
    assigned = assign_roles(data.frame, target, faulty, kind, leave_out, keep, group, time)
    roles = assigned.load(Roles)
    checked = check(data, quality_contract(roles, max_quarantined), REMEDY)

    # Data preparation: only training products decide what is an input
    split = split_products(checked.frame, roles, test_share, seed)
    chosen = choose_inputs(split.train, split.y_train, roles, split.folds, keep)
    changes = read_what_if(what_if, split.train, chosen.recipe)
    derived = derive_inputs(split.train, split.y_train, chosen.recipe, roles.kind, split.folds)
    recipe = derived.recipe

    # Modelling
    learner = Learner(split, recipe, roles, seed)
    compared = learner.compared
    choice = choose_model(compared.table, model).load(dict[str, str])
    name, simple = choice["model"], choice["baseline"]
    (ours, predictions), (_, baseline) = learner.learn(name), learner.learn(simple)
    rules = find_rules(split.train, split.y_train, recipe, roles.names) if roles.kind != "number" else None

    # Evaluation: on products never seen, against the strongest simple model, shuffled results, and the champion
    held = contest(
        f"quality-{data.name}",
        {"model": name, "target": roles.target, "seed": seed},
        score_products(split.y_test, split.groups_test, predictions, baseline, roles.kind),
        on=split.test,
        metric="squared_error" if roles.kind == "number" else "brier",
        better="lower",
        rescore=learner.rescore,
    )
    found = evaluate_products(
        split.y_test, split.groups_test, predictions, baseline, held.rival, roles, miss_cost, alarm_cost, simple, seed
    )
    importance = measure_importance(split.test, split.y_test, ours.model, recipe, roles, name, seed)
    tested = test_rules(rules, split.test, split.y_test, recipe, roles.names)
    charts = chart_inputs(split.train, split.y_train, recipe, roles.kind, seed)
    drawn = drawn_inputs(importance, changes).load(list[str])
    asked = ask_what_if(split, recipe, roles.kind, ours, name, changes, allowed, goal, drawn, seed)

    # Deployment
    findings = describe_quality(
        roles, split, predictions, choice, compared, chosen, derived, found, importance, tested, charts, asked, ours
    )
    tables = {
        "predictions": list_predictions(split.test, split.y_test, predictions, roles, tested.rows),
        "rules": tested.table,
        "what_if": asked.table,
    }
    answers = {"model": ours.model, "calibration": ours.calibration, "recipe": recipe, "roles": assigned}
    return publish(findings, held, model=answers | {"learned": split.train}, tables=tables)


if __name__ == "__main__":
    main(quality)
