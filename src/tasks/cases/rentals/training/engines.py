"""The way from listings to models, on pandas with scikit-learn or on Spark: the same steps, under the same names."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tasks.cases.rentals.features.with_pandas import derive_rentals, part_rentals
from tasks.cases.rentals.features.with_spark import derive_on_spark, prepare_on_spark
from tasks.cases.rentals.training.with_sklearn import fit_models, refit_with_sklearn, search_models
from tasks.cases.rentals.training.with_spark import fit_on_spark, refit_on_spark, search_on_spark
from tasks.platform.store import Stored


class Prepared(NamedTuple):
    """Listings as the models of an engine take them."""

    listings: Stored
    derived: Stored
    train: Stored
    test: Stored
    artifacts: dict[str, Stored]  # what a new listing is prepared with


class Modelled(NamedTuple):
    """What an engine learned from them."""

    search: Stored
    fitted: Stored  # predictions, costs, best, mean
    artifacts: dict[str, Stored]  # what a price is foretold with


class Engine(NamedTuple):
    """The steps on one engine."""

    name: str
    prepare: Callable[[Stored, Stored, list[float]], Prepared]  # of listings, members of the split, centre
    model: Callable[[Prepared, int, int], Modelled]  # of what is prepared, folds, settings of each kind of model
    refit: Callable[[Stored, Stored, dict[str, Any]], Stored]  # of train, test, another model's choices


def _prepare_with_pandas(listings: Stored, members: Stored, centre: list[float]) -> Prepared:
    derived = derive_rentals(listings, *centre)
    part = part_rentals(derived, members)
    return Prepared(listings, derived, part.train, part.test, {})


def _model_with_sklearn(prepared: Prepared, folds: int, most: int) -> Modelled:
    searched = search_models(prepared.train, folds, most)
    fitted = fit_models(prepared.train, prepared.test, searched.table, searched.off)
    artifacts = {"model": fitted.best, "model_mean": fitted.mean, "interval": fitted.interval}
    return Modelled(searched.table, fitted, artifacts)


def _prepare_on_spark(listings: Stored, members: Stored, centre: list[float]) -> Prepared:
    derived = derive_on_spark(listings, *centre)
    part = prepare_on_spark(derived, members)
    artifacts = {"preparation": part.pipeline, "encodings": part.encodings}
    return Prepared(listings, derived, part.train, part.test, artifacts)


def _model_on_spark(prepared: Prepared, folds: int, most: int) -> Modelled:
    """Search and fit; the search has three folds whatever is asked for."""
    search = search_on_spark(prepared.train, most)
    fitted = fit_on_spark(prepared.train, prepared.test, search, prepared.listings)
    return Modelled(search, fitted, {"model": fitted.best, "model_mean": fitted.mean, **prepared.artifacts})


PANDAS = Engine("pandas", _prepare_with_pandas, _model_with_sklearn, refit_with_sklearn)
SPARK = Engine("spark", _prepare_on_spark, _model_on_spark, refit_on_spark)
