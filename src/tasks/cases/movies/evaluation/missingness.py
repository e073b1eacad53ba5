"""Are the films without revenue like those with it, and if not, does what was measured on the latter hold for them?

Where the chance that revenue is missing depends on what is known of a film (its votes, its year), figures measured on
films with revenue are weighted by the odds of missing: a test film that looks like those without revenue counts for
more (covariate shift; R. Tibshirani and others, "Conformal Prediction Under Covariate Shift", NeurIPS 2019). What no
weight can mend is a revenue that is missing because of itself.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.movies.evaluation.scores import is_inside
from tasks.cases.movies.features import NAMES
from tasks.platform.stage import stage

FOLDS = 5
LARGEST_ODDS = 20.0  # a film's weight is cut there, or a few films would decide alone
COMPARED = {
    "votes": "votes",
    "year": "year",
    "score": "score",
    "metascore": "metascore",
    "runtime": "runtime (minutes)",
}


class Missingness(BaseModel):
    """How films with and without revenue differ, and what becomes of the test figures for films like the latter.

    All but the share is None where fewer than `FOLDS` films lack their revenue: so few tell nothing.
    """

    share: float  # of all films, without revenue
    auc: float | None = None  # of telling the one from the other; 0.5 is missing at random as far as the features tell
    weighted_rmse: float | None = None  # millions of dollars
    weighted_coverage: float | None = None
    weighted_mean: float | None = None  # revenue of test films like those without revenue, millions of dollars
    effective_films: float | None = None  # test films that the weighted figures rest on (L. Kish)


class Compared(NamedTuple):
    """The comparison as a record and as a table."""

    record: Missingness
    table: pd.DataFrame  # feature, with_revenue, without_revenue: medians, and the share of films without a metascore


@stage(phase="Evaluation")
def compare_missing(
    known: pd.DataFrame,
    missing: pd.DataFrame,
    known_features: pd.DataFrame,
    missing_features: pd.DataFrame,
    predictions: pd.DataFrame,
    seed: int,
) -> Compared:
    """Hold the test films, whose revenue is known, against the films without revenue.

    Args:
        known: the test films.
        missing: the films without revenue.
        known_features: of the test films.
        missing_features: of the films without.
        predictions: of the test films, with their intervals.
        seed: of folds and trees.
    """
    table = _medians(known, missing)
    share = len(missing) / (len(known) + len(missing))
    if min(len(known), len(missing)) < FOLDS:
        return Compared(Missingness(share=share), table)
    chance, auc = _chance_of_missing(known_features, missing_features, seed)
    weight = np.minimum(chance / np.maximum(1 - chance, 1e-9), LARGEST_ODDS)
    weight = weight / weight.sum()
    revenue = known["revenue"].to_numpy(np.float64)
    record = Missingness(
        share=share,
        auc=auc,
        weighted_rmse=float(np.sqrt(weight @ (predictions["predicted"].to_numpy() - revenue) ** 2)),
        weighted_coverage=float(weight @ is_inside(revenue, predictions)),
        weighted_mean=float(weight @ revenue),
        effective_films=float(1 / (weight @ weight)),
    )
    return Compared(record, table)


def _chance_of_missing(known: pd.DataFrame, missing: pd.DataFrame, seed: int) -> tuple[np.ndarray, float]:
    """Return the cross-validated chance of each known film to lack its revenue, (n,), and how well it tells the two."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    features = pd.concat([known, missing]).drop(columns=list(NAMES)).to_numpy(np.float64)
    lacks = np.arange(len(features)) >= len(known)
    forest = RandomForestClassifier(80, min_samples_leaf=10, random_state=seed, n_jobs=1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    chance = cross_val_predict(forest, features, lacks, cv=folds, method="predict_proba")[:, 1]
    return chance[: len(known)], float(roc_auc_score(lacks, chance))


def _medians(known: pd.DataFrame, missing: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "feature": f"{title}, median",
            "with_revenue": _median(known[name]),
            "without_revenue": _median(missing[name]),
        }
        for name, title in COMPARED.items()
    ]
    rows.append(
        {
            "feature": "films without a metascore, %",
            "with_revenue": float(known["metascore"].isna().mean() * 100),
            "without_revenue": float(missing["metascore"].isna().mean() * 100) if len(missing) else np.nan,
        }
    )
    return pd.DataFrame(rows)


def _median(values: pd.Series) -> float:
    """Return the median of what is known; NaN where nothing is."""
    known = values.dropna()
    return float(known.median()) if len(known) else np.nan
