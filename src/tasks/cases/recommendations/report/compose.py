"""What the recommendations case has to say: what to watch next, how good the lists are, and for whom they are not."""

import pandas as pd

from tasks.cases.recommendations.figures import list_quality
from tasks.cases.recommendations.report.sections import (
    cold_section,
    lists_section,
    next_section,
    settings_section,
    similar_section,
    stars_section,
)
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

GOOD_RMSE = 0.88  # stars, on a random split
SPLITS = {
    "time": "each user's last ratings",
    "date": "all ratings after a date",
    "random": "ratings drawn at random",
}


@stage(phase="Deployment")
def describe_recommendations(
    ratings: pd.DataFrame,
    users: pd.DataFrame,
    films: pd.DataFrame,
    predicted: pd.DataFrame,
    stars: pd.DataFrame,
    lists: pd.DataFrame,
    bands: pd.DataFrame,
    shown: pd.DataFrame,
    tried_biases: pd.DataFrame,
    tried_stars: pd.DataFrame,
    tried_lists: pd.DataFrame,
    recommended: pd.DataFrame,
    similar: pd.DataFrame,
    metrics: list[Metric],
    split: str,
    relevant: float,
) -> Findings:
    """Say what was found.

    Args:
        ratings: `user`, `item`, `rating`: all that were used.
        users: their numbers.
        films: `film`, `title`, `genres`.
        predicted: the test ratings with their predictions.
        stars: quality of every method for stars.
        lists: quality of every method for lists.
        bands: errors by the film's training ratings.
        shown: on how many lists each film is.
        tried_biases: settings of the biases.
        tried_stars: settings for stars.
        tried_lists: settings for lists.
        recommended: the list of every user.
        similar: similar films of well-known ones.
        metrics: on the test ratings.
        split: how the ratings were split.
        relevant: stars from which a film is liked.
    """
    by_name = {metric.name: metric for metric in metrics}
    gain = by_name["ndcg@10_gain"]
    hero = figure_block(
        list_quality(lists, (gain.value, gain.low or 0.0, gain.high or 0.0), gain.n or 0, relevant),
        "NDCG@10 of four ways to make lists, with 95 % intervals.",
        f"Tested on {SPLITS[split]}. Each list leaves out what the user had already rated in training.",
    )
    return Findings(
        answer=_answer(by_name, recommended, split),
        verdict=judge(by_name, split),
        hero=[hero],
        sections=[
            next_section(ratings, users, films, recommended, relevant),
            similar_section(similar),
            lists_section(lists, shown, relevant),
            stars_section(stars, bands, len(predicted)),
            cold_section(predicted),
            settings_section(tried_biases, tried_stars, tried_lists),
        ],
        metrics=metrics,
        limits=_limits(split),
    )


def _answer(metrics: dict[str, Metric], recommended: pd.DataFrame, split: str) -> str:
    ndcg, gain, rmse = metrics["ndcg@10"], metrics["ndcg@10_gain"], metrics["rmse"]
    certain = (gain.low or 0) > 0
    return (
        f"Ten films for each of {recommended['user'].nunique():,} users: tested on {SPLITS[split]}, such lists reach an"
        f" NDCG@10 of {ndcg.value:.3f} [{ndcg.low or 0:.3f} to {ndcg.high or 0:.3f}] against {ndcg.baseline or 0:.3f}"
        f" for the most liked films ({'certainly' if certain else 'not certainly'} better), and a rating is predicted"
        f" to {rmse.value:.3f} stars (RMSE; {rmse.baseline or 0:.3f} by the film's mean)."
    )


def judge(metrics: dict[str, Metric], split: str) -> Verdict:
    """Hold the run against the success criterion of its question."""
    gain, rmse, saved = metrics["ndcg@10_gain"], metrics["rmse"], metrics["mse_gain"]
    lists = (gain.low or 0) > 0
    ends = f"[{gain.low or 0:+.3f} to {gain.high or 0:+.3f}]"
    said = f"User by user, NDCG@10 differs from popularity's by {gain.value:+.3f} {ends},"
    if split == "random":
        stars = rmse.value <= GOOD_RMSE
        then = f"and the RMSE is {rmse.value:.3f}, {'at most' if stars else 'more than'} {GOOD_RMSE}."
    else:
        stars = (saved.low or 0) > 0
        then = f"and stars are {'' if stars else 'not '}predicted better than by film means beyond chance."
    return Verdict(met=lists and stars, sentence=f"{said} {then}")


def _limits(split: str) -> list[str]:
    limits = [
        "Only what users chose to watch and rate is known: a film that is not among a user's test ratings counts as not"
        " liked, though the user may just not have come across it. That is hardest on films that few have heard of.",
        "Whether a recommendation makes anyone watch can be told by an experiment only.",
        "Nothing is known of films but their ratings, so a film without ratings is recommended to nobody.",
    ]
    if split == "random":
        limits.append(
            "With a random split later ratings help to predict earlier ones; by time (split=time) figures are lower,"
            " and nearer to what use will show."
        )
    elif split == "time":
        limits.append(
            "Each user's last ratings test, so other users' later ratings are known; a date (split=date) is stricter,"
            " and may leave few users who are known already."
        )
    return limits
