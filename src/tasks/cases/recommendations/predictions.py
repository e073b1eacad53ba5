"""What should I watch next? The model that was published asked about a user it knows, or about films someone likes."""

import re
from difflib import get_close_matches
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from tasks.cases.recommendations.training.list_model import ListModel
from tasks.cases.recommendations.training.top_films import top_blocks
from tasks.evaluation.champions import Champion
from tasks.platform.errors import UsageError
from tasks.platform.text import shorten
from tasks.publishing.predictions import Answered

MOST_LIKED = 1_000  # films that can be named at once
ARTICLE = r"^(.+), (the|a|an)\b"
FEW = 3  # films liked, below which the answer is a guess


def predict(champion: Champion, given: str, *, count: Annotated[int, Field(ge=1, le=1000)] = 10) -> Answered:
    """Recommend films to a user by number, or to whoever likes some films.

    Args:
        champion: whose stored results answer.
        given: number of a user; or titles of films that are liked, parted by semicolons: "Toy Story; Alien; Heat".
        count: films to recommend to whoever likes those; a user gets the ten published ones.
    """
    parts = champion.artifacts
    films, lists = parts["films"].load(pd.DataFrame), parts["recommendations"].load(pd.DataFrame)
    if given.strip() in set(lists["user"].astype(str)):
        mine = lists[lists["user"].astype(str) == given.strip()]
        return Answered(_shown(mine), f"User {given.strip()} should watch {mine['title'].iloc[0]} next.")
    model = parts["lists"].load(ListModel)
    liked = [find_film(title, films, np.asarray(model.offset)) for title in given.split(";") if title.strip()]
    if not liked or len(liked) > MOST_LIKED:
        raise UsageError(f"Give the number of a user, or 1 to {MOST_LIKED:,} titles parted by semicolons.")
    found = recommend_to(model, films, list(dict.fromkeys(liked)), count)
    titles = "; ".join(films["title"].to_numpy(object)[liked])
    answer = f"Whoever likes {shorten(titles, 300)} should watch {found['title'].iloc[0]} next."
    few = [f"{len(liked)} films say little of a taste; name five or more."] if len(liked) < FEW else []
    return Answered(found, answer, few)


def recommend_to(model: ListModel, films: pd.DataFrame, liked: list[int], count: int) -> pd.DataFrame:
    """Return the films for whoever likes films, by their places: `rank`, `film`, `title`, `score`."""
    from scipy import sparse

    taste = sparse.csr_matrix((np.ones(len(liked)), (np.zeros(len(liked), int), liked)), shape=(1, len(films)))
    # Whatever someone has rated may be recommended: all films of the table, those that are liked left out.
    seen = pd.DataFrame({"user": np.repeat([0, 1], [len(liked), len(films)]), "item": [*liked, *range(len(films))]})
    both = sparse.vstack([taste, sparse.csr_matrix((1, len(films)))]).tocsr()
    _, places, scores = next(top_blocks(model.for_taste(both), seen, np.array([0]), count))
    chosen = places[0] >= 0
    table = films.iloc[places[0][chosen]][["film", "title"]].reset_index(drop=True)
    return _shown(table.assign(rank=np.arange(1, len(table) + 1), score=scores[0][chosen].round(4)))


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    return table[["rank", "film", "title", "score"]].reset_index(drop=True)


def find_film(title: str, films: pd.DataFrame, popularity: np.ndarray) -> int:
    """Return the place of a film by its title, with or without the year; the most popular one where several fit.

    Raises:
        UsageError: no film has such a title; the nearest ones are named.
    """
    wanted = title.strip().casefold()
    names = films["title"].str.casefold().str.replace(ARTICLE, r"\2 \1", regex=True)  # matrix, the (1999)
    wanted = re.sub(ARTICLE, r"\2 \1", wanted)
    for fits in (names == wanted, names.str.startswith(f"{wanted} ("), names.str.contains(wanted, regex=False)):
        if fits.any():
            places = np.flatnonzero(fits)
            return int(places[np.argmax(popularity[places])])
    near = get_close_matches(wanted, names.str.replace(r" \(\d{4}\)$", "", regex=True).tolist(), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; give it as the data write it."
    raise UsageError(f"No film is called {shorten(title.strip(), 100)!r}{hint}")
