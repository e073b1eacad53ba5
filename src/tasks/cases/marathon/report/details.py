"""The parts of the report on runners that show the data: violins of what stands out, what is known, the times."""

import numpy as np
import pandas as pd

from tasks.cases.marathon.evaluation.records import ALL, RELATIONS
from tasks.cases.marathon.features import MEASURES
from tasks.cases.marathon.figures import runners as figures
from tasks.cases.marathon.figures.patterns import relation_matrix
from tasks.ingestion.files import Source
from tasks.platform.text import shorten
from tasks.publishing.blocks import Block, Section, Table
from tasks.publishing.tables import figure_block

MOST_VIOLINS = 3
PAIRED = ("age", "final", "height", "weight")


def source_line(where: Source) -> str:
    """Return the source as it stands in a figure."""
    name = where.source if where.source in {"sample", "public"} else where.file.name
    return f"Source: {shorten(name, 40)}"


def decided(row: pd.Series) -> tuple[float, str]:
    """Return the factor and the unit in which the value of a comparison is told."""
    if row["kind"] == "location":
        measure = MEASURES[row["measure"]]
        return measure.scale, measure.unit
    return (100.0, "percentage points") if row["kind"] == "share" else (1.0, "")


def times_smallest(tests: pd.DataFrame, smallest: float) -> pd.Series:
    """Return the effect of every comparison in multiples of the smallest that counts."""
    least = max(smallest, 1e-9)
    for_relation = least / np.sqrt(least**2 + 4)
    return tests["effect"] / np.where(tests["kind"].isin(RELATIONS), for_relation, least)


def _label(name: str) -> str:
    return f"{MEASURES[name].noun} ({MEASURES[name].unit})"


def violins(frame: pd.DataFrame, tests: pd.DataFrame, source: str) -> list[Block]:
    """Return a figure for each measure in which a nationality stands out; height and weight when none does."""
    found = tests[(tests["state"] == "finding") & (tests["factor"] == "nationality") & tests["other"].eq("")]
    found = found[found["kind"].isin({"location", "spread"})]
    names = list(dict.fromkeys(found["measure"]))[:MOST_VIOLINS] or ["height", "weight"]
    return [_violin(frame, found[found["measure"] == name], name, source) for name in names]


def _violin(frame: pd.DataFrame, found: pd.DataFrame, name: str, source: str) -> Block:
    drawn = frame.assign(shown=frame[name] * MEASURES[name].scale)
    marked = {
        (sex, str(group))
        for stratum, group in zip(found["stratum"], found["group"], strict=True)
        for sex in (("women", "men") if stratum == "all" else (str(stratum),))
    }
    title = "; ".join(_short(row) for _, row in found.iterrows())
    title = title[0].upper() + title[1:] if title else f"No nationality stands out in {MEASURES[name].noun}"
    drawing = figures.group_violins(drawn, "shown", _label(name), marked, title, source)
    alt = f"Violins of {MEASURES[name].noun} by sex and nationality"
    return figure_block(drawing, alt, f"Distribution of {MEASURES[name].noun} by sex and nationality.")


def _short(row: pd.Series) -> str:
    """Return a finding without its interval, as a title has room for."""
    measure = MEASURES[row["measure"]]
    people = f"{'runners' if row['stratum'] == 'all' else row['stratum']} of {row['group']}"
    if row["kind"] == "spread":
        return f"{people} have {row['value']:.2f} times the others' spread"
    way = measure.more if row["value"] > 0 else measure.less
    return f"{people} are {way} by {abs(row['value']) * measure.scale:.{measure.decimals}f}\u00a0{measure.unit}"


def known_section(tests: pd.DataFrame, known: pd.DataFrame, source: str) -> Section:
    """Return what the search leaves out, and the correlations of all pairs of measures."""
    pairs = known[known["kind"] == "Spearman"]
    parts = pairs["relation"].str.split(" and ", n=1, expand=True)
    of_known = pd.DataFrame({"one": parts[0], "other": parts[1], "among": pairs["among"], "value": pairs["value"]})
    tested = tests[tests["kind"] == "relation"]
    of_tests = pd.DataFrame(
        {"one": tested["measure"], "other": tested["other"], "among": tested["stratum"], "value": tested["value"]}
    )
    table = pd.concat([of_known, of_tests], ignore_index=True)
    matrix = relation_matrix(table, {name: MEASURES[name].noun for name in ALL}, source)
    shown = known[known["kind"].ne("Spearman") | known["why"].ne("by construction")].copy()
    shown["relation"] = shown["relation"].str.replace("_", " ")
    shown["value"] = shown["value"].round(2) + 0.0  # no minus zero
    titles = {
        "relation": "relation",
        "among": "among",
        "kind": "as",
        "value": "value",
        "low": "from",
        "high": "to",
        "state": "goes",
    }
    formats = dict.fromkeys(("value", "low", "high"), ".2f")
    intro = (
        "Women and men differ, times follow age, a split is part of its final time, and body ratios contain height and"
        " weight: none of this is a finding. It is listed here with its size, and whether it goes as everybody expects."
    )
    caption = "Known relations. Women against men as Cohen's d and ratio of spreads; pairs of measures as Spearman's r."
    return Section(
        title="What was known beforehand",
        intro=intro,
        blocks=[
            figure_block(matrix, "Matrix of Spearman's correlations of all measures, women and men"),
            Table.from_frame(shown, titles, formats, caption=caption, whole="known.csv"),
        ],
    )


def runners_section(frame: pd.DataFrame, source: str) -> Section:
    """Return the runners themselves: times, halves, age, all pairs, and the groups in numbers."""
    grouped = frame.groupby(["sex", "nationality"], observed=True)
    table = grouped.agg(
        runners=("age", "size"),
        age=("age", "mean"),
        final=("final", "mean"),
        pace=("pace", "mean"),
        height=("height", "mean"),
        height_sd=("height", "std"),
        weight=("weight", "mean"),
        weight_sd=("weight", "std"),
        bmi=("bmi", "mean"),
    ).reset_index()
    table["final"], table["pace"] = table["final"] / 60, table["pace"] / 60
    titles = {
        "sex": "sex",
        "nationality": "nationality",
        "runners": "runners",
        "age": "age (years)",
        "final": "final (min)",
        "pace": "pace (min/km)",
        "height": "height (cm)",
        "height_sd": "SD (cm)",
        "weight": "weight (kg)",
        "weight_sd": "SD (kg)",
        "bmi": "BMI (kg/m²)",
    }
    formats = dict.fromkeys(titles, ".1f") | {"sex": "", "nationality": "", "runners": ",.0f", "pace": ".2f"}
    grid = frame.assign(final=frame["final"] / 3600)
    labels = {name: "final time (h)" if name == "final" else _label(name) for name in PAIRED}
    blocks: list[Block] = [
        figure_block(figures.joint_times(frame, source), "Half-way time against final time, with their distributions"),
        figure_block(figures.fraction_distribution(frame, source), "Density of the split fraction of women and men"),
        figure_block(figures.times_by_age(frame, source), "Mean final time by age with a fitted parabola"),
        figure_block(figures.pair_grid(grid, labels, source), "Scatter plots of age, final time, height and weight"),
        Table.from_frame(table, titles, formats, caption="Means and standard deviations (SD) of every group."),
    ]
    return Section(title="The runners", blocks=blocks)
