"""What makes a list: one form for als, ease, knn and popularity, which answers known users and new ones."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.top_films import Ranker, by_offset, liked_counts
from tasks.platform.errors import IntegrityError
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ARRAYS = ("offset", "users", "into", "items")


def _nothing() -> np.ndarray:
    return np.zeros((0, 0), np.float32)


def _no_neighbours() -> pd.DataFrame:
    return pd.DataFrame({"item": np.empty(0, np.int64), "other": np.empty(0, np.int64), "weight": np.empty(0)})


class _Card(BaseModel):
    choice: Choice
    relevant: float


@dataclass
class ListModel:
    """A fitted maker of lists; what a method does not need is empty."""

    choice: Choice
    relevant: float  # stars from which a film is liked
    offset: np.ndarray  # (items,): popularity, with its weight
    users: np.ndarray = field(default_factory=_nothing)  # (users, rank): als
    into: np.ndarray = field(default_factory=_nothing)  # (items, rank), from films watched to factors: ease
    items: np.ndarray = field(default_factory=_nothing)  # (items, rank), from factors to films: als, ease
    neighbours: pd.DataFrame = field(default_factory=_no_neighbours)  # item, other (watched), weight: knn

    def ranker(self, seen: pd.DataFrame, users: int) -> Ranker:
        """Return the ranker for users by what they have seen: `user`, `item`, `rating`."""
        offset = np.asarray(self.offset, np.float64)
        if self.users.size:
            return Ranker(np.asarray(self.users, np.float64), np.asarray(self.items, np.float64), offset)
        taste = taste_matrix(seen, users, len(offset), self.relevant, self.choice.others)
        return self.for_taste(taste)

    def for_taste(self, taste: "csr_matrix") -> Ranker:
        """Return the ranker for users, known or not, by their row of `taste_matrix`, (users, items)."""
        from scipy import sparse

        offset = np.asarray(self.offset, np.float64)
        if self.into.size:
            return Ranker(taste, self.items, offset, self.into)
        if len(self.neighbours):
            item, other, weight = (self.neighbours[name].to_numpy() for name in ("item", "other", "weight"))
            return Ranker(taste, sparse.csr_matrix((weight, (item, other)), shape=(len(offset), len(offset))), offset)
        if self.choice.method == "als":
            return Ranker(self._folded(taste), np.asarray(self.items, np.float64), offset)
        return by_offset(offset, taste.shape[0])

    def _folded(self, taste: "csr_matrix") -> np.ndarray:
        """Return the factors that als would give users with these tastes: the least squares of one half step."""
        items, choice = np.asarray(self.items, np.float64), self.choice
        gram, factors = items.T @ items, np.zeros((taste.shape[0], items.shape[1]))
        for user in range(taste.shape[0]):
            row = taste[user]
            seen, weight = items[row.indices], choice.alpha * np.asarray(row.data)
            left = gram + (seen * weight[:, None]).T @ seen + choice.regularisation * len(seen) * np.eye(len(gram))
            if len(seen):
                factors[user] = np.linalg.solve(left, ((1 + weight)[:, None] * seen).sum(axis=0))
        return factors

    def save(self, folder: Path) -> None:
        """Write the model into an empty folder: .npy, Parquet and JSON."""
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", np.asarray(getattr(self, name)), allow_pickle=False)
        self.neighbours.to_parquet(folder / "neighbours.parquet", index=False)
        (folder / "card.json").write_text(_Card(choice=self.choice, relevant=self.relevant).model_dump_json(), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> "ListModel":
        """Read what `save` wrote.

        Raises:
            IntegrityError: the parts do not belong together.
        """
        card = _Card.model_validate_json((folder / "card.json").read_bytes())
        arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}
        count = len(arrays["offset"])
        if any(len(arrays[name]) not in (0, count) for name in ("into", "items")):
            raise IntegrityError(f"The parts of the lists' model in {folder} do not belong together; run again.")
        return cls(card.choice, card.relevant, **arrays, neighbours=pd.read_parquet(folder / "neighbours.parquet"))


def taste_matrix(ratings: pd.DataFrame, users: int, items: int, relevant: float, others: float) -> "csr_matrix":
    """Return who watched what, (users, items): 1 where it was liked, `others` where not."""
    from scipy import sparse

    weight = np.where(ratings["rating"].to_numpy() >= relevant, 1.0, others)
    kept = weight > 0
    places = ratings["user"].to_numpy()[kept], ratings["item"].to_numpy()[kept]
    return sparse.csr_matrix((weight[kept], places), shape=(users, items))


def popular_offset(ratings: pd.DataFrame, items: int, relevant: float, choice: Choice) -> np.ndarray:
    """Return what films gain by being popular, (items,): all of the score, a share of it, or what settles ties."""
    popularity = liked_counts(ratings, items, relevant, choice.half_life)
    weight = 1.0 if choice.method == "popularity" else max(choice.popular, 1e-9)
    return weight * popularity / max(1e-12, float(popularity.max()))


@stage(phase="Modelling")
def als_model(
    users: np.ndarray, items: np.ndarray, ratings: pd.DataFrame, choice: Choice, relevant: float
) -> ListModel:
    """Complete factors (users, rank) and (items, rank) by what new users get."""
    offset = popular_offset(ratings, len(items), relevant, choice)
    return ListModel(choice, relevant, offset, users=np.asarray(users), items=np.asarray(items))
