"""The parts of the report on births: the spread, what is behind a difference, the change, and what it all took."""

import pandas as pd

from tasks.cases.births.figures import gaps_figure, histogram_figure, spread_figure, steps_figure, years_figure
from tasks.cases.births.training import BEST, OLD, STEPS, YOUNG
from tasks.figures.style import percent
from tasks.ingestion.warehouse.question import Bill, bytes_of, dollars
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.tables import figure_block

LAST = list(STEPS)[-1]


def contrast(contrasts: pd.DataFrame, group: str, step: str = next(iter(STEPS))) -> pd.Series | None:
    """Return the difference of a group from `BEST` in a step; None where there is no such group."""
    found = contrasts[(contrasts["group"] == group) & (contrasts["step"] == step)]
    return None if found.empty else found.iloc[0]


def differs(row: pd.Series | None) -> bool:
    """Tell whether a difference is beyond chance."""
    return row is not None and bool(row["low"] > 0 or row["high"] < 0)


def spread_section(by_weight: pd.DataFrame, contrasts: pd.DataFrame, told: dict[str, float | None]) -> Section:
    """Return how large the differences are beside the spread, and whether age foretells weights."""
    values = [row for name in (YOUNG, OLD) if (row := contrast(contrasts, name)) is not None]
    widest = max((abs(float(row["value"])) for row in values), default=0.0)
    spread = told["spread"] or 1.0
    title = f"The largest of these differences is {percent(widest / spread)} of the standard deviation of all births"
    paragraphs = [
        f"The mother's age explains {percent(told['explained'] or 0.0, 2)} of the variance of weights (the share that"
        " lies between the means of the ages)."
    ]
    if told["gain"] is not None and told["rmse"] is not None:
        low, high = told["gain_low"] or 0.0, told["gain_high"] or 0.0
        helped = "helps" if low > 0 else "makes it worse" if high < 0 else "does not surely help"
        paragraphs.append(
            f"To foretell the weight of a later birth, knowing the mother's age {helped}: the typical error is"
            f" {told['rmse']:.3f} pounds with it and {told['baseline']:.3f} without (the squared error changes by"
            f" {_signed(-(told['gain'] or 0.0))}, 95\u202f% interval {_signed(-high)} to {_signed(-low)})."
        )
    return Section(
        title="How large is that beside the spread?",
        blocks=[
            Text(paragraphs=paragraphs),
            figure_block(spread_figure(by_weight, title), "Quantiles of weight at birth by the mother's age."),
            figure_block(histogram_figure(by_weight, histogram_title(by_weight)), "Histograms of weight at birth."),
        ],
    )


def _signed(share: float) -> str:
    return f"{'+' if share > 0 else '−' if share < 0 else ''}{percent(abs(share), 2)}"


def histogram_title(table: pd.DataFrame) -> str:
    """Return by how much the distributions of the youngest and the middle ages overlap."""
    shares = []
    for group in (15, 30):
        counts = table[table["age_group"] == group].groupby("bin")["births"].sum()
        shares.append(counts / counts.sum() if len(counts) else counts)
    if any(share.empty for share in shares):
        return "Weight at birth by the mother's age"
    overlap = float(pd.concat(shares, axis=1).fillna(0.0).min(axis=1).sum())
    return f"The distributions of mothers {YOUNG} and of {BEST} overlap by {percent(overlap)}"


def behind_section(contrasts: pd.DataFrame) -> Section:
    """Return what becomes of the differences when more is held equal."""
    sentences, title = [], "What is known besides does not change the differences"
    for group in (YOUNG, OLD):
        raw, last = contrast(contrasts, group), contrast(contrasts, group, LAST)
        if raw is None or last is None:
            continue
        change = float(last["value"]) - float(raw["value"])
        beyond = "" if differs(last) else ", which chance can explain"
        way = "smaller" if abs(last["value"]) < abs(raw["value"]) else "larger"
        sentences.append(
            f"Births of mothers {group} differ from those of {BEST} by {_pounds(raw['value'])} as they are,"
            f" and by {_pounds(last['value'])} (95\u202f% interval {_number(last['low'])} to {_number(last['high'])})"
            f" with decade, sex, twins, birth order and smoking held equal{beyond}: {way} by {abs(change):.2f}."
        )
        if group == YOUNG:
            share = 1 - abs(float(last["value"])) / max(abs(float(raw["value"])), 1e-9)
            title = (
                f"{percent(share)} of the youngest mothers' difference goes with what else is known of them"
                if share > 0
                else "Held equal, what else is known makes the youngest mothers' difference larger"
            )
    sentences.append(
        "Not in the table, and behind the rest perhaps: income, schooling, health, height and weight of the mother,"
        " care during pregnancy. The length of pregnancy is not held equal on purpose: age may act by it."
    )
    return Section(
        title="What is behind it?",
        blocks=[
            Text(paragraphs=sentences),
            figure_block(steps_figure(contrasts, title), "Differences from mothers of 30 to 34, step by step."),
            steps_table(contrasts),
        ],
    )


def _number(value: float, decimals: int = 2) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")


def _pounds(value: float) -> str:
    return f"{_number(value)} pounds"


def steps_table(contrasts: pd.DataFrame) -> Table:
    """Return the differences of every group, a row for each step."""
    groups = [name for name in (YOUNG, "20 to 24", "25 to 29", "35 to 39", OLD) if name in set(contrasts["group"])]
    steps = list(dict.fromkeys(contrasts["step"]))
    rows = [[step, *[_cell(contrast(contrasts, group, step)) for group in groups]] for step in steps]
    caption = f"Pounds against births of mothers of {BEST}, with 95\u202f% intervals."
    return Table(columns=["held equal", *groups], rows=rows, caption=caption, whole="differences.csv")


def _cell(row: pd.Series | None) -> str:
    if row is None:
        return ""
    return f"{_number(row['value'], 3)} ({_number(row['low'], 3)} to {_number(row['high'], 3)})"


def change_sections(years: pd.DataFrame, gaps: pd.DataFrame, parts: dict[str, float]) -> list[Section]:
    """Return how weight and relation changed over the years; nothing where there are too few."""
    if not parts:
        return []
    first, last = (f"{parts[f'{name}_from']:.0f}–{parts[f'{name}_to']:.0f}" for name in ("first", "last"))
    total = beyond(parts, "total")
    title = f"Mean weight {total} from {first} to {last}"
    sentence = (
        f"From {first} to {last} the mean age of the mothers went from {parts['age_first']:.1f} to"
        f" {parts['age_last']:.1f} years, and the mean weight {total} ({_interval(parts, 'total')}). That the mothers"
        f" are of other ages accounts for {_interval(parts, 'ages')}; that births of the same age weigh otherwise, for"
        f" {_interval(parts, 'weights')}."
    )
    blocks: list[Block] = [
        Text(paragraphs=[sentence]),
        figure_block(years_figure(years, title), "Mean weight at birth by year."),
    ]
    if len(gaps):
        blocks.append(figure_block(gaps_figure(gaps, gaps_title(gaps)), "Differences by decade.", whole_caption(gaps)))
    return [Section(title="How did it change?", blocks=blocks)]


def whole_caption(gaps: pd.DataFrame) -> str:
    """Return which decades are drawn."""
    return f"{gaps['decade'].nunique()} decades; the first and the last may be cut short by the years at hand."


def gaps_title(gaps: pd.DataFrame) -> str:
    """Return whether the difference of the youngest has changed from the first decade to the last."""
    young = gaps[gaps["group"] == YOUNG].sort_values("decade")
    young = young[young["high"] - young["low"] < 4 * (young["high"] - young["low"]).min()]
    if len(young) < 2:
        return "Differences from mothers of 30 to 34 by decade"
    old, new = young.iloc[0], young.iloc[-1]
    change = abs(new["value"]) - abs(old["value"])
    half = (((old["high"] - old["low"]) / 2) ** 2 + ((new["high"] - new["low"]) / 2) ** 2) ** 0.5
    if abs(change) <= half:
        return f"The youngest mothers' difference is as large in the {new['decade']}s as in the {old['decade']}s"
    way = "grew" if change > 0 else "shrank"
    when = f"from the {old['decade']}s to the {new['decade']}s"
    return f"The youngest mothers' difference {way} by {abs(change):.2f} pounds {when}"


def beyond(parts: dict[str, float], name: str) -> str:
    """Return how a part of the change went, in words."""
    if parts[f"{name}_low"] > 0:
        return f"rose by {parts[name]:.2f} pounds"
    if parts[f"{name}_high"] < 0:
        return f"fell by {-parts[name]:.2f} pounds"
    return "stayed the same within chance"


def _interval(parts: dict[str, float], name: str) -> str:
    low, high = (_number(parts[f"{name}_{end}"], 3) for end in ("low", "high"))
    return f"{_pounds(parts[name])}, 95\u202f% interval {low} to {high}"


def cost_section(bill: Bill) -> Section:
    """Return what the answer took, and what a full download would have taken."""
    share = bill.bytes_scanned / max(bill.bytes_whole, 1)
    rows = [
        ["rows", f"{bill.rows_sent:,} (the answer)", f"{bill.rows:,} (the table)"],
        ["bytes", f"{bytes_of(bill.bytes_scanned)} scanned where they lie", f"{bytes_of(bill.bytes_whole)} sent"],
        ["cost", dollars(bill.cost), dollars(bill.cost_whole)],
    ]
    intro = (
        f"{bill.engine} read {percent(share)} of the table's bytes and sent {bill.rows_sent:,} rows of sums, of"
        f" {bill.rows:,} rows; the table itself stayed where it is."
    )
    free = " The files are here already: neither way costs money." if bill.cost_whole == 0 else ""
    note = f" {bill.note[0].upper()}{bill.note[1:]}." if bill.note else ""
    return Section(
        title="What did the question take?",
        intro=f"{intro}{free}{note}",
        blocks=[Table(columns=["", "this question", "a full download"], rows=rows)],
    )
