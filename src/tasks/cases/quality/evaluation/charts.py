"""Does a control chart of an input give the alarm before products fail? Counted against what chance would give.

Individuals and moving range (I-MR; W. Shewhart, 1931): the limits lie three standard deviations from the mean, the
deviation estimated from the mean moving range divided by 1.128. Run rules: one point beyond the limits, two of three
beyond 2σ on one side, four of five beyond 1σ on one side, eight in a row on one side (Western Electric, 1956), and six
in a row that rise or fall (L. Nelson, 1984).

An alarm counts as one before a failure when it stands at most `WINDOW` rows before it, not in its own row. How often
that happens by chance is found by shifting the failures round along the alarms, which keeps how both cluster. How often
the rules would alarm on a process in control is found on simulated ones.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.features.inputs import Recipe
from tasks.cases.quality.ingestion.roles import Kind
from tasks.platform.stage import stage

WINDOW = 10
SHIFTS = 500
IN_CONTROL = 20_000  # rows of simulated process
MOST_COLUMNS = 12
PER_MOVING_RANGE = 1.128  # mean range of two normal values, in standard deviations


class Charts(NamedTuple):
    """The chart of each input and its alarms."""

    table: pd.DataFrame  # input, alarms, expected, autocorrelation, before, by_chance, lead, p
    points: pd.DataFrame  # the most telling chart: row, value, alarm, faulty
    limits: dict[str, float | str]  # input, centre, low, high of that chart


def alarms_of(values: np.ndarray, centre: float, sigma: float) -> np.ndarray:
    """Return at which rows one of the run rules alarms, (n,) bool; a missing value gives none.

    Args:
        values: in order, (n,).
        centre: mean of the process.
        sigma: its standard deviation.
    """
    z = np.nan_to_num((values - centre) / sigma) if sigma > 0 else np.zeros(len(values))
    alarm = np.abs(z) > 3
    for sign in (1, -1):
        for least, span, beyond in ((2, 3, 2.0), (4, 5, 1.0), (8, 8, 0.0)):
            alarm |= (sign * z > beyond) & (_of_last(sign * z > beyond, span) >= least)
        alarm |= _of_last(np.diff(z, prepend=z[:1]) * sign > 0, 5) >= 5  # six points are five steps
    return alarm


def _of_last(marks: np.ndarray, span: int) -> np.ndarray:
    """Count the marks among the last `span` rows, the present one included, (n,)."""
    total = np.concatenate([[0], np.cumsum(marks)])
    places = np.arange(1, len(marks) + 1)
    return total[places] - total[np.maximum(places - span, 0)]


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of a process by its moving range; values (n,) in order."""
    there = values[np.isfinite(values)]
    if len(there) < 2:
        return (float(there[0]) if len(there) else 0.0), 0.0
    return float(there.mean()), float(np.abs(np.diff(there)).mean() / PER_MOVING_RANGE)


@stage(phase="Evaluation")
def chart_inputs(train: pd.DataFrame, y: np.ndarray, recipe: Recipe, kind: Kind, seed: int) -> Charts:
    """Draw up the control chart of each number among the inputs.

    Args:
        train: products in order of time, or of rows.
        y: their results, (n,).
        recipe: of the inputs.
        kind: of the result; of classes, all but the commonest count as failures, of numbers none.
        seed: of the shifts and the simulated process.
    """
    failed = y == 1 if kind == "faulty" else np.zeros(len(y), bool)
    if kind == "classes":
        failed = y != np.bincount(y.astype(int)).argmax()
    rng = np.random.default_rng(seed)
    expected = float(alarms_of(rng.standard_normal(IN_CONTROL), 0.0, 1.0).mean())
    near = min(4 * WINDOW, len(train) // 4)  # a smaller shift leaves failures in the windows that they were in
    shifts = rng.integers(near, len(train) - near, SHIFTS)
    rows, charts = [], {}
    for name in recipe.numbers[:MOST_COLUMNS]:
        values = train[name].to_numpy(np.float64)
        centre, sigma = limits_of(values)
        alarm = alarms_of(values, centre, sigma)
        charts[name] = (values, alarm, centre, sigma)
        rows.append(
            {
                "input": name,
                "alarms": float(alarm.mean()),
                "expected": expected,
                "autocorrelation": _autocorrelation(values),
            }
            | before_failures(alarm, failed, shifts)
        )
    columns = ["input", "alarms", "expected", "autocorrelation", "before", "by_chance", "lead", "p"]
    table = pd.DataFrame(rows, columns=columns)
    if table.empty:
        return Charts(table, pd.DataFrame({"row": [], "value": [], "alarm": [], "faulty": []}), {})
    table["p"] = holm(table["p"].to_numpy())
    table = table.sort_values(["p", "alarms"], kind="stable").reset_index(drop=True)
    first = str(table["input"].iloc[0])
    values, alarm, centre, sigma = charts[first]
    points = pd.DataFrame({"row": np.arange(1, len(values) + 1), "value": values, "alarm": alarm, "faulty": failed})
    return Charts(
        table, points, {"input": first, "centre": centre, "low": centre - 3 * sigma, "high": centre + 3 * sigma}
    )


def before_failures(alarm: np.ndarray, failed: np.ndarray, shifts: np.ndarray) -> dict[str, float]:
    """Return how many failures an alarm precedes, and how many it would precede by chance.

    Args:
        alarm: rows with an alarm, (n,) bool.
        failed: rows that failed, (n,) bool.
        shifts: by how many rows failures are moved for the null.

    Returns:
        `before` (share of the failures), `by_chance` (mean share over shifts), `lead` (median rows from the first alarm
        in the window to the failure) and `p`.
    """
    recent = np.concatenate([[0], _of_last(alarm, WINDOW)[:-1]]) > 0
    if not failed.any():
        return {"before": np.nan, "by_chance": np.nan, "lead": np.nan, "p": 1.0}
    share = float(recent[failed].mean())
    drawn = np.array([recent[np.roll(failed, shift)].mean() for shift in shifts])
    leads = [
        min(WINDOW, at) - int(np.argmax(alarm[max(0, at - WINDOW) : at]))
        for at in np.flatnonzero(failed & recent).tolist()
    ]
    as_many = np.asarray(drawn >= share - 1e-12)
    p = (int(as_many.sum()) + 1) / (len(drawn) + 1)
    return {
        "before": share,
        "by_chance": float(drawn.mean()),
        "lead": float(np.median(leads)) if leads else np.nan,
        "p": p,
    }


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values (n,) corrected for their number (S. Holm, 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 1)
    return corrected


def _autocorrelation(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    if len(there) < 3 or np.ptp(there[:-1]) == 0 or np.ptp(there[1:]) == 0:
        return 0.0
    return float(np.corrcoef(there[:-1], there[1:])[0, 1])
