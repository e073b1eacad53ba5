"""How good are the forecasts of prices, and do their intervals hold what they promise?

The origins are parted by time. The model is chosen on the earlier ones alone; the later ones measure it. The interval
at each step is as wide as 95 % of the model's own errors at that step, of those that were known when the forecast was
made (split conformal prediction: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World", 2005).
Only the last years' errors count, because prices have calmer and wilder times; so the promise is not exact, and its
coverage is measured. Origins less than a horizon apart share what came, so they are drawn together in the bootstrap.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.cases.consumer_prices.training.forecasts import CANDIDATES, steps_ahead
from tasks.evaluation.champion import Cases
from tasks.evaluation.change_points import Verdict
from tasks.evaluation.intervals import bootstrap, paired_difference
from tasks.evaluation.metrics import Metric
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

LEVEL = 0.95
FEWEST_ERRORS = 19  # below, 95 % of the errors is more than all of them
MOST_TESTED = 0.6  # share of the origins that measure
BASELINE = "seasonal_naive"


class Choice(BaseModel):
    """The model that is used."""

    model: str
    why: str
    first_test: int = Field(description="how many values were known at the first origin that measures")


class Intervals(NamedTuple):
    """Intervals from past errors."""

    covered: pd.DataFrame  # origin, step, covered (0 or 1), half_width; origins that measure, where enough was known
    half_widths: np.ndarray  # (steps,) for a forecast from the last value, per cent (logarithmic)


def first_test(errors: pd.DataFrame, per_year: int, test_years: int) -> int:
    """Return the first origin that measures: at most `test_years` before the last one, and 60 % of all."""
    origins = np.sort(errors["origin"].unique())
    allowed = origins[-max(1, int(MOST_TESTED * len(origins))) :]
    return int(allowed[allowed > origins[-1] - test_years * per_year][0])


@stage(phase="Evaluation")
def choose_model(errors: pd.DataFrame, per_year: int, test_years: int, model: str) -> Choice:
    """Take the model that was asked for; for `auto`, the one with the least error on the earlier origins.

    Args:
        errors: as `backtest` returns them.
        per_year: 12 or 4.
        test_years: length of the time that measures.
        model: `auto` or one of `CANDIDATES`.
    """
    start = first_test(errors, per_year, test_years)
    if model != "auto":
        return Choice(model=model, why=f"The model {model} was asked for.", first_test=start)
    known = errors[errors["origin"] + int(errors["step"].max()) <= start]
    if known.empty:
        why = "The series is too short to choose a model on earlier forecasts, so three unlike ones are combined."
        return Choice(model="combination", why=why, first_test=start)
    off = known[known["model"].isin(CANDIDATES)].groupby("model")["off"].mean().sort_values(kind="stable")
    count = known["origin"].nunique()
    why = (
        f"Of {len(off)} models, {off.index[0]} was off least ({off.iloc[0]:.2f} % on average) on the {count} earlier"
        f" forecasts, which count for nothing else; next came {off.index[1]} ({off.iloc[1]:.2f} %)."
    )
    return Choice(model=str(off.index[0]), why=why, first_test=start)


@stage(phase="Evaluation")
def origin_scores(errors: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Return the mean error over all steps, per cent, of every model at each origin that measures.

    Returns:
        `origin`, `group` (origins less than a horizon apart) and a column for each model.
    """
    tested = errors[errors["origin"] >= choice.first_test]
    table = tested.pivot_table(index="origin", columns="model", values="off", aggfunc="mean").reset_index()
    table.columns.name = None
    table.insert(1, "group", (table["origin"] - table["origin"].min()) // int(errors["step"].max()))
    return table


def _half_widths(own: pd.DataFrame, now: int, oldest: int) -> np.ndarray:
    """Return the conformal quantile of the absolute errors at each step; NaN where there are too few.

    Args:
        own: absolute errors, a row per origin, a column per step (1 first).
        now: how many values were known; an error counts once its month is.
        oldest: origins after this one count.
    """
    origins, absolute = own.index.to_numpy(), own.to_numpy()
    widths = np.full(absolute.shape[1], np.nan)
    for column in range(absolute.shape[1]):
        values = absolute[(origins + column + 1 <= now) & (origins > oldest), column]
        if len(values) >= FEWEST_ERRORS:
            rank = int(np.ceil((len(values) + 1) * LEVEL))
            widths[column] = np.sort(values)[min(rank, len(values)) - 1]
    return widths


@stage(phase="Evaluation")
def interval_coverage(errors: pd.DataFrame, choice: Choice, per_year: int, memory_years: int) -> Intervals:
    """Put intervals around the forecasts that measure, from errors that were known then, and look whether they hold.

    Args:
        errors: as `backtest` returns them.
        choice: the model, and which origins measure.
        per_year: 12 or 4.
        memory_years: how many years of past origins count.

    Raises:
        UsageError: so few origins that no interval can be made.
    """
    own = errors[errors["model"] == choice.model].pivot_table(index="origin", columns="step", values="error").abs()
    steps, last = own.shape[1], int(own.index.max())
    reach = memory_years * per_year + steps  # the youngest errors of a long way come from forecasts that old
    tables = []
    for origin in own.index[own.index >= choice.first_test].tolist():
        half = _half_widths(own, origin, origin - reach)
        hit = (own.loc[origin].to_numpy() <= half).astype(np.int64)
        rows = {"origin": origin, "step": np.arange(1, steps + 1), "covered": hit, "half_width": half}
        tables.append(pd.DataFrame(rows))
    covered = pd.concat(tables).dropna().reset_index(drop=True)
    ahead = _half_widths(own, last + steps, last + steps - reach)
    if covered.empty or np.isnan(ahead).any():
        raise UsageError(
            f"Fewer than {FEWEST_ERRORS} past errors are known at some step, too few for 95 % intervals; give fewer"
            " months between the origins (every), more years of memory, or a longer export."
        )
    return Intervals(covered, np.maximum.accumulate(ahead))


@stage(phase="Evaluation")
def coverage_by_step(covered: pd.DataFrame) -> pd.DataFrame:
    """Return `step`, `coverage`, `half_width` (mean, per cent) and `n`."""
    grouped = covered.groupby("step")
    table = pd.DataFrame({"coverage": grouped["covered"].mean(), "half_width": grouped["half_width"].mean()})
    return table.assign(n=grouped.size()).reset_index()


@stage(phase="Evaluation")
def price_metrics(
    scores: pd.DataFrame,
    covered: pd.DataFrame,
    choice: Choice,
    verdicts: list[Verdict],
    alarms: pd.DataFrame,
    champion: np.ndarray | None = None,
) -> list[Metric]:
    """Return the figures of a run.

    Args:
        scores: as `origin_scores` returns them.
        covered: as `interval_coverage` returns it.
        choice: the model.
        verdicts: what the test of changes says.
        alarms: how often it errs.
        champion: the champion's error at the same origins, (n,); None without one.
    """
    groups, ours = scores["group"], scores[choice.model]
    low, high = bootstrap(ours, groups=groups)
    gain = paired_difference(scores[BASELINE], ours, groups=groups)
    metrics = [
        Metric(
            name="mape",
            value=float(ours.mean()),
            unit="%",
            low=low,
            high=high,
            n=len(ours),
            baseline=float(scores[BASELINE].mean()),
            champion=None if champion is None or len(champion) != len(ours) else float(champion.mean()),
            note=f"mean absolute error over all steps; the baseline is the {BASELINE.replace('_', ' ')} forecast",
        ),
        Metric(
            name="mape_gain",
            value=gain.value,
            unit="%",
            low=gain.low,
            high=gain.high,
            n=len(ours),
            note="paired difference to the seasonal naive forecast of the same origins",
        ),
        _coverage(covered, int(scores["origin"].min())),
    ]
    wide = covered[covered["step"] == covered["step"].max()]["half_width"]
    metrics.append(
        Metric(name="half_width", value=float(wide.mean()), unit="%", n=len(wide), note="mean, at the last step")
    )
    return metrics + _of_changes(verdicts, alarms)


def _coverage(covered: pd.DataFrame, first: int) -> Metric:
    group = (covered["origin"] - first) // int(covered["step"].max())
    low, high = bootstrap(covered["covered"], groups=group)
    value = float(covered["covered"].mean())
    return Metric(
        name="coverage@95", value=value, low=low, high=high, n=len(covered), note="share of what came that lies inside"
    )


def _of_changes(verdicts: list[Verdict], alarms: pd.DataFrame) -> list[Metric]:
    """Return the p-values, and how often the test errs in the worst scenario without a change."""
    metrics = [
        Metric(name=f"p_{item.name}", value=item.p, n=item.years, note=f"test of no change, {item.label}")
        for item in verdicts
        if item.p is not None
    ]
    still = alarms[(alarms["planted"] == "") & (alarms["figure"] == "any")]
    worst = still.loc[still["share"].idxmax()]
    found = alarms[(alarms["scenario"] == "irregular steps × 3") & (alarms["figure"] == "any")].iloc[0]
    for name, row in (("false_alarm_rate", worst), ("power", found)):
        metrics.append(
            Metric(
                name=name, value=row["share"], low=row["low"], high=row["high"], n=int(row["n"]), note=row["scenario"]
            )
        )
    return metrics


def check_memory(every: int, memory_years: int, per_year: int) -> None:
    """Refuse settings under which no interval can ever be made.

    Raises:
        UsageError: fewer than 19 origins in the memory.
    """
    count = memory_years * per_year // steps_ahead(every, per_year)
    if count < FEWEST_ERRORS:
        raise UsageError(
            f"{memory_years} years of memory with a forecast every {every} months hold {count} past errors, and 95 %"
            f" intervals need {FEWEST_ERRORS}; lower every, or raise memory."
        )


@stage(phase="Evaluation")
def origin_cases(scores: pd.DataFrame, model: str) -> Cases:
    """Return the error of a model at each origin, with that of the seasonal naive forecast as its baseline.

    Args:
        scores: as `origin_scores` returns them.
        model: name of the model.

    Raises:
        ValueError: no such model was scored.
    """
    if model not in CANDIDATES or model not in scores:
        raise ValueError(f"{model!r} is no model of this backtest")
    ours, naive = (scores[name].to_numpy(np.float64) for name in (model, BASELINE))
    return Cases(ours, scores["group"].to_numpy(np.int64), naive)
