"""Every way to predict stars and to make lists, the best of each kind chosen, in one call each for the flow."""

from typing import NamedTuple

from tasks.cases.recommendations.training.als import GRIDS, fit_lists, fit_stars, search_lists, search_stars
from tasks.cases.recommendations.training.biases import centre_ratings, fit_biases, search_biases
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.items import EASE_GRID, KNN_GRID, choose_lists, fit_items, search_items
from tasks.cases.recommendations.training.list_model import als_model
from tasks.cases.recommendations.training.stars import choose_stars, star_model
from tasks.platform.store import Stored

SIMPLEST_FIRST = ("popularity", "knn", "ease")


class Stars(NamedTuple):
    """How stars are predicted, and what was tried."""

    biases: Stored  # Biases
    taste: Stored  # Factors of what biases leave
    choice: Stored  # StarChoice
    model: Stored  # StarModel, of the choice
    tried_biases: Stored
    tried_als: Stored


class Lists(NamedTuple):
    """How lists are made, and what was tried."""

    choice: Choice
    best: dict[str, Choice]  # of each method
    tried_als: Stored
    tried_items: Stored


def learn_stars(train: Stored, shape: tuple[int, int], search: str, seed: int) -> Stars:
    """Fit means, biases and what they leave, and choose among them by the validation ratings.

    Args:
        train: `user`, `item`, `rating`, `validation`.
        shape: how many users and films.
        search: one, small or wide.
        seed: of the first factors.
    """
    tried = search_biases(train, *shape)
    biases = fit_biases(train, *shape, tried.pulls)
    centred = centre_ratings(train, *shape, tried.pulls)
    als = search_stars(centred, centred, *shape, GRIDS[search][0], seed)
    taste = fit_stars(centred, *shape, als.best, seed)
    choice = choose_stars(train, shape[1], tried.table, als.table)
    model = star_model(train, choice, biases.user, biases.item, taste.users, taste.items)
    return Stars(biases, taste, choice, model, tried.table, als.table)


def choose_list_maker(train: Stored, shape: tuple[int, int], search: str, relevant: float, seed: int) -> Lists:
    """Choose the settings of each method for lists, and the method, by the validation ratings.

    Args:
        train: `user`, `item`, `rating`, `timestamp`, `validation`.
        shape: how many users and films.
        search: one, small or wide.
        relevant: stars from which a film is liked.
        seed: of the first factors of als.
    """
    items = search_items(train, *shape, EASE_GRID[search], KNN_GRID, relevant)
    best = {name: getattr(items, name).load(Choice) for name in SIMPLEST_FIRST}
    als = search_lists(train, train, *shape, GRIDS[search][1], relevant, seed, best["popularity"])
    chosen = choose_lists(als.table, als.best, items.table, list(best.values())).load(Choice)
    return Lists(chosen, {**best, "als": als.best.load(Choice)}, als.table, items.table)


def fit_model(ratings: Stored, shape: tuple[int, int], choice: Choice, relevant: float, seed: int) -> Stored:
    """Fit a `ListModel` to ratings: als on Spark, all else on one machine.

    Args:
        ratings: `user`, `item`, `rating`, `timestamp`.
        shape: how many users and films.
        choice: method and settings.
        relevant: stars from which a film is liked.
        seed: of the first factors of als.
    """
    if choice.method != "als":
        return fit_items(ratings, *shape, choice, relevant)
    factors = fit_lists(ratings, *shape, choice, relevant, seed)
    return als_model(factors.users, factors.items, ratings, choice, relevant)
