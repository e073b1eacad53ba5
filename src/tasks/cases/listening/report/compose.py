"""What was my year in music? Everything of one run, put into its report."""

import pandas as pd

from tasks.cases.listening.evaluation.year import YearReview
from tasks.cases.listening.figures.plays import changed, counted
from tasks.cases.listening.report.sections import (
    Asked,
    against_before,
    by_day_figure,
    clock_figure,
    discovered,
    favourites,
    habits,
    put_aside,
    when_heard,
)
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.platform.text import shorten
from tasks.publishing.report import Findings, Verdict
from tasks.validation.contract import ContractReport

GOOD_COMPLETE = 0.95  # of the plays have moment, artist, track and album
NO_MODEL = "This case counts and describes; it trains no model, so there is no champion to beat and nothing to track."


@stage(phase="Deployment")
def describe_listening(
    asked: Asked,
    review: YearReview,
    plays: pd.DataFrame,
    by_year: pd.DataFrame,
    by_month: pd.DataFrame,
    by_day: pd.DataFrame,
    ranks: pd.DataFrame,
    clock: pd.DataFrame,
    streaks: pd.DataFrame,
    sessions: pd.DataFrame,
    counts: dict[str, int],
    contract: ContractReport,
    metrics: list[Metric],
) -> Findings:
    """Say what was found.

    Args:
        asked: what was asked for.
        review: the year.
        plays: as `mark_plays` returns them.
        by_year: of `count_plays`, as are `by_month` and `by_day`.
        by_month: a row for each month.
        by_day: a row for each day.
        ranks: of `rank_plays`.
        clock: of `describe_habits`, as are `streaks` and `sessions`.
        streaks: the longest first.
        sessions: the oldest first.
        counts: how many lines were put aside, by reason.
        contract: how each rule fared.
        metrics: of the run.
    """
    year = review.year
    recorded_from = plays["day"].min()
    return Findings(
        answer=answer(review),
        verdict=_verdict(metrics),
        hero=[by_day_figure(by_day, year), clock_figure(clock, year, asked.zone)],
        sections=[
            against_before(review, by_month, by_year),
            favourites(plays, ranks, year),
            when_heard(clock, by_day, review, asked.zone),
            habits(review, streaks, sessions, asked),
            discovered(by_month, plays, review, recorded_from),
            put_aside(counts, asked),
        ],
        metrics=metrics,
        champion=NO_MODEL,
        limits=_limits(review, asked, contract, recorded_from),
    )


def answer(review: YearReview) -> str:
    """Return the year in one sentence."""
    span = f"In {review.year}" if review.full else f"In {review.year} (the record has {review.first} to {review.last})"
    against = ""
    if (before := review.before_same_dates) and review.change is not None:
        word = changed(review.plays_same_dates, before)
        joint = "as" if word.startswith("about") else "than"
        dates = "" if review.same_dates >= 365 else f" on the {review.same_dates} dates that both years have"
        against = f", {word} {joint} in {review.year - 1}{dates}"
    best = review.favourites["artist"]
    return (
        f"{span} you played {counted(review.plays, 'track')} by {counted(review.artists, 'artist')}{against};"
        f" most of all {shorten(best.name, 60)} ({counted(best.plays, 'play')}), most often between"
        f" {review.busiest_hour}:00 and {(review.busiest_hour + 1) % 24}:00, and for"
        f" {counted(review.streak_days, 'day')} in a row at best."
    )


def _verdict(metrics: list[Metric]) -> Verdict:
    """Say whether the figures can be trusted: every line accounted for, and the plays complete."""
    value = {metric.name: metric.value for metric in metrics}
    met = value["accounted"] == 1 and value["complete"] >= GOOD_COMPLETE
    said = (
        "Every line of the data is either counted or in quarantine"
        if value["accounted"] == 1
        else f"Only {percent(value['accounted'], 2)} of the lines are accounted for"
    )
    complete = f"{percent(value['complete'], 1)} of the plays have all their fields"
    return Verdict(met=met, sentence=f"{said}, and {complete} (wanted: all, and {percent(GOOD_COMPLETE)}).")


def _limits(review: YearReview, asked: Asked, contract: ContractReport, recorded_from: pd.Timestamp) -> list[str]:
    limits = [
        f"Times without a zone were taken for {asked.export_zone}; all days and hours are those of {asked.zone},"
        " wherever the listener was.",
        f"New means: not heard since the record began on {recorded_from:%Y-%m-%d}.",
        "An export has no durations, so minutes of music cannot be told; a session's minutes leave out its last play.",
        f"Counted twice means: the same artist and track again within {counted(asked.double_seconds, 'second')}; where"
        " an export has minutes only, within the same minute.",
        "Names are taken as they are written: two spellings of an artist are two artists.",
    ]
    if not review.full:
        limits.append(f"The record has {review.year} from {review.first} to {review.last} only; so have its figures.")
    same = next(
        (rule for rule in contract.results if rule.rule.startswith("No two tracks begin") and not rule.passed), None
    )
    if same:
        limits.append(
            f"{counted(same.broken, 'play')} share their second with another track, as players that were offline hand"
            " them in; they count, but their hour may be that of the upload."
        )
    return limits
