"""What does the report on the runners say? Answer and findings first, then how sure, what follows, and the details."""

import re

import numpy as np
import pandas as pd

from tasks.cases.marathon.evaluation.shuffles import MOST_FALSE, FalseFindings
from tasks.cases.marathon.evaluation.subgroups import FEWEST, ROUNDING
from tasks.cases.marathon.evaluation.words import number
from tasks.cases.marathon.features import MEASURES, PRIMARY
from tasks.cases.marathon.figures.patterns import all_comparisons, shuffled_copies
from tasks.cases.marathon.report.details import (
    decided,
    known_section,
    runners_section,
    source_line,
    times_smallest,
    violins,
)
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.ingestion.files import Source
from tasks.platform.stage import stage
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

NO_MODEL = "Nothing is predicted here: there is no model, and so no champion."
MOST_FLAT = 5  # groups of one value that are named
_STATISTICS = re.compile(r" \((?:95\u202f% |mean distance)[^()]*\)|, Spearman [\u2212\d.]+")
KINDS = {
    "location": "Cohen's d",
    "spread": "log of the ratio of spreads",
    "relation": "Spearman's r",
    "relation difference": "Cohen's q",
    "share": "Cohen's d",
}


def answer(tests: pd.DataFrame) -> str:
    """Return the findings in words; how sure and how strong each is stands in the table."""
    found = tests[tests["state"] == "finding"]
    if found.empty:
        return f"No: none of {len(tests):,} comparisons is both beyond chance and large enough to matter."
    texts = [_STATISTICS.sub("", text[0].lower() + text[1:]) for text in found["sentence"]]
    return f"Yes, {len(texts)} {'patterns' if len(texts) > 1 else 'pattern'}: {'; '.join(texts)}."


def verdict(false: FalseFindings) -> Verdict:
    """Say whether the search keeps its promise on shuffled copies."""
    share, interval = false.share(), false.interval()
    if share is None or interval is None:
        said = "How often the search errs was not measured: no shuffled copies were asked for."
        return Verdict(met=None, sentence=said)
    low, high = interval
    return Verdict(
        met=share <= MOST_FALSE,
        sentence=(
            f"Of {false.copies:,} shuffled copies of the runners, in which there is nothing to be found,"
            f" {false.with_findings} led to a finding ({percent(share, 1)}, 95\u202f% interval {percent(low, 1)} to"
            f" {percent(high, 1)}; {percent(MOST_FALSE)} at most were asked for). Single tests without correction call"
            f" something significant in {false.naive} of them."
        ),
    )


def pattern_metrics(tests: pd.DataFrame, false: FalseFindings) -> list[Metric]:
    """Return the share of false findings, with single tests as its baseline, and each finding in its unit."""
    found = tests[tests["state"] == "finding"]
    metrics = [Metric(name="findings", value=len(found), n=len(tests), note="comparisons that stand for themselves")]
    interval = false.interval()
    if false.copies and interval:
        low, high = interval
        metrics.insert(
            0,
            Metric(
                name="false_findings",
                value=false.with_findings / false.copies,
                low=low,
                high=high,
                n=false.copies,
                baseline=false.naive / false.copies,
                note="share of shuffled copies with any; baseline: single tests at 0.05 without correction",
            ),
        )
        metrics.insert(
            1,
            Metric(
                name="false_findings_any_size",
                value=false.corrected_only / false.copies,
                n=false.copies,
                note="the same, when an effect of any size counted: what the correction alone keeps",
            ),
        )
    return metrics + [_metric_of(row) for _, row in found.iterrows()]


def _metric_of(row: pd.Series) -> Metric:
    parts = [row["kind"], row["measure"], row["other"], row["stratum"], row["group"]]
    name = "_".join(str(part).replace(" ", "_") for part in parts if part)
    scale, unit = decided(row)
    value, low, high = (float(row[column]) * scale for column in ("value", "low", "high"))
    return Metric(name=name, value=value, unit=unit, low=low, high=high, n=int(row["n"]))


def _findings_table(tests: pd.DataFrame, state: str, caption: str) -> Table:
    part = tests[tests["state"] == state].copy()
    part["what"] = part["kind"].map(KINDS)
    part["cliff"] = part["cliffs_delta"].where(part["kind"] == "location")
    columns = {
        "sentence": "pattern",
        "n": "runners",
        "what": "effect as",
        "effect": "effect",
        "effect_low": "from",
        "effect_high": "to",
        "cliff": "Cliff's delta",
        "p": "corrected p",
    }
    formats = dict.fromkeys(("effect", "effect_low", "effect_high", "cliff"), ".2f")
    part["p"] = ["below 1e-99" if p < 1e-99 else f"{p:.0e}" if p < 0.001 else f"{p:.3f}" for p in part["adjusted"]]
    return Table.from_frame(part, columns, formats | {"n": ",.0f"}, caption=caption, whole="tests.csv")


def _findings_block(tests: pd.DataFrame) -> list[Block]:
    if not (tests["state"] == "finding").any():
        return []
    caption = "The findings, each with the size of its effect and the 95\u202f% interval of that."
    return [_findings_table(tests, "finding", caption)]


def _sure_section(
    tests: pd.DataFrame, comparisons: int, false: FalseFindings, level: float, smallest: float, source: str
) -> Section:
    drawn = tests.assign(times_smallest=times_smallest(tests, smallest))
    own = float(tests["adjusted"].min()) if len(tests) else 1.0
    told = (
        f"{len(tests):,} comparisons were made; each p is multiplied by {comparisons:,}, the number that the search can"
        " make at most (Bonferroni: valid however the tests depend on each other). A finding has a corrected p of at"
        f" most {level:g}, and an effect of at least {smallest:g} in Cohen's d, {smallest:g} in the logarithm of a"
        " ratio of spreads, or the correlation that belongs to it. What is told was measured on the data as they are,"
        " and the intervals in its sentences are widened for having been chosen: 95\u202f% of them hold the truth"
        " (Benjamini and Yekutieli)."
    )
    dealt = (
        "In a shuffled copy nationalities are dealt out anew among all runners, heights and weights among the women and"
        " among the men; age and times stay, as what everybody knows is no finding. The correction alone, whatever the"
        f" size of an effect, errs in {false.corrected_only} of {false.copies:,} copies; {false.naive_per_copy:.1f}"
        " comparisons of a copy are significant at 0.05 without it."
    )
    volcano = all_comparisons(drawn, level, source)
    copies = shuffled_copies(false.smallest_adjusted, own, level, false.with_findings, source)
    blocks: list[Block] = [
        Text(paragraphs=[told]),
        figure_block(volcano, "Effect of every comparison against its corrected p", "Up and outward: sure and large."),
    ]
    if false.copies:
        blocks += [Text(paragraphs=[dealt]), figure_block(copies, "Histogram of the smallest corrected p of each copy")]
    return Section(title="How sure is that?", blocks=blocks)


def _follows_section(tests: pd.DataFrame) -> list[Section]:
    blocks: list[Block] = [
        _findings_table(tests, state, caption)
        for state, caption in (
            ("consequence", "Consequences: gone as soon as the findings are taken out of the data."),
            ("echo", "Echoes: where one group stands out, all others differ from a rest that includes it."),
        )
        if (tests["state"] == state).any()
    ]
    intro = "These comparisons are significant too, but say nothing new."
    return [Section(title="What only follows from the findings", intro=intro, blocks=blocks)] if blocks else []


def flat_groups(frame: pd.DataFrame) -> list[str]:
    """Name the nationalities within a sex of which all have one value, as "height of men of DE: 180 cm throughout"."""
    said = []
    for (sex, nation), part in frame.groupby(["sex", "nationality"], observed=True):
        for name in PRIMARY if len(part) >= FEWEST else ():
            if np.ptp(part[name]) <= ROUNDING * part[name].abs().max():
                measure = MEASURES[name]
                value = number(float(part[name].iloc[0]) * measure.scale, measure.decimals)
                said.append(f"{measure.noun.capitalize()} of {sex} of {nation} is {value} {measure.unit} throughout")
    return said[:MOST_FLAT]


def limits(frame: pd.DataFrame, known: pd.DataFrame, smallest: float) -> list[str]:
    """Return what the answer does not say."""
    said = [
        f"Differences below {smallest:g} standard deviations are left out, however sure they are.",
        "Groups are sex, nationality and age band, and nationalities within a sex; finer ones are not searched.",
        "Relations are monotone ones (Spearman); one that first rises and then falls may be missed.",
        "Groups of fewer than 30 runners are part of the rest only. Runners with a missing value are left out.",
        "A pattern is no cause: what makes a nationality taller is not in this table.",
    ]
    said += [f"{text}: there is no spread to compare." for text in flat_groups(frame)]
    absent = known[(known["relation"] == "height and weight") & (known["state"] == "absent")]
    if len(absent):
        pairs = zip(absent["value"], absent["among"], strict=True)
        values = " and ".join(f"{value:.2f} among {among}".replace("-0.00", "0.00") for value, among in pairs)
        said.append(
            "Height and weight do not go together within the groups, as they do in people"
            f" (Spearman {values.replace('-', chr(0x2212))}): they look as if they were made up, not measured."
        )
    return said


@stage(phase="Deployment")
def describe_marathon(
    where: Source,
    frame: pd.DataFrame,
    tests: pd.DataFrame,
    known: pd.DataFrame,
    comparisons: int,
    false: FalseFindings,
    level: float,
    smallest: float,
) -> Findings:
    """Say what was found.

    Args:
        where: the data.
        frame: the measured runners.
        tests: all comparisons of the search.
        known: relations that are known beforehand.
        comparisons: how many comparisons the correction allows for.
        false: what came out on shuffled copies.
        level: chance of any false finding that the search allows itself.
        smallest: effect of interest, as Cohen's d.
    """
    source = source_line(where)
    return Findings(
        answer=answer(tests),
        verdict=verdict(false),
        hero=[*violins(frame, tests, source), *_findings_block(tests)],
        sections=[
            _sure_section(tests, comparisons, false, level, smallest, source),
            *_follows_section(tests),
            known_section(tests, known, source),
            runners_section(frame, source),
        ],
        metrics=pattern_metrics(tests, false),
        champion=NO_MODEL,
        limits=limits(frame, known, smallest),
    )
