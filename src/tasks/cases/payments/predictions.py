"""Of which kind is this vendor? The published segments asked about vendors of another export."""

import numpy as np
import pandas as pd

from tasks.cases.payments.features.summary import VENDOR_COLUMNS
from tasks.cases.payments.features.vendors import (
    FEATURES,
    FEWEST_PAYMENTS,
    described,
    raw_features,
    span_of,
    standardised,
)
from tasks.cases.payments.features.with_pandas import sum_with_pandas
from tasks.cases.payments.ingestion.with_pandas import clean_with_pandas
from tasks.cases.payments.report.tables import segment_names
from tasks.evaluation.champions import Champion
from tasks.features.support import told, unlike
from tasks.platform.errors import ContractError
from tasks.publishing.predictions import Answered, file_given

ALIKE = (
    0.5  # an export is to span at least this share of the quarters that were learned from, and at most twice as many
)


def predict(champion: Champion, given: str) -> Answered:
    """Tell the kind of each vendor of an export, by the centres that were found among the vendors learned from.

    Args:
        champion: whose stored results answer.
        given: path of a CSV of payments in the schema of Vermont's; a vendor needs five payments, one of them above 0
    """
    parts = champion.artifacts
    model, learned = parts["model"].load(), parts["raw"].load(np.ndarray)
    quarters = span_of(parts["learned"].load(pd.DataFrame))
    people = _vendors(given)
    enough = described(people)
    table = people[["vendor", "name", "payments"]].assign(
        dollars=people["cents"] / 100, kind=pd.array([None] * len(people), "Int64"), sets_apart="", unlike=""
    )
    names = segment_names(standardised(learned, learned), model.labels_, list(FEATURES))
    if len(names) == 1:
        names = ["all vendors"]
    if enough.any():
        chosen = people[enough]
        raw = raw_features(chosen, span_of(people))
        kinds = model.predict(standardised(raw, learned))
        table.loc[enough, "kind"] = kinds + 1
        table.loc[enough, "sets_apart"] = [names[kind] for kind in kinds]
        table.loc[enough, "unlike"] = unlike(
            pd.DataFrame(raw, columns=list(FEATURES)), pd.DataFrame(learned, columns=list(FEATURES)), list(FEATURES)
        )
    table.loc[~enough, "unlike"] = f"fewer than {FEWEST_PAYMENTS} payments, or none above 0"
    warnings = told(list(table.loc[enough, "unlike"]), "vendor")
    return Answered(table, answered(table, names), [*_spans(span_of(people), quarters), *warnings])


def _vendors(given: str) -> pd.DataFrame:
    """Read an export; return its vendors as `Summary` has them.

    Raises:
        ContractError: no line of it is a payment.
    """
    file = file_given(given)
    cleaned = clean_with_pandas.fn([file])
    if not cleaned.good:
        raise ContractError(f"{file.name} holds no payment that can be read; give a CSV in the schema of Vermont's.")
    return sum_with_pandas.fn(cleaned.rows).vendors[VENDOR_COLUMNS]


def answered(table: pd.DataFrame, names: list[str]) -> str:
    """Say in one sentence of which kinds the vendors are."""
    told_of = table[table["kind"].notna()]
    if len(names) == 1:
        return "The vendors learned from form one group, no kinds stand apart, so there is none to tell."
    if told_of.empty:
        return f"No vendor has {FEWEST_PAYMENTS} payments, so of none a kind can be told."
    if len(table) == 1:
        row = table.iloc[0]
        return f"{row['name'] or row['vendor']} is of kind {row['kind']} ({row['sets_apart']})."
    counts = told_of["kind"].value_counts().sort_index()
    kinds = ", ".join(
        f"{count:,} of kind {kind} ({names[int(kind) - 1]})"
        for kind, count in zip(counts.index.tolist(), counts, strict=True)
    )
    without = len(table) - len(told_of)
    return f"Of {len(table):,} vendors {kinds}" + (f"; {without:,} have too few payments." if without else ".")


def _spans(given: int, learned: int) -> list[str]:
    """Warn where an export is much shorter or longer than what was learned from: sums and counts grow with time."""
    if ALIKE <= given / learned <= 1 / ALIKE:
        return []
    what = f"{given} quarter{'s' * (given != 1)}"
    return [
        f"these payments span {what} and those learned from {learned}; sums and counts grow with time, so the kinds"
        " compare badly."
    ]
