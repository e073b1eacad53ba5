"""What is to be said of weight at birth and the mother's age? Each sentence is written from the figures beside it."""

import pandas as pd

from tasks.cases.births.evaluation import CRITICAL_AGES
from tasks.cases.births.figures import KILOGRAMS, curve_figure
from tasks.cases.births.report.sections import (
    LAST,
    behind_section,
    beyond,
    change_sections,
    contrast,
    cost_section,
    differs,
    spread_section,
)
from tasks.cases.births.training import BEST, OLD, STEPS, YOUNG, Shape
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.ingestion.warehouse.question import Bill
from tasks.platform.stage import stage
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

CLOSE = 0.1  # pounds: half the interval of the mean of an age that is known well
SMALL = 0.02  # share of the variance below which age tells little of a single weight
FEWEST = 100  # births of an age whose mean is told


@stage(phase="Deployment")
def describe_births(
    curve: pd.DataFrame,
    contrasts: pd.DataFrame,
    shape: Shape,
    by_weight: pd.DataFrame,
    metrics: list[Metric],
    told: dict[str, float | None],
    years: pd.DataFrame,
    gaps: pd.DataFrame,
    parts: dict[str, float],
    bill: Bill,
) -> Findings:
    """Say how weight and age hang together, how much that is, what is behind it, how it changed, and what it took.

    Args:
        curve: mean weight by age.
        contrasts: of groups of ages, with more and more held equal.
        shape: of the curve.
        by_weight: births by group of ages and weight.
        metrics: of the births as a whole.
        told: what age tells of weight.
        years: weight and age by year.
        gaps: contrasts by decade.
        parts: of the change over the years.
        bill: what the query took.
    """
    births = int(curve["births"].sum())
    costs = [
        Metric(name="bytes_scanned", value=bill.bytes_scanned, unit="bytes", note="by the query"),
        Metric(name="cost", value=bill.cost, unit="US dollars", note="of the query"),
    ]
    peak = (
        []
        if shape.peak is None
        else [
            Metric(
                name="peak_age",
                value=shape.peak,
                low=shape.peak_low,
                high=shape.peak_high,
                unit="years",
                note="top of a parabola, years held equal",
            )
        ]
    )
    if shape.held:
        value, low, high = shape.held
        peak.append(
            Metric(
                name="peak_age_adjusted",
                value=value,
                low=low,
                high=high,
                unit="years",
                note="with decade, sex, twins, birth order and smoking held equal",
            )
        )
    return Findings(
        answer=answer(curve, contrasts, shape, told, parts),
        verdict=verdict(told),
        hero=[
            figure_block(
                curve_figure(curve, curve_title(shape), births),
                "Mean weight at birth by the mother's age, raw and adjusted.",
            )
        ],
        metrics=[*metrics, *peak, *gap_metrics(contrasts), *costs],
        sections=[
            spread_section(by_weight, contrasts, told),
            behind_section(contrasts),
            *change_sections(years, gaps, parts),
            cost_section(bill),
        ],
        champion="Nothing is learned here that is asked again: there is no model, and so no champion.",
        limits=limits(bill, shape),
    )


def pounds(value: float) -> str:
    """Return a weight for readers on both sides of the Atlantic."""
    return f"{value:.2f} pounds, {value * KILOGRAMS:.2f} kg"


def answer(
    curve: pd.DataFrame,
    contrasts: pd.DataFrame,
    shape: Shape,
    told: dict[str, float | None],
    parts: dict[str, float],
) -> str:
    """Return what was found, the first sentence for people who are no statisticians."""
    spread, explained = told["spread"] or 0.0, told["explained"] or 0.0
    size = "little" if explained < SMALL else "something"
    beside = (
        f"{'That' if shape.word != 'none' else 'Its part'} is {size} beside how much babies differ anyway (standard"
        f" deviation {spread:.2f} pounds): the mother's age explains {percent(explained, 1)} of the variance"
    )
    sentences = [first_sentence(curve, shape), _gaps(contrasts) if shape.word != "none" else "", beside, _change(parts)]
    return " ".join(f"{text}." for text in sentences if text)


def first_sentence(curve: pd.DataFrame, shape: Shape) -> str:
    """Return the shape in words."""
    words = {
        "inverted U": "Babies weigh most when the mother is neither very young nor old",
        "U": "Babies weigh least when the mother is neither very young nor old",
        "rise": "The older the mother, the heavier the baby",
        "fall": "The older the mother, the lighter the baby",
        "rise to a level": f"Babies weigh more the older the mother is, up to about {shape.turn:.0f} years",
        "fall from a level": f"Babies weigh less the older the mother is, from about {shape.turn:.0f} years on",
        "none": "In these births the weight does not depend on the mother's age beyond chance",
    }
    if shape.word != "inverted U" or shape.peak is None:
        return words[shape.word]
    known = curve[curve["effective"] >= FEWEST]
    at = float((known if len(known) else curve)["mean"].max())
    held = f", at {shape.held[0]:.0f} when what else is known is held equal" if shape.held else ""
    return f"{words[shape.word]}: at about {shape.peak:.0f} years ({pounds(at)}){held}"


def _gaps(contrasts: pd.DataFrame) -> str:
    """Return by how much the youngest and the oldest mothers' babies differ."""
    gaps = []
    for name in (YOUNG, OLD):
        row, last = contrast(contrasts, name), contrast(contrasts, name, LAST)
        if row is None or last is None or not differs(row):
            continue
        way = "less" if row["value"] < 0 else "more"
        held = f"{_signed(last['value'], way)} held equal" if differs(last) else "no more than chance held equal"
        gaps.append(f"those of mothers {name} weigh {abs(row['value']):.2f} pounds {way} ({held})")
    return f"Compared with babies of mothers of {BEST}, {' and '.join(gaps)}" if gaps else ""


def _signed(value: float, way: str) -> str:
    same = (value < 0) == (way == "less")
    return f"{abs(value):.2f}{'' if same else ' more' if way == 'less' else ' less'}"


def _change(parts: dict[str, float]) -> str:
    """Return how weight changed over the years."""
    if not parts:
        return ""
    older = parts["age_last"] - parts["age_first"]
    ages = f"{'older' if older > 0 else 'younger'} by {abs(older):.1f} years"
    return (
        f"From {parts['first_from']:.0f} to {parts['last_to']:.0f} the mean weight {beyond(parts, 'total')}, while"
        f" mothers became {ages}, which by itself makes {parts['ages']:+.2f} pounds".replace("-", "−")
    )


def curve_title(shape: Shape) -> str:
    """Return the finding of the first figure."""
    if shape.word == "none":
        return "Weight at birth does not change with the mother's age beyond chance"
    if shape.word == "inverted U":
        top = "" if shape.peak is None else f" to a top at {shape.peak:.1f} years"
        return f"Mean weight rises with the mother's age{top} and falls again"
    return {
        "U": "Mean weight falls with the mother's age and rises again",
        "rise": "Mean weight rises with the mother's age",
        "fall": "Mean weight falls with the mother's age",
        "rise to a level": f"Mean weight rises with the mother's age up to about {shape.turn:.0f} years",
        "fall from a level": f"Mean weight falls with the mother's age from about {shape.turn:.0f} years on",
    }[shape.word]


def verdict(told: dict[str, float | None]) -> Verdict:
    """Say whether every age that matters is known well."""
    youngest, oldest = CRITICAL_AGES
    widest = told["widest"]
    if widest is None:
        return Verdict(met=False, sentence=f"There are no mothers between {youngest} and {oldest} years.")
    met = widest <= CLOSE
    return Verdict(
        met=met,
        sentence=f"The mean weight of every age from {youngest} to {oldest} is known to within {widest:.3f} pounds;"
        f" {CLOSE:g} is good{'' if met else ', so there are too few births'}.",
    )


def gap_metrics(contrasts: pd.DataFrame) -> list[Metric]:
    """Return the differences of the youngest and the oldest, as they are and with everything known held equal."""
    found = []
    for group, name in ((YOUNG, "gap_young"), (OLD, "gap_old")):
        for step, suffix in ((next(iter(STEPS)), ""), (LAST, "_adjusted")):
            row = contrast(contrasts, group, step)
            if row is not None:
                found.append(
                    Metric(
                        name=f"{name}{suffix}",
                        value=float(row["value"]),
                        low=float(row["low"]),
                        high=float(row["high"]),
                        unit="pounds",
                        note=f"mothers {group} against {BEST}",
                    )
                )
    return found


def limits(bill: Bill, shape: Shape) -> list[str]:
    """Return what the answer does not say."""
    own = (
        "Intervals of the shape are by years, those of means and differences count births as independent"
        if shape.clustered
        else "Intervals count births as independent"
    )
    said = [
        "A difference between ages is no effect of age: nobody was dealt an age by lot.",
        f"{own}; with very many births an interval tells of chance alone, not of what is not in the table.",
        "Only births that were registered with a weight are in it; a record that stands for two births counts twice.",
        "Mothers who bear twice are in the table twice, and nothing tells so.",
    ]
    if bill.engine.startswith("BigQuery"):
        said.append(
            "The cost is that of on-demand queries at the price given; free quotas and commitments are left out."
        )
    return said
