"""What happened to each lift between the snapshots? Changes of state for the model, outages for people.

A reading that does not tell the state (UNKNOWN) is neither up nor down: it is as if the lift had not been read. What is
known is then the state at irregular times, and from each to the next a change or none over a gap of so many days.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

BINS_PER_E = 20  # gaps within 5 % of each other count as one, at their mean
FEWEST_SNAPSHOTS = 10  # below which neither forecasts nor intervals can be tested
LONGEST_GAP = 7.0  # days; what happened in a longer gap is not told, so an outage does not go through it


class Matrix(NamedTuple):
    """Readings as a matrix."""

    days: np.ndarray  # (snapshots,) days since the first one
    times: np.ndarray  # (snapshots,) datetime64
    equipment: np.ndarray  # (lifts,)
    states: np.ndarray  # (snapshots, lifts) 1 in order, 0 out of order, NaN not told


class Changes(NamedTuple):
    """What the model learns from."""

    counts: pd.DataFrame  # equipment, gap (days), before, after (1 in order, 0 not), n
    lifts: pd.DataFrame  # one row per lift: see `count_changes`


class Span(BaseModel):
    """How long and how often the lifts were looked at."""

    snapshots: int
    days: float

    def allows(self, held_out: float) -> bool:
        """Tell whether the last `held_out` days can be forecast from at least as many before."""
        return self.snapshots >= FEWEST_SNAPSHOTS and self.days >= 2 * held_out


@stage(phase="Data preparation")
def measure_span(readings: pd.DataFrame) -> Span:
    """Return how many snapshots there are, over how many days."""
    times = readings["observed"]
    days = (times.max() - times.min()) / pd.Timedelta(days=1) if len(times) else 0.0
    return Span(snapshots=int(times.nunique()), days=float(days))


def to_matrix(readings: pd.DataFrame) -> Matrix:
    """Return readings (columns observed, equipment, state) as a matrix; a snapshot that is known twice is an error.

    Raises:
        ContractError: no readings.
    """
    if readings.empty:
        raise ContractError("There is no reading of any lift; take snapshots first.")
    times, row = np.unique(readings["observed"].to_numpy("datetime64[us]"), return_inverse=True)
    equipment, column = np.unique(readings["equipment"].to_numpy(), return_inverse=True)
    states = np.full((len(times), len(equipment)), np.nan)
    text = readings["state"].astype(str).to_numpy()
    states[row, column] = np.select([text == "ACTIVE", text == "INACTIVE"], [1.0, 0.0], np.nan)
    return Matrix((times - times[0]) / np.timedelta64(1, "D"), times, equipment, states)


def until(readings: pd.DataFrame, days: float) -> pd.DataFrame:
    """Return the readings but those of the last `days` days."""
    return readings[readings["observed"] <= readings["observed"].max() - pd.Timedelta(days=days)]


@stage(phase="Data preparation")
def count_changes(readings: pd.DataFrame, leave_out: float = 0.0) -> Changes:
    """Count, lift by lift, which state followed which over which gap.

    Args:
        readings: columns observed, equipment, state.
        leave_out: days at the end that are left out.

    Returns:
        The counts, and of each lift `equipment`, `readings` (that tell the state), `unknown`, `up` (share of them in
        order), `up_if_unknown_down`, `first` (its first state, NaN when none is told), `last`, `last_day` (of `last`,
        days since the first snapshot).
    """
    kept = until(readings, leave_out) if leave_out else readings
    matrix = to_matrix(kept)
    told = np.isfinite(matrix.states)
    n, up = told.sum(axis=0), np.nansum(matrix.states, axis=0)
    seen = kept.groupby("equipment").size().reindex(matrix.equipment).to_numpy()
    first, last = _ends(matrix, told)
    with np.errstate(invalid="ignore", divide="ignore"):
        lifts = pd.DataFrame(
            {
                "equipment": matrix.equipment,
                "readings": n,
                "unknown": seen - n,
                "up": up / n,
                "up_if_unknown_down": up / seen,
                "first": first[0],
                "last": last[0],
                "last_day": last[1],
            }
        )
    return Changes(_counted(matrix), lifts)


def _ends(matrix: Matrix, told: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return state and day of the first and of the last reading that tells the state; NaN where none does."""
    columns, some = np.arange(told.shape[1]), told.any(axis=0)
    first, last = told.argmax(axis=0), told.shape[0] - 1 - told[::-1].argmax(axis=0)
    ends = [
        (np.where(some, matrix.states[row, columns], np.nan), np.where(some, matrix.days[row], np.nan))
        for row in (first, last)
    ]
    return ends[0], ends[1]


def _counted(matrix: Matrix) -> pd.DataFrame:
    lifts = matrix.states.shape[1]
    state, day = np.full(lifts, np.nan), np.full(lifts, np.nan)
    parts = []
    for now, row in zip(matrix.days, matrix.states, strict=True):
        known = np.isfinite(row)
        both = np.flatnonzero(known & np.isfinite(state))
        parts.append(np.column_stack([both, now - day[both], state[both], row[both]]))
        state[known], day[known] = row[known], now
    found = pd.DataFrame(np.vstack(parts), columns=["lift", "gap", "before", "after"])
    found["bin"] = np.round(np.log(np.maximum(found["gap"], 1e-3)) * BINS_PER_E).astype("int64")
    found["gap"] = found.groupby("bin")["gap"].transform("mean")
    counts = found.groupby(["lift", "bin", "before", "after"], as_index=False).agg(
        gap=("gap", "first"), n=("gap", "size")
    )
    counts["equipment"] = matrix.equipment[counts["lift"].astype(int)]
    return counts[["equipment", "gap", "before", "after", "n"]].astype({"before": "int64", "after": "int64"})


@stage(phase="Data preparation")
def find_outages(readings: pd.DataFrame, leave_out: float = 0.0) -> pd.DataFrame:
    """List the outages that the snapshots show, but for the last `leave_out` days.

    An outage lasts from the first reading INACTIVE to the last one with no ACTIVE between; it began at some time after
    the reading in order before it, and ended before the one after it. A gap of more than seven days ends it.

    Returns:
        A row per outage, the longest first: `equipment`, `start` and `end` (first and last reading out of order),
        `after` and `before` (the readings in order around it; NaT when there is none), `at_least` and `at_most` (days;
        the latter NaN when an end is open), `readings`, `ongoing`.
    """
    matrix = to_matrix(until(readings, leave_out) if leave_out else readings)
    rows = [row for lift in range(matrix.states.shape[1]) for row in _outages_of(matrix, lift)]
    columns = ["equipment", "start", "end", "after", "before", "at_least", "at_most", "readings", "ongoing"]
    found = pd.DataFrame(rows, columns=columns)
    moments = dict.fromkeys(("start", "end", "after", "before"), "datetime64[us]")
    found = found.astype(
        {**moments, "equipment": "int64", "at_least": float, "at_most": float, "readings": "int64", "ongoing": bool}
    )
    return found.sort_values(
        ["at_least", "at_most", "equipment", "start"], ascending=[False, False, True, True], ignore_index=True
    )


def _outages_of(matrix: Matrix, lift: int) -> list[tuple[object, ...]]:
    told = np.flatnonzero(np.isfinite(matrix.states[:, lift]))
    down = matrix.states[told, lift] == 0
    if not down.any():
        return []
    days = matrix.days[told]
    broken = np.flatnonzero((np.diff(down.astype(int)) != 0) | (np.diff(days) > LONGEST_GAP)) + 1
    rows: list[tuple[object, ...]] = []
    for run in np.split(np.arange(len(told)), broken):
        if not down[run[0]]:
            continue
        low, high = _neighbour(days, run[0], -1), _neighbour(days, run[-1], 1)
        least = float(days[run[-1]] - days[run[0]])
        most = float(days[high] - days[low]) if low is not None and high is not None else np.nan
        rows.append(
            (
                matrix.equipment[lift],
                matrix.times[told[run[0]]],
                matrix.times[told[run[-1]]],
                matrix.times[told[low]] if low is not None else np.datetime64("NaT"),
                matrix.times[told[high]] if high is not None else np.datetime64("NaT"),
                least,
                most,
                len(run),
                bool(run[-1] == len(told) - 1 and matrix.days[-1] - days[-1] <= LONGEST_GAP),
            )
        )
    return rows


def _neighbour(days: np.ndarray, at: int, step: int) -> int | None:
    """Return the reading beside `at`; None when there is none, or only one across a long gap."""
    beside = at + step
    return beside if 0 <= beside < len(days) and abs(days[beside] - days[at]) <= LONGEST_GAP else None
