"""Are the predicted stars right, and is what was recommended what was watched and liked? On ratings held out."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.training.als import predict_stars
from tasks.cases.recommendations.training.biases import Biases, predict_prior
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.list_model import ListModel
from tasks.cases.recommendations.training.ranking import per_user_quality
from tasks.cases.recommendations.training.stars import StarChoice, item_means
from tasks.cases.recommendations.training.top_films import Ranker, by_offset, liked_counts
from tasks.evaluation.intervals import bootstrap, exact_binomial, paired_difference
from tasks.evaluation.metrics import Metric
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

STARS = ("mean", "item_mean", "biases", "als")
LISTS = ("ease", "als", "knn", "popularity", "all_time", "explicit", "item_mean")
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
        `test` with the predictions `mean`, `item_mean`, `biases` and `als` (stars), `new_user`, `new_film` (not in
        training) and `watched` (training ratings of the film).
    """
    counts = np.bincount(train["item"].to_numpy(), minlength=len(item_bias))
    of_users = np.bincount(train["user"].to_numpy(), minlength=len(user_bias))
    user, film = test["user"].to_numpy(), test["item"].to_numpy()
    biases = Biases(np.asarray(user_bias), np.asarray(item_bias))
    return test.assign(
        mean=train["rating"].mean(),
        item_mean=item_means(train, len(item_bias))[film],
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
    explicit_users: np.ndarray,
    explicit_items: np.ndarray,
    ease: ListModel,
    als: ListModel,
    knn: ListModel,
    popularity: ListModel,
    relevant: float,
) -> Lists:
    """Recommend ten films to every test user by every method, and see which the user went on to watch and like.

    Args:
        train: `user`, `item`, `rating`.
        test: the same.
        item_bias: (items,).
        explicit_users: factors for stars, (users, rank).
        explicit_items: (items, rank).
        ease: fitted to `train`, as the three that follow.
        als: fitted.
        knn: fitted.
        popularity: fitted.
        relevant: rated at least so, stars.

    Raises:
        ContractError: no test rating is relevant.
    """
    count = len(explicit_users)
    models = {"ease": ease, "als": als, "knn": knn, "popularity": popularity}
    rankers = {name: model.ranker(train, count) for name, model in models.items()} | {
        "all_time": by_offset(liked_counts(train, len(item_bias), relevant), count),
        "explicit": Ranker(np.asarray(explicit_users, float), np.asarray(explicit_items, float), item_bias),
        "item_mean": by_offset(item_bias, count),
    }
    found = {name: per_user_quality(rankers[name], train, test, relevant) for name in LISTS}
    table = found["popularity"].table[["user", "relevant"]].copy()
    if table.empty:
        raise ContractError(f"No test rating is {relevant:g} stars or more; lower relevant or raise test_share.")
    shown = pd.DataFrame({"watched": np.bincount(train["item"].to_numpy(), minlength=len(item_bias))})
    for name, quality in found.items():
        table[f"ndcg_{name}"], table[f"recall_{name}"] = quality.table["ndcg"], quality.table["recall"]
        shown[name] = quality.shown
    return Lists(table, shown)


@stage(phase="Evaluation")
def ndcg_of_lists(train: pd.DataFrame, test: pd.DataFrame, users: int, model: ListModel) -> np.ndarray:
    """Return the NDCG@10 of every test user for a model fitted to `train`; for the champion's, (n,)."""
    return per_user_quality(model.ranker(train, users), train, test, model.relevant).table["ndcg"].to_numpy()


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
    """Return every method's RMSE by the film's training ratings: `band`, `ratings`, and a column of each."""
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
    lists_choice: Choice,
    star_choice: StarChoice,
    champion: np.ndarray | None,
) -> list[Metric]:
    """Gather the figures of the run.

    Args:
        stars: the predicted test ratings.
        stars_table: as `compare_stars` returns it.
        lists: per user.
        lists_table: as `compare_lists` returns it.
        lists_choice: how the lists are made.
        star_choice: how stars are predicted, and by what simple method they would be.
        champion: the champion's NDCG@10 of the same users; None without one.
    """
    star, kind = stars_table.set_index("method"), lists_table.set_index("method")
    best, simple, made = star_choice.best, star_choice.simple, lists_choice.method
    ours, popular = lists[f"ndcg_{made}"].to_numpy(), lists["ndcg_popularity"].to_numpy()
    gain = paired_difference(ours, popular)
    squares = {name: ((stars[name] - stars["rating"]) ** 2).to_numpy() for name in (best, simple)}
    saved = paired_difference(squares[simple], squares[best], groups=stars["user"].to_numpy())
    recall = lists[f"recall_{made}"].to_numpy()
    hits, popular_hits = recall > 0, lists["recall_popularity"].to_numpy() > 0
    recall_low, recall_high = bootstrap(recall)
    hits_low, hits_high = exact_binomial(int(hits.sum()), len(hits))
    theirs = float(np.mean(champion)) if champion is not None and len(champion) == len(ours) else None
    users, n = len(lists), len(stars)
    return [
        Metric(
            name="ndcg@10",
            value=kind.at[made, "ndcg"],
            low=kind.at[made, "low"],
            high=kind.at[made, "high"],
            n=users,
            baseline=kind.at["popularity", "ndcg"],
            champion=theirs,
            note=f"lists by {made}; baseline: the films liked by most"
            f"{', of late' if lists_choice.half_life else ''}, without those already seen",
        ),
        Metric(
            name="ndcg@10_gain",
            value=gain.value,
            low=gain.low,
            high=gain.high,
            n=users,
            baseline=0.0,
            note="over popularity, user by user",
        ),
        Metric(
            name="hits@10",
            value=float(hits.mean()),
            low=hits_low,
            high=hits_high,
            n=users,
            baseline=float(popular_hits.mean()),
            note="share of the users whose list holds a film that they liked",
        ),
        Metric(
            name="recall@10",
            value=float(recall.mean()),
            low=recall_low,
            high=recall_high,
            n=users,
            baseline=kind.at["popularity", "recall"],
        ),
        Metric(
            name="coverage",
            value=kind.at[made, "coverage"],
            baseline=kind.at["popularity", "coverage"],
            note="share of the films that are on somebody's list",
        ),
        Metric(
            name="rmse",
            value=star.at[best, "rmse"],
            unit="stars",
            low=star.at[best, "low"],
            high=star.at[best, "high"],
            n=n,
            baseline=star.at[simple, "rmse"],
            note=f"by {best}; baseline: {simple}, the best simple one on the validation ratings",
        ),
        Metric(name="mae", value=star.at[best, "mae"], unit="stars", n=n, baseline=star.at[simple, "mae"]),
        Metric(
            name="mse_gain",
            value=saved.value,
            unit="stars²",
            low=saved.low,
            high=saved.high,
            n=n,
            baseline=0.0,
            note=f"mean squared error less than that of {simple}, users drawn as a whole",
        ),
        *(
            Metric(
                name=f"rmse_{name}",
                value=star.at[name, "rmse"],
                unit="stars",
                low=star.at[name, "low"],
                high=star.at[name, "high"],
                n=n,
            )
            for name in STARS
        ),
        *(
            Metric(
                name=f"ndcg@10_{name}",
                value=kind.at[name, "ndcg"],
                low=kind.at[name, "low"],
                high=kind.at[name, "high"],
                n=users,
            )
            for name in LISTS
        ),
        Metric(
            name="cold_ratings",
            value=float((stars["new_user"] | stars["new_film"]).mean()),
            n=n,
            note="share of the test ratings by a user or of a film that training had never seen",
        ),
    ]
