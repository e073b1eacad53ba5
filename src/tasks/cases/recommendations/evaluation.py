"""Are the predicted stars right, and is what was recommended what was watched and liked? On ratings held out."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.training.als import predict_stars
from tasks.cases.recommendations.training.biases import Biases, predict_prior
from tasks.cases.recommendations.training.ranking import per_user_quality
from tasks.cases.recommendations.training.top_films import Ranker, by_offset, liked_counts, with_fallback
from tasks.evaluation.intervals import bootstrap, paired_difference
from tasks.evaluation.metrics import Metric
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

STARS = ("item_mean", "biases", "als")
LISTS = ("implicit", "popularity", "explicit", "item_mean")
BANDS = (0, 1, 3, 10, 50, 10**9)
BAND_NAMES = ("none", "1 to 2", "3 to 9", "10 to 49", "50 and more")


class Lists(NamedTuple):
    """How good the lists of every method are."""

    table: pd.DataFrame  # user, relevant, ndcg_<method>, recall_<method>
    shown: pd.DataFrame  # a row per film: watched (training ratings), <method>: on how many lists it is


@stage(phase="Evaluation")
def score_stars(
    train: pd.DataFrame,
    test: pd.DataFrame,
    user_bias: np.ndarray,
    item_bias: np.ndarray,
    users: np.ndarray,
    items: np.ndarray,
) -> pd.DataFrame:
    """Predict the test ratings.

    Args:
        train: `user`, `item`, `rating`.
        test: the same.
        user_bias: (users,).
        item_bias: (items,), the mean included.
        users: factors, (users, rank).
        items: factors, (items, rank).

    Returns:
        `test` with the predictions `item_mean`, `biases` and `als` (stars), `new_user`, `new_film` (not in training)
        and `watched` (training ratings of the film).
    """
    item, rating = train["item"].to_numpy(), train["rating"].to_numpy()
    counts = np.bincount(item, minlength=len(item_bias))
    means = np.where(counts > 0, np.bincount(item, rating, len(item_bias)) / np.maximum(counts, 1), rating.mean())
    of_users = np.bincount(train["user"].to_numpy(), minlength=len(user_bias))
    user, film = test["user"].to_numpy(), test["item"].to_numpy()
    biases = Biases(np.asarray(user_bias), np.asarray(item_bias))
    return test.assign(
        item_mean=means[film],
        biases=predict_prior(biases, test),
        als=predict_stars(test, biases.user[user] + biases.item[film], users, items),
        new_user=of_users[user] == 0,
        new_film=counts[film] == 0,
        watched=counts[film],
    )


@stage(phase="Evaluation")
def score_lists(
    train: pd.DataFrame,
    test: pd.DataFrame,
    item_bias: np.ndarray,
    implicit_users: np.ndarray,
    implicit_items: np.ndarray,
    explicit_users: np.ndarray,
    explicit_items: np.ndarray,
    relevant: float,
) -> Lists:
    """Recommend ten films to every test user by every method, and see which the user went on to watch and like.

    Args:
        train: `user`, `item`, `rating`.
        test: the same.
        item_bias: (items,).
        implicit_users: factors for lists, (users, rank).
        implicit_items: (items, rank).
        explicit_users: factors for stars, (users, rank).
        explicit_items: (items, rank).
        relevant: rated at least so, stars.

    Raises:
        ContractError: no test rating is relevant.
    """
    count, popularity = len(implicit_users), liked_counts(train, len(item_bias), relevant)
    rankers = {
        "implicit": with_fallback(implicit_users, implicit_items, popularity),
        "popularity": by_offset(popularity, count),
        "explicit": Ranker(np.asarray(explicit_users, float), np.asarray(explicit_items, float), item_bias),
        "item_mean": by_offset(item_bias, count),
    }
    found = {name: per_user_quality(rankers[name], train, test, relevant) for name in LISTS}
    table = found["implicit"].table[["user", "relevant"]].copy()
    if table.empty:
        raise ContractError(f"No test rating is {relevant:g} stars or more; lower relevant or raise test_share.")
    shown = pd.DataFrame({"watched": np.bincount(train["item"].to_numpy(), minlength=len(item_bias))})
    for name, quality in found.items():
        table[f"ndcg_{name}"], table[f"recall_{name}"] = quality.table["ndcg"], quality.table["recall"]
        shown[name] = quality.shown
    return Lists(table, shown)


@stage(phase="Evaluation")
def ndcg_of_lists(
    train: pd.DataFrame, test: pd.DataFrame, users: np.ndarray, items: np.ndarray, relevant: float
) -> np.ndarray:
    """Return the NDCG@10 of every test user for factors (users, rank) and (items, rank); for the champion's, (n,)."""
    ranker = with_fallback(users, items, liked_counts(train, len(items), relevant))
    return per_user_quality(ranker, train, test, relevant).table["ndcg"].to_numpy()


def rmse_with_interval(squared: np.ndarray, users: np.ndarray) -> tuple[float, float | None, float | None]:
    """Return the root of the mean of squared errors with its 95 % interval; whole users are drawn."""
    low, high = bootstrap(squared, groups=users)
    ends = (None, None) if np.isnan(low) else (float(np.sqrt(max(low, 0))), float(np.sqrt(high)))
    return float(np.sqrt(squared.mean())), *ends


@stage(phase="Evaluation")
def compare_stars(stars: pd.DataFrame) -> pd.DataFrame:
    """Return a row per method: `method`, `rmse`, `low`, `high`, `mae` (stars)."""
    rows = []
    for name in STARS:
        error = (stars[name] - stars["rating"]).to_numpy()
        rows.append((name, *rmse_with_interval(error**2, stars["user"].to_numpy()), float(np.abs(error).mean())))
    return pd.DataFrame(rows, columns=["method", "rmse", "low", "high", "mae"]).astype({"low": float, "high": float})


@stage(phase="Evaluation")
def compare_lists(table: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Return a row per method: `method`, `ndcg`, `low`, `high`, `recall`, `coverage` (share of the films)."""
    rows = []
    for name in LISTS:
        ndcg = table[f"ndcg_{name}"].to_numpy()
        known = shown["watched"] > 0
        covered = float((shown.loc[known, name] > 0).mean())
        rows.append((name, float(ndcg.mean()), *bootstrap(ndcg), float(table[f"recall_{name}"].mean()), covered))
    return pd.DataFrame(rows, columns=["method", "ndcg", "low", "high", "recall", "coverage"])


@stage(phase="Evaluation")
def errors_by_popularity(stars: pd.DataFrame) -> pd.DataFrame:
    """Return every method's RMSE by the film's training ratings: `band`, `ratings`, `item_mean`, `biases`, `als`."""
    band = pd.cut(stars["watched"], BANDS, right=False, labels=BAND_NAMES)
    rows = []
    for name in BAND_NAMES:
        part = stars[band == name]
        if len(part):
            errors = [float(np.sqrt(((part[method] - part["rating"]) ** 2).mean())) for method in STARS]
            rows.append((name, len(part), *errors))
    return pd.DataFrame(rows, columns=["band", "ratings", *STARS])


@stage(phase="Evaluation")
def summarise_recommendations(
    stars: pd.DataFrame,
    stars_table: pd.DataFrame,
    lists: pd.DataFrame,
    lists_table: pd.DataFrame,
    champion: np.ndarray | None,
) -> list[Metric]:
    """Gather the figures of the run.

    Args:
        stars: the predicted test ratings.
        stars_table: as `compare_stars` returns it.
        lists: per user.
        lists_table: as `compare_lists` returns it.
        champion: the champion's NDCG@10 of the same users; None without one.
    """
    star = stars_table.set_index("method")
    kind = lists_table.set_index("method")
    ours, popular = lists["ndcg_implicit"].to_numpy(), lists["ndcg_popularity"].to_numpy()
    gain = paired_difference(ours, popular)
    squares = {name: ((stars[name] - stars["rating"]) ** 2).to_numpy() for name in ("als", "item_mean")}
    saved = paired_difference(squares["item_mean"], squares["als"], groups=stars["user"].to_numpy())
    recall = lists["recall_implicit"].to_numpy()
    recall_low, recall_high = bootstrap(recall)
    theirs = float(np.mean(champion)) if champion is not None and len(champion) == len(ours) else None
    users, n = len(lists), len(stars)
    return [
        Metric(name="ndcg@10", value=kind.at["implicit", "ndcg"], low=kind.at["implicit", "low"],
               high=kind.at["implicit", "high"], n=users, baseline=kind.at["popularity", "ndcg"], champion=theirs,
               note="baseline: the films liked by most, without those already seen"),
        Metric(name="ndcg@10_gain", value=gain.value, low=gain.low, high=gain.high, n=users, baseline=0.0,
               note="over popularity, user by user"),
        Metric(name="recall@10", value=float(recall.mean()), low=recall_low, high=recall_high, n=users,
               baseline=kind.at["popularity", "recall"]),
        Metric(name="coverage", value=kind.at["implicit", "coverage"], baseline=kind.at["popularity", "coverage"],
               note="share of the films that are on somebody's list"),
        Metric(name="rmse", value=star.at["als", "rmse"], unit="stars", low=star.at["als", "low"],
               high=star.at["als", "high"], n=n, baseline=star.at["item_mean", "rmse"],
               note="biases and ALS; baseline: the mean of the film"),
        Metric(name="mae", value=star.at["als", "mae"], unit="stars", n=n, baseline=star.at["item_mean", "mae"]),
        Metric(name="mse_gain", value=saved.value, unit="stars²", low=saved.low, high=saved.high, n=n, baseline=0.0,
               note="mean squared error less than that of item means, users drawn as a whole"),
        Metric(name="rmse_biases", value=star.at["biases", "rmse"], unit="stars", low=star.at["biases", "low"],
               high=star.at["biases", "high"], n=n, note="user and film biases without taste"),
        Metric(name="ndcg@10_explicit", value=kind.at["explicit", "ndcg"], low=kind.at["explicit", "low"],
               high=kind.at["explicit", "high"], n=users, note="lists by predicted stars, for comparison"),
        Metric(name="cold_ratings", value=float((stars["new_user"] | stars["new_film"]).mean()), n=n,
               note="share of the test ratings by a user or of a film that training had never seen"),
    ]  # fmt: skip
