"""Is a new row like those that a model has learned from? Where it is not, an answer is a guess and says so.

The simplest test that can be put in words: a number outside the range of the learned ones, a text that none of them
has. It cannot see a combination that was never there of values that were.
"""

import pandas as pd

SHOWN = 3  # reasons told for a row


def unlike(rows: pd.DataFrame, learned: pd.DataFrame, numbers: list[str], texts: list[str] | None = None) -> list[str]:
    """Say of each row what the learned rows were never like; empty where there is nothing to say.

    Args:
        rows: new rows, (n, …).
        learned: rows that the model has learned from.
        numbers: columns held against their range.
        texts: columns held against their values.
    """
    reasons: list[list[str]] = [[] for _ in range(len(rows))]
    for name in numbers:
        known = learned[name].astype(float)
        low, high = known.min(), known.max()
        for place, value in enumerate(rows[name].astype(float)):
            if value < low or value > high:
                reasons[place].append(f"{name} {_plain(value)} (learned from {_plain(low)} to {_plain(high)})")
    for name in texts or []:
        values = set(learned[name].astype(str))
        for place, text in enumerate(rows[name].astype(str)):
            if text not in values:
                reasons[place].append(f"{name} {text!r} (never seen)")
    return ["; ".join(found[:SHOWN]) for found in reasons]


def _plain(value: float) -> str:
    """Return a number without an exponent; years stand without a comma."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def told(reasons: list[str], what: str) -> list[str]:
    """Return warnings, one for each row that is unlike the learned ones; `what` names a row, such as `film`."""
    odd = [f"{what} {place}: {reason}" for place, reason in enumerate(reasons, 1) if reason]
    more = [f"{len(odd) - SHOWN} more like that"] if len(odd) > SHOWN else []
    return [f"unlike what was learned, so the answer is a guess: {text}." for text in odd[:SHOWN]] + more
