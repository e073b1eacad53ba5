"""The sections of the quality report: rules, what-ifs, calibration, control charts, inputs, models."""

import pandas as pd

from tasks.cases.quality.evaluation.charts import WINDOW
from tasks.cases.quality.figures import chart_figure, rules_figure, what_if_figure
from tasks.cases.quality.ingestion.roles import Roles
from tasks.evaluation.metrics import Metric
from tasks.figures.reliability import reliability_figure
from tasks.figures.style import percent
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.tables import figure_block


def rules_section(rules: pd.DataFrame, roles: Roles, base: float) -> Section:
    """Tell the rules that hold on held-out products, and name those that do not."""
    told = rules[rules["told"].astype(bool)].sort_values("hits", ascending=False, kind="stable")
    failed = len(rules) - len(told)
    missed = (
        f" {failed} more {'were' if failed > 1 else 'was'} found in training and did not hold up there;"
        " rules.csv has them."
        if failed
        else ""
    )
    if told.empty:
        return Section(
            title="By which rules do products fail?", intro=f"No rule holds on the products kept aside.{missed}"
        )
    lines = [
        f"{row['rule']}: {row['hits']} of {row['n']} products kept aside were {row['of']} ({percent(row['low'])} to"
        f" {percent(row['high'])}; among all {percent(row['base'], 1)})."
        for row in told.to_dict("records")
    ]
    titles = {
        "rule": "Rule",
        "n": "Products",
        "hits": "Hit",
        "precision": "Share",
        "low": "from",
        "high": "to",
        "recall": "Of all such",
    }
    formats = {"n": ",.0f", "hits": ",.0f", "precision": ".0%", "low": ".0%", "high": ".0%", "recall": ".0%"}
    return Section(
        title="By which rules do products fail?",
        intro="Found among the training products one after the other, and told only where the exact interval of the"
        f" share on products kept aside (5 % shared by {len(rules)} rules) lies above the share among all.{missed}",
        blocks=[
            Text(paragraphs=lines),
            figure_block(rules_figure(told), "Share of faulty products under each rule with its interval."),
            Table.from_frame(told, titles, formats, whole="rules.csv"),
        ],
    )


def what_if_section(
    asked: pd.DataFrame,
    smallest: pd.DataFrame,
    search: dict[str, float | str | bool],
    curves: pd.DataFrame,
    roles: Roles,
) -> Section:
    """Tell what the model says of changed products; flag those that it has seen nothing like."""
    what = _what(roles)
    blocks: list[Block] = []
    if len(asked) > 1:
        warned = asked.iloc[1:]
        for row in warned[warned["outside"].astype(bool)].itertuples():
            blocks.append(
                Text(
                    paragraphs=[
                        f"Warning: {row.change} lies outside of the data ({row.why}; distance {row.distance:.2f},"
                        f" the limit is {row.limit:.2f} standard deviations). The model's answer there is a guess."
                    ]
                )
            )
    titles = {
        "change": "Changed",
        "after": f"Then: {what}",
        "low": "from",
        "high": "to",
        "distance": "Distance",
        "outside": "Outside the data",
    }
    form = ",.4g" if roles.kind == "number" else ".2%"
    table = asked.assign(outside=asked["outside"].map({True: "yes: a guess", False: "no"}))
    blocks.append(
        Table.from_frame(
            table,
            titles,
            {"after": form, "low": form, "high": form, "distance": ".2f"},
            caption="A typical product (medians), changed as asked.",
            whole="what_if.csv",
        )
    )
    if search:
        blocks.append(Text(paragraphs=[_search_told(smallest, search)]))
    if len(smallest):
        columns = {"input": "Input", "from": "From", "to": "To", "deviations": "Standard deviations"}
        blocks.append(Table.from_frame(smallest, columns, {"from": ",.4g", "to": ",.4g", "deviations": "+.2f"}))
    for _, part in curves.groupby("input", sort=False):
        blocks.append(figure_block(what_if_figure(part, what), "The model's answer over the values of one input."))
    return Section(
        title="What if an input changes?",
        intro="What the model says of products like these; a correlation in the data, not the proof of a cause."
        " Intervals are the spread of the model over bootstrap draws of its training products.",
        blocks=blocks,
    )


def _what(roles: Roles) -> str:
    if roles.kind == "faulty":
        return "chance to be faulty"
    return roles.target if roles.kind == "number" else "chance to be of another class than the commonest"


def _search_told(smallest: pd.DataFrame, search: dict[str, float | str | bool]) -> str:
    before, goal = percent(float(search["before"]), 1), percent(float(search["goal"]), 1)
    start = f"The product kept aside with the highest chance, {before},"
    if float(search["before"]) <= float(search["goal"]):
        return f"{start} needs no change to reach {goal}."
    if not search["reached"]:
        return (
            f"{start} reaches {goal} by no change of one or two of the allowed inputs within what the data have seen."
        )
    told = " and ".join(f"{row.input} to {row.to:,.4g}" for row in smallest.itertuples())
    outside = " That product lies outside of the data, so this is a guess." if search["outside"] else ""
    return (
        f"{start} would have {percent(float(search['after']), 1)} ({percent(float(search['low']), 1)} to"
        f" {percent(float(search['high']), 1)}) after the smallest change that reaches {goal}: {told},"
        f" {float(search['deviations']):.2f} standard deviations.{outside}"
    )


def calibration_section(reliability: pd.DataFrame, metrics: dict[str, Metric], way: str) -> Section:
    """Tell whether chances are what they say, and what the alarms cost."""
    error, recall, cost = metrics["ece"], metrics["recall_at_cost"], metrics["cost"]
    mended = {
        "none": "as the model gives them (neither sigmoid nor steps did better)",
        "sigmoid": "mended by a sigmoid",
        "isotonic": "mended by steps (isotonic regression)",
    }[way]
    said = cost.note.rpartition(" ")[2]
    text = (
        f"Chances are {mended}, chosen by cross-validation among the training products. An alarm is given where it is"
        f" worth its cost: {recall.note}. That finds {percent(recall.value)} of them ({percent(recall.low or 0)} to"
        f" {percent(recall.high or 0)}), the simple model {percent(recall.baseline or 0)}; missed products and false"
        f" alarms cost {cost.value:.3g} a product, with the simple model {cost.baseline or 0:.3g}, without any"
        f" check {said}."
    )
    return Section(
        title="Are the chances what they say, and what do mistakes cost?",
        intro=text,
        blocks=[
            figure_block(
                reliability_figure(
                    reliability, error.value, "chance to be faulty that the model told", "share that was faulty"
                ),
                "Told chance against what happened.",
            )
        ],
    )


def charts_section(
    charts: pd.DataFrame, points: pd.DataFrame, limits: dict[str, float | str] | None, roles: Roles
) -> Section:
    """Tell whether control charts give the alarm before failures, against chance."""
    title = "Do control charts give the alarm before?"
    if charts.empty or not limits or roles.kind == "number":
        return Section(title=title, intro="There is no input, or no failure, to draw up a chart for.")
    sure = charts[charts["p"] < 0.05]
    told = (
        f"The charts of {', '.join(sure['input'])} alarm before failures more often than by chance (p < 0.05, corrected"
        " for their number)."
        if len(sure)
        else "No chart alarms before failures more often than by chance."
    )
    wild = charts[charts["alarms"] > 3 * charts["expected"]]
    restless = (
        f" {len(wild)} of {len(charts)} charts alarm more than three times as often as a process in control would:"
        " their values drift or hang together from row to row, so that an alarm says little."
        if len(wild)
        else ""
    )
    first = charts.iloc[0]
    titles = {
        "input": "Input",
        "alarms": "Rows with an alarm",
        "expected": "In control",
        "autocorrelation": "Row to row",
        "before": "Failures after an alarm",
        "by_chance": "By chance",
        "lead": "Lead (rows)",
        "p": "p",
    }
    formats = {
        "alarms": ".1%",
        "expected": ".1%",
        "autocorrelation": ".2f",
        "before": ".0%",
        "by_chance": ".0%",
        "lead": ",.0f",
        "p": ".3f",
    }
    order = f"by {roles.time}" if roles.time else "of the rows in the file"
    drawn = chart_figure(points, limits, float(first["before"]), float(first["by_chance"]), float(first["p"]))
    return Section(
        title=title,
        intro=f"{told}{restless} Individuals charts in the order {order}, training products; an alarm counts when it"
        f" stands at most {WINDOW} rows before the failure. Chance: the failures shifted along the same alarms.",
        blocks=[figure_block(drawn, "Control chart of one input."), Table.from_frame(charts, titles, formats)],
    )


def inputs_section(aside: pd.DataFrame, tried: pd.DataFrame) -> Section:
    """Name the columns that are no inputs, and the derived inputs that were tried."""
    blocks: list[Block] = []
    if len(aside):
        blocks.append(Table.from_frame(aside, {"column": "Column", "why": "Why it is no input"}))
    kept = tried[tried["kept"].astype(bool)]
    said = (
        f"Derived from two inputs each, and kept since cross-validation among the training products got better by them:"
        f" {', '.join(kept['input'])}."
        if len(kept)
        else "Products, ratios and differences of two inputs were tried; none made cross-validation surely better."
    )
    if len(tried):
        titles = {
            "round": "Round",
            "input": "Tried",
            "loss_before": "Loss without",
            "loss_after": "Loss with",
            "kept": "Kept",
        }
        shown = tried.assign(kept=tried["kept"].map({True: "yes", False: ""}))
        blocks.append(Table.from_frame(shown, titles, {"loss_before": ".4f", "loss_after": ".4f"}))
    return Section(title="What the model may know", intro=said, blocks=blocks)


def models_section(candidates: pd.DataFrame, choice: dict[str, str], null: dict[str, float], found: bool) -> Section:
    """Show the models in cross-validation, and the null that decides whether anything was found."""
    metric = next(name for name in candidates.columns if name not in {"model", "loss"})
    place = int((candidates["model"] == choice["model"]).to_numpy().argmax())
    told = (
        f"On the test products {metric} is {null['value']:.3f}; with shuffled results it is {null['mean']:.3f} on"
        f" average and {null['best']:.3f} or better in 5 of 100 (p = {null['p']:.3f}), so"
        f" {'something was found' if found else 'nothing was found'}."
    )
    return Section(
        title="The models that were tried",
        intro=f"Compared by five-fold cross-validation among the training products; {choice['model']} is used, and"
        f" {choice['baseline']} on the raw inputs is the strongest simple one. {told}",
        blocks=[
            Table.from_frame(
                candidates,
                {"model": "Model", metric: metric, "loss": "Loss (Brier, or squared error)"},
                {metric: ".3f", "loss": ".4f"},
                highlight=place,
            )
        ],
    )
