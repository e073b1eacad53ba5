"""What would this flat cost a night? The published model asked about flats that are not in its list."""

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import derive_rentals
from tasks.cases.rentals.figures.money import after, money
from tasks.cases.rentals.ingestion.listings import read_asked
from tasks.cases.rentals.training.ranges import Interval, foretell
from tasks.evaluation.champions import Champion
from tasks.features.support import told, unlike
from tasks.platform.errors import UsageError
from tasks.publishing.predictions import Answered, file_given

HELD = ["latitude", "longitude", "minimum_nights", "square_metres", "rooms", "guests"]
UNTOLD = {"minimum_nights": "minimum_nights", "availability_365": "availability_365", "host_id": "host_number"}
"""Columns that a question may leave out, and what is then taken as the middle of the learned listings."""


def predict(champion: Champion, given: str) -> Answered:
    """Foretell what flats cost a night, with the range that 8 of 10 prices fall into.

    Args:
        champion: whose stored results answer.
        given: path of a CSV with latitude, longitude and room_type, and as many of the other columns as are known.
    """
    parts = champion.artifacts
    if "learned" not in parts:
        raise UsageError(f"{champion.model} learned on Spark; run the case with the engine pandas to ask its champion.")
    asked, absent = read_asked(file_given(given))
    learned = parts["learned"].load(pd.DataFrame)
    currency, interval = parts["currency"].load(str), parts["interval"].load(Interval)
    flats = _placed(asked, learned) if "neighbourhood" in absent else asked
    derived = derive_rentals.fn(flats, *parts["centre"].load(list[float]))
    for column in absent & set(UNTOLD):
        derived[UNTOLD[column]] = np.nan
    if "id" in absent:
        derived["listing_number"] = learned["listing_number"].max()  # a flat that is asked about is a new one
    found = foretell.fn(derived, parts["model"].load(), interval)
    odd = unlike(derived, learned, HELD, ["room_type", "neighbourhood"])
    table = found[["name", "price", "low", "high"]].assign(unlike=odd)
    return Answered(table, _answer(table, currency, interval), told(odd, "flat"))


def _placed(asked: pd.DataFrame, learned: pd.DataFrame) -> pd.DataFrame:
    """Give each flat the neighbourhood of the learned listing that lies nearest."""
    east = np.cos(np.radians(learned["latitude"].to_numpy()))
    north, west = (learned[name].to_numpy() for name in ("latitude", "longitude"))
    places = zip(asked["latitude"], asked["longitude"], strict=True)
    nearest = [int(np.argmin((north - lat) ** 2 + ((west - lon) * east) ** 2)) for lat, lon in places]
    columns = ["neighbourhood", "neighbourhood_group"]
    return asked.assign(**{name: learned[name].to_numpy()[nearest] for name in columns})


def _answer(table: pd.DataFrame, currency: str, interval: Interval) -> str:
    share = f"{interval.level * 100:.0f} % of such flats"
    if len(table) > 1:
        return f"{len(table):,} flats, each with the range that {share} fall into (a night{after(currency)})."
    first = table.iloc[0]
    ends = f"{money(first['low'], currency)} and {money(first['high'], currency)}"
    return f"Such a flat costs about {money(first['price'], currency)} a night; {share} cost between {ends}."
