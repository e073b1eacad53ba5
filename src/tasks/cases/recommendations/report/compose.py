"""What the recommendations case has to say: what to watch next, how good the lists are, and for whom they are not."""

import pandas as pd

from tasks.cases.recommendations.figures import SHORT_NAMES, STAR_NAMES, list_quality
from tasks.cases.recommendations.report.sections import (
    cold_section,
    lists_section,
    next_section,
    settings_section,
    similar_section,
    stars_section,
)
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.items import MOST_SIDE
from tasks.cases.recommendations.training.stars import StarChoice
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

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
    tried_items: pd.DataFrame,
    recommended: pd.DataFrame,
    similar: pd.DataFrame,
    metrics: list[Metric],
    lists_choice: Choice,
    star_choice: StarChoice,
    replaced: int,
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
        tried_lists: settings of als for lists.
        tried_items: settings of the other methods for lists.
        recommended: the list of every user.
        similar: similar films of well-known ones.
        metrics: on the test ratings.
        lists_choice: how the lists are made.
        star_choice: how stars are predicted.
        replaced: ratings that were given anew later.
        split: how the ratings were split.
        relevant: stars from which a film is liked.
    """
    by_name = {metric.name: metric for metric in metrics}
    gain = by_name["ndcg@10_gain"]
    hero = figure_block(
        list_quality(
            lists, lists_choice.method, (gain.value, gain.low or 0.0, gain.high or 0.0), gain.n or 0, relevant
        ),
        "NDCG@10 of seven ways to make lists, with 95 % intervals.",
        f"Tested on {SPLITS[split]}. Each list leaves out what the user had already rated in training.",
    )
    return Findings(
        answer=_answer(by_name, recommended, split, lists_choice),
        verdict=judge(by_name, star_choice),
        hero=[hero],
        sections=[
            next_section(ratings, users, films, recommended, relevant),
            similar_section(similar),
            lists_section(lists, shown, lists_choice.method, relevant),
            stars_section(stars, bands, len(predicted), star_choice),
            cold_section(predicted, star_choice.best),
            settings_section(tried_biases, tried_stars, tried_lists, tried_items),
        ],
        metrics=metrics,
        limits=_limits(split, replaced, films),
    )


def _answer(metrics: dict[str, Metric], recommended: pd.DataFrame, split: str, choice: Choice) -> str:
    ndcg, gain, rmse, hits = (metrics[name] for name in ("ndcg@10", "ndcg@10_gain", "rmse", "hits@10"))
    certain = (gain.low or 0) > 0
    popular = "the films liked by most of late" if choice.half_life else "the films liked by most"
    return (
        f"Ten films to watch next for each of {recommended['user'].nunique():,} users, by {SHORT_NAMES[choice.method]}:"
        f" of 100 users {100 * hits.value:.0f} find a film on such a list that they went on to like"
        f" ({100 * (hits.baseline or 0):.0f} with {popular}). Tested on {SPLITS[split]}, the lists reach an NDCG@10 of"
        f" {ndcg.value:.3f} [{ndcg.low or 0:.3f} to {ndcg.high or 0:.3f}] against {ndcg.baseline or 0:.3f}"
        f" ({'certainly' if certain else 'not certainly'} better), and a rating is predicted to {rmse.value:.3f} stars"
        f" (RMSE; {rmse.baseline or 0:.3f} by the best simple way)."
    )


def judge(metrics: dict[str, Metric], choice: StarChoice) -> Verdict:
    """Hold the run against the success criterion of its question."""
    gain, saved = metrics["ndcg@10_gain"], metrics["mse_gain"]
    lists, stars = (gain.low or 0) > 0, choice.best != choice.simple and (saved.low or 0) > 0
    ends = f"[{gain.low or 0:+.3f} to {gain.high or 0:+.3f}]"
    simple = f"the best simple way, the {STAR_NAMES[choice.simple]}"
    told = (
        f"stars are {'' if stars else 'not '}predicted better than by {simple}, beyond chance."
        if choice.best != choice.simple
        else f"nothing predicts stars better than {simple}, which is used."
    )
    return Verdict(
        met=lists and stars,
        sentence=f"User by user, NDCG@10 differs from popularity's by {gain.value:+.3f} {ends}, and {told}",
    )


def _limits(split: str, replaced: int, films: pd.DataFrame) -> list[str]:
    limits = [
        "Only what users chose to watch and rate is known: a film that is not among a user's test ratings counts as not"
        " liked, though the user may just not have come across it. That is hardest on films that few have heard of.",
        "Whether a recommendation makes anyone watch can be told by an experiment only.",
        "Nothing is known of films but their ratings, so a film without ratings is recommended to nobody.",
    ]
    if replaced:
        limits.append(f"{replaced:,} ratings were given anew by the same user later; the last one counts.")
    if len(films) > MOST_SIDE:
        limits.append(
            f"EASE and neighbours of films hold at most {MOST_SIDE:,} films where there are more users than that, the"
            " most watched ones; others are then recommended by ALS or popularity only."
        )
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
