"""What made the steps more or less unsteady: the season, or the rest? The spread of each regime, taken apart."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.change_points import Verdict
from tasks.platform.stage import stage

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
QUARTERS = ("Q1", "Q2", "Q3", "Q4")


def split_years(yearly: pd.DataFrame, verdicts: list[Verdict]) -> list[tuple[int, int]]:
    """Return first and last year of each regime of the spread; one regime when nothing changed."""
    spread = next(item for item in verdicts if item.name == "spread")
    starts = [int(yearly["year"].iloc[0]), *(change.year for change in spread.changes)]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), int(yearly["year"].iloc[-1])], strict=True))


def _steps_of(series: pd.DataFrame, first: int, last: int, per_year: int) -> np.ndarray:
    """Return the relative increments of some calendar years, (years, per_year)."""
    year = series["period"].dt.year
    return series.loc[(year >= first) & (year <= last), "relative"].to_numpy().reshape(-1, per_year)


@stage(phase="Evaluation")
def spread_by_regime(
    series: pd.DataFrame, yearly: pd.DataFrame, verdicts: list[Verdict], per_year: int
) -> pd.DataFrame:
    """Part the spread of the steps within the year into season and rest, by analysis of variance.

    Returns:
        For each regime: `years` as text, `inflation` (mean, per cent a year), `spread`, `season`, `rest` (standard
        deviations, per cent: the squares of the last two add up to that of the first) and `rounding`.
    """
    rows: list[dict[str, Any]] = []
    for first, last in split_years(yearly, verdicts):
        steps = _steps_of(series, first, last, per_year)
        years = len(steps)
        centred = steps - steps.mean(axis=1, keepdims=True)
        total = float((centred**2).sum() / years / (per_year - 1))
        rest = centred - centred.mean(axis=0)
        irregular = float((rest**2).sum() / max(1, years - 1) / (per_year - 1))
        part = yearly[(yearly["year"] >= first) & (yearly["year"] <= last)]
        rows.append(
            {
                "years": f"{first} to {last}",
                "inflation": float(part["inflation"].mean()),
                "spread": float(np.sqrt(total)),
                "season": float(np.sqrt(max(0.0, total - irregular))),
                "rest": float(np.sqrt(irregular)),
                "rounding": float(np.sqrt((part["rounding"] ** 2).mean())),
            }
        )
    return pd.DataFrame(rows)


@stage(phase="Evaluation")
def season_by_regime(
    series: pd.DataFrame, yearly: pd.DataFrame, verdicts: list[Verdict], per_year: int
) -> pd.DataFrame:
    """Return the mean step of each month in the first and the last regime, less the regime's mean.

    Returns:
        `month`, `regime`, `mean`, `low`, `high` (95 %, Student's t), per cent.
    """
    from scipy import stats

    regimes = split_years(yearly, verdicts)
    tables = []
    for first, last in dict.fromkeys([regimes[0], regimes[-1]]):
        steps = _steps_of(series, first, last, per_year)
        steps = steps - steps.mean()
        error = steps.std(axis=0, ddof=1) / np.sqrt(len(steps)) * stats.t.ppf(0.975, len(steps) - 1)
        mean = steps.mean(axis=0)
        names = MONTHS if per_year == 12 else QUARTERS
        rows = {"month": names, "regime": f"{first} to {last}", "mean": mean, "low": mean - error, "high": mean + error}
        tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True)
