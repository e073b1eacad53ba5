"""How well is a day foretold before anything changed? Rolling-origin backtest of the expected week against naive.

On every Monday of the last weeks before a place's first change, seven days are forecast from the days before. The
baseline is the naive forecast: the count of the same weekday a week earlier.
"""

import numpy as np
import pandas as pd

from tasks.cases.pedestrians.training import SHORTEST, forecast
from tasks.evaluation.intervals import bootstrap
from tasks.evaluation.metrics import Metric
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

PRIMARY = "mae_log"
WEEK = pd.Timedelta(days=7)


@stage(phase="Evaluation")
def held_out_days(days: pd.DataFrame, changes: pd.DataFrame, weeks: int = 12) -> pd.DataFrame:
    """Choose the days to be forecast: `place`, `day`, `origin` (the Monday), `week` (its group), `log`, `naive`.

    Args:
        days: `place`, `day`, `count`, `whole`.
        changes: `place`, `date`; only days before a place's first change are asked for.
        weeks: how many weeks, counted back from there.
    """
    parts = [_no_cases()]
    whole = days[days["whole"] & (days["count"] > 0)]
    for place, part in whole.groupby("place", sort=True):
        logs = pd.Series(np.log(part["count"].to_numpy(float)), index=pd.DatetimeIndex(part["day"]))
        first = changes.loc[changes["place"] == place, "date"].min()
        calm = logs[logs.index < first] if pd.notna(first) else logs
        table = pd.DataFrame({"place": place, "day": calm.index, "log": calm.to_numpy()})
        table["naive"] = logs.reindex(pd.DatetimeIndex(table["day"]) - WEEK).to_numpy()
        table["origin"] = table["day"] - pd.to_timedelta(table["day"].dt.weekday, unit="D")
        known = np.searchsorted(calm.index, pd.DatetimeIndex(table["origin"]))
        table = table[(known >= SHORTEST) & table["naive"].notna()]
        latest = sorted(table["origin"].unique())[-weeks:]
        table = table[table["origin"].isin(latest)]
        parts.append(table.assign(week=f"{place} " + table["origin"].dt.strftime("%Y-%m-%d")))
    filled = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(filled, ignore_index=True)[list(_no_cases().columns)]


def _no_cases() -> pd.DataFrame:
    table = pd.DataFrame(columns=["place", "day", "origin", "week", "log", "naive"])
    return table.astype({"day": "datetime64[us]", "origin": "datetime64[us]", "log": float, "naive": float})


@stage(phase="Evaluation")
def backtest_week(days: pd.DataFrame, cases: pd.DataFrame, state: str, trend: bool) -> pd.DataFrame:
    """Forecast the held-out days; return `cases` with `forecast`, `error` and `naive_error`, absolute and of the log.

    Args:
        days: `place`, `day`, `count`, `whole`.
        cases: as `held_out_days` returns them.
        state: of Germany, for the public holidays.
        trend: whether the expected week has a linear trend.
    """
    whole = days[days["whole"] & (days["count"] > 0)]
    predicted = pd.Series(np.nan, index=cases.index)
    for (place, origin), part in cases.groupby(["place", "origin"], sort=True):
        train = whole[(whole["place"] == place) & (whole["day"] < origin)]
        logs = np.log(train["count"].to_numpy(float))
        future = pd.DatetimeIndex(part["day"])
        predicted[part.index] = forecast(pd.DatetimeIndex(train["day"]), logs, future, state, trend)
    return cases.assign(
        forecast=predicted,
        error=(cases["log"] - predicted).abs(),
        naive_error=(cases["log"] - cases["naive"]).abs(),
    )


@stage(phase="Evaluation")
def choose_place(places: pd.DataFrame, changes: pd.DataFrame, wanted: str = "") -> str:
    """Return the place that the answer is about: the wanted one, else the one with the largest drop, else the first.

    Raises:
        UsageError: the exports do not hold the wanted place, or too few whole days of it.
    """
    names = list(places["place"])
    if wanted:
        same = [name for name in names if name.casefold() == wanted.casefold()]
        if not same:
            raise UsageError(f"{shorten(wanted, 80)}: no such place with enough whole days; give {' or '.join(names)}.")
        return str(same[0])
    main = changes[changes["main"]]
    return str(main.loc[main["value"].idxmin(), "place"] if len(main) else names[0])


@stage(phase="Evaluation")
def measure_pedestrians(
    scored: pd.DataFrame, rival: np.ndarray | None, changes: pd.DataFrame, places: pd.DataFrame, place: str
) -> list[Metric]:
    """Return the figures of a run: the drop and the recent level of one place, and how good the expected week is.

    Args:
        scored: as `backtest_week` returns it.
        rival: the champion's error of the same cases; None without one.
        changes: as `find_changes` returns them.
        places: one row per place.
        place: the place that the answer is about.
    """
    metrics = []
    row = places[places["place"] == place].iloc[0]
    main = changes[changes["main"] & (changes["place"] == place)]
    if len(main):
        drop = main.iloc[0]
        metrics.append(_relative("drop", drop["value"], drop["low"], drop["high"], int(row["days"])))
        value, low, high = (float(row[f"recent_{name}"]) for name in ("value", "low", "high"))
        metrics.append(_relative("recent_level", value, low, high, int(row["recent_days"])))
    metrics.append(Metric(name="p_value", value=float(row["p_value"]), note="of the sup-F test of no change"))
    if len(scored):
        low, high = bootstrap(scored["error"], groups=scored["week"])
        same = rival is not None and len(rival) == len(scored)
        metrics.append(
            Metric(
                name=PRIMARY,
                value=float(scored["error"].mean()),
                low=None if np.isnan(low) else low,
                high=None if np.isnan(high) else high,
                n=len(scored),
                baseline=float(scored["naive_error"].mean()),
                champion=float(np.mean(rival)) if same and rival is not None else None,
                note="of the logarithm of daily counts, forecast up to seven days ahead; baseline: a week earlier",
            )
        )
    return metrics


def _relative(name: str, value: float, low: float, high: float, n: int) -> Metric:
    note = "relative to the expected week"
    return Metric(name=name, value=float(value), low=float(low), high=float(high), n=n, note=note)
