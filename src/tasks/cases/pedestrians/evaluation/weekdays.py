"""How many people come on each weekday and in each month? Averages of whole days, with intervals, not sums."""

import numpy as np
import pandas as pd

from tasks.evaluation.intervals import bootstrap
from tasks.platform.stage import stage


def _mean_row(counts: pd.Series) -> dict[str, float]:
    low, high = bootstrap(counts.to_numpy(float)) if len(counts) > 1 else (np.nan, np.nan)
    return {"mean": float(counts.mean()), "low": low, "high": high, "days": len(counts)}


@stage(phase="Evaluation")
def weekday_means(days: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Return `place`, `period` (before, since, or all), `weekday`, `mean`, `low`, `high`, `days` of whole days.

    Args:
        days: `place`, `day`, `count`, `whole`.
        changes: as `find_changes` returns them; the main one of a place parts its days.
    """
    rows = []
    main = changes[changes["main"]].set_index("place")["date"].to_dict()
    for place, part in days[days["whole"]].groupby("place", sort=True):
        change = main.get(place)
        since = part["day"] >= change if change is not None else pd.Series(False, index=part.index)
        periods = {"before": part[~since], "since": part[since]} if change is not None else {"all days": part}
        for period, inside in periods.items():
            for weekday, counts in inside.groupby(inside["day"].dt.weekday)["count"]:
                rows.append({"place": place, "period": period, "weekday": int(weekday)} | _mean_row(counts))
    return pd.DataFrame(rows, columns=["place", "period", "weekday", "mean", "low", "high", "days"])


@stage(phase="Evaluation")
def monthly_means(days: pd.DataFrame) -> pd.DataFrame:
    """Return `place`, `month` (2020-03), `mean` and `expected` count a whole day, `share` of the expected, `days`.

    Args:
        days: `place`, `day`, `count`, `whole`, `expected`; months differ in length and in gaps, so they are averaged.
    """
    whole = days[days["whole"]]
    month = whole["day"].dt.strftime("%Y-%m").rename("month")
    table = whole.groupby(["place", month]).agg(
        mean=("count", "mean"), expected=("expected", "mean"), days=("count", "size")
    )
    return table.assign(share=table["mean"] / table["expected"]).reset_index()
