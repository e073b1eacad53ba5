"""What does the analysis of prices say, in sentences? Words for numbers, true on any data."""

import pandas as pd

from tasks.cases.consumer_prices.evaluation.alarms import AS_FOUND
from tasks.cases.consumer_prices.training.trend import Trend
from tasks.evaluation.change_points import Change
from tasks.evaluation.change_points import Verdict as Test
from tasks.evaluation.metrics import Metric
from tasks.platform.text import capital
from tasks.publishing.report import Verdict

COVERAGE = (0.92, 0.98)


def p_value(p: float) -> str:
    """Return a p-value as a reader wants it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def named(tests: list[Test], name: str) -> Test:
    """Return the test of one figure."""
    return next(test for test in tests if test.name == name)


def plain_pace(trend: Trend) -> str:
    """Say how fast the line rises, without its interval."""
    verb = "rose" if trend.slope >= 0 else "fell"
    unit = "index points" if trend.shape == "linear" else "%"
    return f"prices {verb} by {abs(trend.slope):.2f} {unit} a year"


def pace(trend: Trend) -> str:
    """Say how fast the line rises, with its 95 % interval."""
    return f"{plain_pace(trend)} ({trend.low:.2f} to {trend.high:.2f})"


def change_words(change: Change) -> str:
    """Say how a spread changed, and when."""
    how = (
        f"{change.difference:.2f} times as large as before"
        if change.difference >= 1
        else (f"down to {change.difference:.2f} of what it was")
    )
    return (
        f"from {change.year} on (95 % interval {change.low} to {change.high}) {how}"
        f" ({change.difference_low:.2f} to {change.difference_high:.2f})"
    )


def unsteadiness(tests: list[Test]) -> str:
    """Say whether the steps became more or less unsteady, and whether the season did it."""
    spread, rest = named(tests, "spread"), named(tests, "irregular")
    if spread.p is None:
        return "whether they became more unsteady cannot be tested on so few years"
    if not spread.changes:
        more = _without_season(rest)
        return f"no lasting change in the spread of their steps is found ({p_value(spread.p)}){more}"
    last = spread.changes[-1]
    said = f"the spread of their steps is {change_words(last)}, {p_value(last.p)}"
    if rest.changes:
        return f"{said}; without the season it also changes, in {', '.join(str(item.year) for item in rest.changes)}"
    seasonal = f"without the season no change is found ({p_value(rest.p)})" if rest.p is not None else ""
    return f"{said}; {seasonal}" if seasonal else said


def _without_season(rest: Test) -> str:
    if not rest.changes:
        return f", nor without the season ({p_value(rest.p)})" if rest.p is not None else ""
    change = rest.changes[-1]
    return f"; without the season it is {change_words(change)}, {p_value(change.p)}"


def alarms_here(alarms: pd.DataFrame) -> str:
    """Say how often the test errs on prices as persistent as these."""
    row = alarms[alarms["scenario"].str.startswith(AS_FOUND) & (alarms["figure"] == "any")].iloc[0]
    persistence = str(row["scenario"]).removeprefix(AS_FOUND).strip(" ()")
    return (
        f"At the persistence of the series at hand (autocorrelation from year to year: {persistence}) it errs in"
        f" {row['share']:.1%} ({row['low']:.1%} to {row['high']:.1%})."
    )


def missed(alarms: pd.DataFrame) -> str:
    """Say what the test finds of changes that are there: no finding is no proof of steadiness."""
    share = alarms[alarms["figure"] == "any"].set_index("scenario")["share"]
    twice, thrice = share["irregular steps × 2"], share["irregular steps × 3"]
    return (
        f"It pays for that: steps twice as wild as before are found in {twice:.0%}, steps three times as wild in"
        f" {thrice:.0%}: no finding is no proof of steadiness."
    )


def answer(trend: Trend, tests: list[Test], ahead: str) -> str:
    """Return the answer: first in words, then how sure it is."""
    spread = named(tests, "spread")
    if spread.p is None:
        steady = "on so few years nothing can be said of how unsteady they have become"
    elif not spread.changes:
        steady = "they are not found to have become more or less unsteady"
    else:
        last = spread.changes[-1]
        steady = f"they became {'more' if last.difference > 1 else 'less'} unsteady in {last.year}"
    tested = "" if spread.p is None else f" {capital(unsteadiness(tests))}."
    sure = f"The yearly pace lies between {trend.low:.2f} and {trend.high:.2f} (95\u202f% interval)."
    return f"{capital(plain_pace(trend))}, and {steady}. {capital(ahead)}. {sure}{tested}"


def verdict(metrics: list[Metric]) -> Verdict:
    """Hold the run against its criterion: better than the seasonal naive beyond chance, and honest intervals."""
    by_name = {metric.name: metric for metric in metrics}
    off, gain, held = by_name["mape"], by_name["mape_gain"], by_name["coverage@95"]
    if gain.low is None or gain.low != gain.low:
        return Verdict(met=None, sentence="There are too few forecasts to tell how good they are.")
    better, honest = gain.low > 0, COVERAGE[0] <= held.value <= COVERAGE[1]
    sentence = (
        f"The forecasts are off by {off.value:.2f} % on average, the seasonal naive ones by {off.baseline:.2f} %"
        f" (difference {gain.value:.2f} %, {gain.low:.2f} to {gain.high:.2f}; good: above 0);"
        f" the 95 % intervals held {held.value:.1%} of what came (good: 92 to 98 %)."
    )
    return Verdict(met=better and honest, sentence=sentence)
