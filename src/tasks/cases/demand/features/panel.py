"""The grid: a row per series and period, with demand behind stock-outs, and the sums of items, of stores, of all.

Rows of one series and period are summed up. Rows without a quantity after the last sale tell what is planned (price,
promotion, holiday). The grid is long, so that pandas and Spark take the same one; `Matrices` turns some of its series
into arrays.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.demand.features.censored import fill_demand
from tasks.cases.demand.features.clock import Clock, make_clock, number_periods
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage

BUCKET = 25  # series that one task works on
EXTRAS = ("price", "promotion", "holiday")
SPARSE = 1.32  # mean periods between demands from which they are intermittent (A. Syntetos and J. Boylan, JORS 2005)
MOST_CELLS = 40_000_000
MOST_MARGINS = 500  # values of a key whose sums are series of their own
WHOLE = 0.95  # of a sum has to be known for it to count as known


class Prepared(NamedTuple):
    """The grid, its series, and its clock."""

    panel: pd.DataFrame  # number, bucket, t, demand, sold, known, stock_out, price, promotion, holiday
    series: pd.DataFrame  # number, bucket, series, level, key_1 …, kind
    clock: Clock
    counts: dict[str, int]  # summed, stock_outs, missing


@dataclass
class Matrices:
    """Some series as arrays; columns are series."""

    numbers: np.ndarray  # (n,)
    demand: np.ndarray  # (T, n)
    known: np.ndarray  # (T, n) bool
    extras: dict[str, np.ndarray]  # (T + horizon, n) each


def to_matrices(panel: pd.DataFrame, clock: Clock) -> Matrices:
    """Return series of the grid as arrays.

    Args:
        panel: rows of whole series.
        clock: of the grid.
    """
    numbers, place = np.unique(panel["number"].to_numpy(), return_inverse=True)
    t, rows = panel["t"].to_numpy(), clock.periods + clock.horizon

    def spread(name: str) -> np.ndarray:
        out = np.full((rows, len(numbers)), np.nan)
        out[t, place] = panel[name].to_numpy(np.float64)
        return out

    extras = {name: spread(name) for name in EXTRAS if name in panel.columns}
    known = np.nan_to_num(spread("known")[: clock.periods]).astype(bool)
    return Matrices(numbers, spread("demand")[: clock.periods], known, extras)


@stage(phase="Data preparation")
def prepare_panel(frame: pd.DataFrame, horizon: int, gaps: str, country: str) -> Prepared:
    """Lay sales on the grid, and sum them up.

    Args:
        frame: as `tasks.cases.demand.ingestion.table.read_table` gives it, checked.
        horizon: periods to forecast; 0 for what is usual.
        gaps: what a period without a row means: `zero`, `missing`, or `auto`.
        country: whose public holidays count, such as DE or DE-BY; empty for the table's own column alone.

    Raises:
        ContractError: too large a grid.
        UsageError: too short a history, or an unknown country.
    """
    there = frame["quantity"].notna()
    clock = make_clock(frame.loc[there, "date"], horizon)
    names = frame["series"].astype(object)
    levels = sorted(names[there].unique())
    code = pd.Categorical(names, categories=levels).codes.astype(np.int64)
    t = number_periods(frame["date"], pd.Timestamp(clock.start), clock.unit)
    rows = clock.periods + clock.horizon
    if rows * len(levels) > MOST_CELLS:
        raise ContractError(
            f"{len(levels):,} series over {rows:,} {clock.unit}s are more than this machine is asked to hold;"
            " give fewer series, or sums of them."
        )
    inside = (code >= 0) & (t >= 0) & (t < rows)
    grid = _Grid(frame[inside], code[inside], t[inside], rows, len(levels), clock)
    sold, counts = grid.total("quantity"), {"summed": grid.summed}
    out = grid.stock_outs()
    known, sold = _known(sold[: clock.periods], out, gaps, clock.test)
    demand = fill_demand(sold, known, out, clock.year, clock.season, clock.mean)
    started = np.isfinite(demand)
    counts |= {"stock_outs": int(out.sum()), "missing": int((started & ~known & ~out).sum())}
    extras = {name: _planned(grid.mean(name), name, clock) for name in EXTRAS if name in frame.columns}
    if country:
        off = _holidays(clock, country)
        extras["holiday"] = np.fmax(extras.get("holiday", 0.0), off[:, None]) + np.zeros((rows, len(levels)))
    first = frame[inside].assign(number=code[inside]).drop_duplicates("number").sort_values("number")
    series = _series(first, levels, demand[: clock.test])
    return _assembled(series, demand, sold, known, out, extras, clock, counts)


class _Grid:
    """Sums and means of the rows of a table on the grid."""

    def __init__(self, frame: pd.DataFrame, code: np.ndarray, t: np.ndarray, rows: int, n: int, clock: Clock) -> None:
        self.frame, self.cell, self.shape, self.clock = frame, t * n + code, (rows, n), clock
        there = frame["quantity"].notna().to_numpy()
        filled = np.bincount(self.cell[there], minlength=rows * n)
        self.summed = int((filled[filled > 1] - 1).sum())

    def total(self, name: str) -> np.ndarray:
        values = self.frame[name].to_numpy(np.float64)
        there, size = np.isfinite(values), self.shape[0] * self.shape[1]
        count = np.bincount(self.cell[there], minlength=size)
        sums = np.bincount(self.cell[there], values[there], minlength=size)
        return np.where(count > 0, sums, np.nan).reshape(self.shape)

    def mean(self, name: str) -> np.ndarray:
        values = self.frame[name].to_numpy(np.float64)
        there = np.isfinite(values)
        count = np.bincount(self.cell[there], minlength=self.shape[0] * self.shape[1]).reshape(self.shape)
        return self.total(name) / np.where(count > 0, count, 1)

    def stock_outs(self) -> np.ndarray:
        """Return where the stock at the end of a period was gone, (T, n): its sales are a lower bound."""
        if "stock" not in self.frame.columns:
            return np.zeros((self.clock.periods, self.shape[1]), bool)
        return np.nan_to_num(self.total("stock"), nan=1.0)[: self.clock.periods] <= 0


def _known(sold: np.ndarray, out: np.ndarray, gaps: str, test: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the quantity is the demand, and the quantities with the zeros that the table leaves out."""
    absent, early = np.isnan(sold), sold[:test]
    writes_zeros = bool((early == 0).sum() > 0.01 * np.isfinite(early).sum())
    if gaps == "zero" or (gaps == "auto" and not writes_zeros and absent[:test].mean() > 0.05):
        started = np.isfinite(sold).cumsum(axis=0) > 0
        sold = np.where(absent & started, 0.0, sold)
    return np.isfinite(sold) & ~out, sold


def _planned(values: np.ndarray, name: str, clock: Clock) -> np.ndarray:
    """Return what is known of each period, also of those to come: the plan, else no promotion, last year's holiday."""
    if name == "price":
        return pd.DataFrame(values).ffill().bfill().to_numpy()
    absent = np.isnan(values)
    if name == "holiday" and clock.year:
        absent[: clock.year] = False
        for t in np.flatnonzero(absent.any(axis=1)):
            values[t] = np.where(absent[t], values[t - clock.year], values[t])
    return np.nan_to_num(values)


def _holidays(clock: Clock, country: str) -> np.ndarray:
    """Return how many public holidays each period has, also those to come, (T + horizon,)."""
    import holidays

    code, _, state = country.upper().partition("-")
    first = clock.dates(clock.periods + clock.horizon + 1)
    try:
        known = holidays.country_holidays(code, subdiv=state or None, years=range(first[0].year, first[-1].year + 1))
    except NotImplementedError as error:
        raise UsageError(f"--country {country}: no such country or state is known; give one such as DE-BY.") from error
    days = pd.DatetimeIndex(sorted(known))
    return np.histogram(
        days.to_numpy("datetime64[s]").astype(np.int64), first.to_numpy("datetime64[s]").astype(np.int64)
    )[0].astype(float)


def _series(first: pd.DataFrame, levels: list[str], demand: np.ndarray) -> pd.DataFrame:
    """Return a row per series, whose kind is seen from what lies before the test."""
    keys = [name for name in first.columns if name.startswith("key_")]
    table = pd.DataFrame({"number": np.arange(len(levels)), "series": levels, "level": "series"})
    for key in keys:
        table[key] = first[key].to_numpy(object)
    there = np.isfinite(demand).sum(axis=0)
    between = there / np.maximum((demand > 0).sum(axis=0), 1)
    table["kind"] = np.where(between > SPARSE, "intermittent", "steady")
    return table


def margins(series: pd.DataFrame) -> list[tuple[str, str, np.ndarray]]:
    """Return the sums that series add up to: level, name, and the numbers of the series in it.

    Args:
        series: `number`, `key_1` …; a key of as many values as there are series has no sums.
    """
    if len(series) < 2:
        return []
    found = [("all", "all", series["number"].to_numpy())]
    for key in [name for name in series.columns if name.startswith("key_")]:
        groups = series.groupby(key, sort=True)["number"]
        if 1 < groups.ngroups < len(series) and groups.ngroups <= MOST_MARGINS:
            found += [(key, str(name), members.to_numpy()) for name, members in groups]
    return found


def _assembled(
    series: pd.DataFrame,
    demand: np.ndarray,
    sold: np.ndarray,
    known: np.ndarray,
    out: np.ndarray,
    extras: dict[str, np.ndarray],
    clock: Clock,
    counts: dict[str, int],
) -> Prepared:
    """Put sums beside the series, and write the grid as a long table."""
    sums = margins(series)
    added = pd.DataFrame(
        {
            "number": len(series) + np.arange(len(sums)),
            "series": [f"{name}" for _, name, _ in sums],
            "level": [level for level, _, _ in sums],
            "kind": "sum",
        }
    )
    whole = np.nan_to_num(demand)
    with np.errstate(invalid="ignore"):
        parts = [whole[:, members].sum(axis=1) for _, _, members in sums]
        certain = [
            (whole * known)[:, members].sum(axis=1) >= WHOLE * part
            for (_, _, members), part in zip(sums, parts, strict=True)
        ]
    late = clock.periods + clock.horizon

    def wide(own: np.ndarray, more: list[np.ndarray]) -> np.ndarray:
        both = np.column_stack([own, *more]) if more else own
        return np.vstack([both, np.full((late - len(both), both.shape[1]), np.nan)]) if len(both) < late else both

    columns = {
        "demand": wide(demand, parts),
        "sold": wide(sold, [sold_of(sold, members) for _, _, members in sums]),
        "known": wide(known.astype(float), [np.asarray(part, float) for part in certain]),
        "stock_out": wide(out.astype(float), [out[:, members].mean(axis=1) for _, _, members in sums]),
    }
    for name, values in extras.items():
        columns[name] = wide(values, [values[:, members].mean(axis=1) for _, _, members in sums])
    table = pd.concat([series, added], ignore_index=True)
    table.insert(1, "bucket", table["number"] // BUCKET)
    n = len(table)
    long = {"number": np.repeat(np.arange(n, dtype=np.int32), late), "t": np.tile(np.arange(late, dtype=np.int32), n)}
    panel = pd.DataFrame(long | {name: values.T.ravel() for name, values in columns.items()})
    panel.insert(1, "bucket", panel["number"] // BUCKET)
    return Prepared(panel, table, clock, counts)


def sold_of(sold: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return what some series sold together, (T,); NaN where none of them did."""
    part = sold[:, members]
    return np.where(np.isfinite(part).any(axis=1), np.nansum(part, axis=1), np.nan)
