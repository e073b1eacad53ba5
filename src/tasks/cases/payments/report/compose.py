"""Which payments need a look, where does the money go, which kinds of vendors are there? What the payments say."""

import numpy as np
import pandas as pd

from tasks.cases.payments.features.summary import FEWEST, UNUSUAL, quarter_name
from tasks.cases.payments.features.vendors import FEATURES, FEWEST_PAYMENTS
from tasks.cases.payments.figures import (
    dollars,
    segment_maps,
    silhouette_by_k,
    spending_by_department,
    spending_by_quarter,
    unusual_payments,
)
from tasks.cases.payments.ingestion.lines import MOST_LISTED
from tasks.cases.payments.report.sentences import first_look, how_judged, told_kinds
from tasks.cases.payments.report.tables import (
    SEGMENT_FORMATS,
    SEGMENT_TITLES,
    department_table,
    segment_names,
    segment_table,
    shown_repeated,
    shown_unusual,
)
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.blocks import Section, Table, Text
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block
from tasks.training.clusters import Judged
from tasks.validation.contract import ContractReport

GOOD_RAND, GOOD_STABILITY = 0.9, 0.8
LARGEST_VENDORS = 10


@stage(phase="Deployment")
def describe_payments(
    source: str,
    engine: str,
    lines: ContractReport,
    cells: pd.DataFrame,
    vendors: pd.DataFrame,
    segmented: pd.DataFrame,
    scaled: np.ndarray,
    labels: np.ndarray,
    naive: np.ndarray,
    scores: pd.DataFrame,
    unusual: pd.DataFrame,
    repeated: pd.DataFrame,
    counts: dict[str, int],
    judged: Judged,
    metrics: list[Metric],
    truth: list[Metric] | None = None,
) -> Findings:
    """Say what was found.

    Args:
        source: what the user asked for.
        engine: pandas or spark.
        lines: how the lines fared.
        cells: as in `Summary`.
        vendors: as in `Summary`, all vendors.
        segmented: the m vendors with a segment.
        scaled: their features, (m, 8).
        labels: their segments, (m,).
        naive: their segments on raw features, (m,).
        scores: silhouettes by k, of the vendors and of one cloud.
        unusual: as `unusual_table` makes it.
        repeated: as `repeated_table` makes it.
        counts: as in `Summary`.
        judged: whether kinds stand apart.
        metrics: of the segments.
        truth: what was found of that which was planted; None on other data than the sample.
    """
    labels, naive, metrics = np.asarray(labels), np.asarray(naive), [*(truth or []), *metrics]
    hero = figure_block(
        spending_by_department(cells, "net of corrections"),
        "Horizontal bars: dollars paid by each of the largest departments",
        f"Payments to vendors, {_span(cells)}, net of corrections. Source: {source}.",
    )
    return Findings(
        answer=" ".join([first_look(unusual, repeated, counts), _answer(cells, vendors), told_kinds(judged)]),
        verdict=judge(judged, metrics),
        hero=[hero],
        sections=[
            _unusual(unusual, repeated, counts),
            _money(cells, vendors),
            _segments(segmented, scaled, labels, naive, scores, judged),
            _how(engine, lines, vendors),
        ],
        metrics=metrics,
        limits=_limits(lines, vendors, segmented),
    )


def _span(cells: pd.DataFrame) -> str:
    return f"{quarter_name(int(cells['quarter'].min()))} to {quarter_name(int(cells['quarter'].max()))}"


def _answer(cells: pd.DataFrame, vendors: pd.DataFrame) -> str:
    table = department_table(cells)
    total = float(table["dollars"].sum())
    few = vendors["cents"].nlargest(max(1, len(vendors) // 100)).sum() / 100
    share = percent(few / total) if total > 0 else "an unknown share"
    return (
        f"Of {dollars(total)} in {int(cells['payments'].sum()):,} payments ({_span(cells)}),"
        f" {table['department'].iloc[0]} paid most ({dollars(table['dollars'].iloc[0])}); the top 1 % of"
        f" {len(vendors):,} vendors received {share}."
    )


def judge(judged: Judged, metrics: list[Metric]) -> Verdict:
    """Hold the run against the success criterion of its question; without kinds there are none to be held."""
    by_name = {metric.name: metric for metric in metrics}
    rand, stability = by_name.get("adjusted_rand"), by_name.get("stability")
    if stability is None:
        told = "the vendors form one group, so there are no kinds that could be stable"
        met = None if rand is None else False
    else:
        told = (
            f"segments fitted on half the vendors agree with those of all to {stability.value:.2f} (good:"
            f" {GOOD_STABILITY}; single clouds: {stability.baseline or 0:.2f})"
        )
        met = stability.value >= max(GOOD_STABILITY, stability.baseline or 0)
    if rand:
        met = bool(met) and rand.value >= GOOD_RAND
        told = (
            f"the sample's true segments are recovered with an adjusted Rand index of {rand.value:.3f}"
            f" (good: {GOOD_RAND}); {told}"
        )
    return Verdict(met=met, sentence=f"{told[0].upper()}{told[1:]}.")


def _money(cells: pd.DataFrame, vendors: pd.DataFrame) -> Section:
    departments = department_table(cells)
    largest = vendors.nlargest(LARGEST_VENDORS, "cents").assign(dollars=lambda table: table["cents"] / 100)
    titles = {
        "department": "department",
        "dollars": "paid, $",
        "share": "share",
        "payments": "payments",
        "corrections": "corrections",
    }
    return Section(
        title="Where the money goes",
        blocks=[
            figure_block(
                spending_by_quarter(cells),
                "Lines: dollars paid per quarter by the four largest departments, and the mean of the others",
                "Net of corrections, by the quarter in which the payment was booked.",
            ),
            Table.from_frame(
                departments,
                titles,
                {"dollars": ",.2f", "share": ".1%", "payments": ",", "corrections": ","},
                caption="Departments by what they paid; corrections are the negative payments.",
                limit=12,
                whole="departments_and_quarters.csv",
            ),
            Table.from_frame(
                largest,
                {"name": "vendor", "dollars": "received, $", "payments": "payments", "departments": "departments"},
                {"dollars": ",.2f", "payments": ","},
                caption=f"The {len(largest)} vendors that received most.",
            ),
        ],
    )


def _segments(
    segmented: pd.DataFrame,
    scaled: np.ndarray,
    labels: np.ndarray,
    naive: np.ndarray,
    scores: pd.DataFrame,
    judged: Judged,
) -> Section:
    names = segment_names(scaled, labels, list(FEATURES)) if judged.kinds > 1 else ["all vendors"]
    table = segment_table(segmented, labels, names)
    features = "; ".join(FEATURES.values())
    return Section(
        title="Kinds of vendors",
        intro=(
            f"Each vendor with at least {FEWEST_PAYMENTS} payments is described by eight numbers ({features}), and"
            " k-means parts the vendors by them. It parts anything, so the number of kinds is chosen on one half of the"
            " vendors and judged on the other."
        ),
        blocks=[
            Text(paragraphs=[how_judged(judged)]),
            Table.from_frame(
                table,
                SEGMENT_TITLES,
                SEGMENT_FORMATS,
                caption="The segments, by the money they receive." if judged.kinds > 1 else "All vendors, one group.",
            ),
            figure_block(
                segment_maps(segmented, labels, naive),
                "Two scatter plots of vendors, payments against median payment: segments on scaled and on raw features",
                "The same vendors and the same k-means. Raw, features with large numbers, such as dollars, weigh most.",
            ),
            figure_block(
                silhouette_by_k(scores, judged.kinds),
                "Lines: mean silhouette by number of segments, of the vendors and of one cloud of the same shape",
                "One cloud: the same values of each number with the same rank correlations, drawn by chance without"
                " kinds. What k-means finds there are no kinds.",
            ),
        ],
    )


def _unusual(unusual: pd.DataFrame, repeated: pd.DataFrame, counts: dict[str, int]) -> Section:
    return Section(
        title="Payments to look at",
        intro=(
            f"{counts['unusual']:,} payments lie {UNUSUAL:g} or more robust standard deviations (1.4826 MAD of the"
            f" logarithm) above the median of their vendor, of vendors with at least {FEWEST} payments."
            f" {counts['repeated']:,} times a vendor was paid the same amount on the same account in one quarter more"
            f" often than is usual for that vendor, corrections of that amount taken off:"
            f" {dollars(counts['surplus_cents'] / 100)} are at stake. Neither is proof of a mistake."
        ),
        blocks=[
            figure_block(
                unusual_payments(unusual, counts["unusual"]),
                "Scatter plot: unusual payments against the median payment of their vendor, both logarithmic",
                "Each point is one payment of the list.",
            ),
            shown_unusual(unusual),
            shown_repeated(repeated),
        ],
    )


def _how(engine: str, lines: ContractReport, vendors: pd.DataFrame) -> Section:
    told = {
        "pandas": "pandas and Arrow on one machine: blocks of lines are cleaned and written as Parquet, and the vendors"
        " are summed up a part at a time, so that memory does not grow with the file.",
        "spark": "Spark: it read the lines itself, cleaned them with SQL functions and summed them up; only the small"
        " tables left it.",
    }
    return Section(
        title="How it was computed",
        blocks=[
            Text(
                paragraphs=[
                    f"The {lines.rows:,} lines were read with {told[engine]}",
                    "Both engines keep to the same rules, and the tests of Casebook hold them to the same rows and"
                    " cents. What could not be read was left out and counted by reason"
                    f" ({lines.quarantined:,} lines); segments and figures rest on tables of {len(vendors):,} vendors"
                    " and fewer rows, whatever the number of payments.",
                ]
            )
        ],
    )


def _limits(lines: ContractReport, vendors: pd.DataFrame, segmented: pd.DataFrame) -> list[str]:
    limits = [
        f"{len(vendors) - len(segmented):,} of {len(vendors):,} vendors have too few payments for a segment.",
        "A vendor is a vendor number: one firm under two numbers counts as two.",
        f"Vendors with fewer than {FEWEST} payments are not searched for unusual ones.",
        "A record is a line: one whose text holds a line break is put aside.",
    ]
    if lines.quarantined > MOST_LISTED:
        limits.append(f"Of {lines.quarantined:,} lines in quarantine {MOST_LISTED:,} are listed.")
    return limits
