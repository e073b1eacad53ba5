"""What is the long run of the prices? A regression line through the index, with a band that knows its errors cling."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.platform.stage import stage

LAG_YEARS = 4


class Trend(BaseModel):
    """A straight line through the index, or through its logarithm."""

    shape: str = Field(description="linear: so many points a year; exponential: so many per cent a year")
    slope: float = Field(description="index points or per cent a year")
    low: float
    high: float
    rmse: float = Field(description="of the line, index points")
    other_rmse: float = Field(description="of the other shape")
    memory: float = Field(description="autocorrelation of the deviations from one month to the next")


class Fitted(NamedTuple):
    """The line at each month, and what it says."""

    line: pd.DataFrame  # period, fit, low, high (95 % band of the line), index points
    trend: Trend


@stage(phase="Modelling")
def fit_trend(series: pd.DataFrame, per_year: int) -> Fitted:
    """Fit both shapes by least squares and keep the one that is closer to the index.

    The errors of a price index cling together for years, so the band takes their autocorrelation into account up to
    four years (W. Newey and K. West, Econometrica 55, 1987). It is still a description of the past, no forecast.

    Args:
        series: `period`, `value`.
        per_year: 12 or 4.
    """
    value = series["value"].to_numpy()
    years = np.arange(len(value)) / per_year
    lines = {name: _line(years, value, name, per_year) for name in ("linear", "exponential")}
    rmse = {name: float(np.sqrt(np.mean((value - line[0]) ** 2))) for name, line in lines.items()}
    shape, other = sorted(rmse, key=lambda name: rmse[name])
    fit, low, high, slope, memory = lines[shape]
    scale = 100 if shape == "exponential" else 1
    trend = Trend(
        shape=shape,
        slope=slope[0] * scale,
        low=slope[1] * scale,
        high=slope[2] * scale,
        rmse=rmse[shape],
        other_rmse=rmse[other],
        memory=memory,
    )
    return Fitted(pd.DataFrame({"period": series["period"], "fit": fit, "low": low, "high": high}), trend)


def _line(
    years: np.ndarray, value: np.ndarray, shape: str, per_year: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Return fit, band and slope (value, low, high), and the autocorrelation of the residuals."""
    import statsmodels.api as sm

    target, back = (np.log(value), np.exp) if shape == "exponential" else (value, np.asarray)
    lags = min(LAG_YEARS * per_year, len(value) // 3)
    model = sm.OLS(target, sm.add_constant(years)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    frame = model.get_prediction().summary_frame(alpha=0.05)
    rest = np.asarray(model.resid)
    memory = float((rest[1:] * rest[:-1]).sum() / max(float((rest**2).sum()), 1e-300))
    slope = np.array([model.params[1], *model.conf_int()[1]])
    fit, low, high = (np.asarray(back(frame[name].to_numpy())) for name in ("mean", "mean_ci_lower", "mean_ci_upper"))
    return fit, low, high, slope, memory
