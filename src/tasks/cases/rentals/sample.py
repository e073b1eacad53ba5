"""The embedded listings of the rentals case: flats of an invented Berlin whose prices follow a known formula.

Written as the publisher writes them (Inside Airbnb, listings.csv): the same columns, names with quoted line breaks,
missing names and reviews, a few rows that cannot be right. As in the original, nearly all prices follow the flat, and
a handful of hotels and single flats ask for thousands.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SEED = 20_200_317
ROWS = 2_400
CENTRE = (52.5208, 13.4095)  # Alexanderplatz
SIGMA = 0.25  # standard deviation of the logarithm of the price around the formula
INTERCEPT, PER_KM, PER_SQUARE_METRE, LUXURY = 3.4, -0.055, 0.006, 0.35
ROOM = {"Entire home/apt": 0.75, "Private room": 0.0, "Shared room": -0.45, "Hotel room": 0.6}
GROUPS = ("Mitte", "Pankow", "Neukölln", "Spandau")
GROUP_EFFECT = {"Mitte": 0.2, "Pankow": 0.0, "Neukölln": -0.15, "Spandau": -0.05}
HOTELS = {900_001: 6000, 900_002: 2000, 900_003: 999}  # host -> the price of each of its rooms
ROOMS_OF_HOTEL = 10
FREAKS = (9000, 5000, 3000)  # flats for no reason that can be seen
WORDS = ("Sunny flat", "Gemütliche Wohnung", "Loft", "Design apartment", "Quiet apartment", "Zimmer am Park 🌳")
EXTRAS = {
    " with balcony": 0.2,
    " in the city": 0.15,
    ", studio": 0.1,
    ", house": 0.05,
    ", 2 rooms": 0.1,
    ", 3 rooms": 0.1,
}
UNREADABLE, BREAKING, FREE = 1, 4, 3  # rows: price is no number; against the contract; price of 0


class SampleListings(NamedTuple):
    """The sound rows of the sample, and the price that its formula expects of each (the median, in euros)."""

    frame: pd.DataFrame
    expected: np.ndarray


def sample_listings(rows: int = ROWS, seed: int = SEED) -> SampleListings:
    """Draw listings with their prices.

    Args:
        rows: ordinary flats; the hotels' rooms and the freaks come on top.
        seed: of the draws.
    """
    chance = np.random.default_rng(seed)
    frame = _flats(chance, rows)
    expected = expected_prices(frame)
    frame["price"] = np.maximum(np.rint(expected * np.exp(chance.normal(0, SIGMA, rows))), 8).astype(int)
    freaks = chance.choice(rows, len(FREAKS), replace=False)
    frame.loc[freaks, "price"] = FREAKS
    hotels = _hotels(chance)
    frame = pd.concat([frame, hotels], ignore_index=True)
    expected = np.concatenate([expected, hotels["price"].to_numpy(float)])
    order = chance.permutation(len(frame))
    frame = frame.iloc[order].reset_index(drop=True)
    frame["id"] = 3_000 + np.cumsum(chance.integers(1, 30_000, len(frame)))
    counts = frame["host_id"].map(frame["host_id"].value_counts())
    return SampleListings(frame.assign(calculated_host_listings_count=counts)[COLUMNS], expected[order])


COLUMNS = [
    "id",
    "name",
    "host_id",
    "host_name",
    "neighbourhood_group",
    "neighbourhood",
    "latitude",
    "longitude",
    "room_type",
    "price",
    "minimum_nights",
    "number_of_reviews",
    "last_review",
    "reviews_per_month",
    "calculated_host_listings_count",
    "availability_365",
]


def expected_prices(frame: pd.DataFrame) -> np.ndarray:
    """Return the median price that the formula of the sample gives, (n,) euros."""
    north = (frame["latitude"] - CENTRE[0]) * 111.2
    east = (frame["longitude"] - CENTRE[1]) * 111.2 * np.cos(np.radians(CENTRE[0]))
    logarithm = (
        INTERCEPT
        + PER_KM * np.hypot(north, east)
        + PER_SQUARE_METRE * frame["square_metres"]
        + LUXURY * frame["luxury"]
        + frame["room_type"].map(ROOM).astype(float)
        + frame["neighbourhood_group"].map(GROUP_EFFECT).astype(float)
    )
    return np.exp(logarithm.to_numpy(float))


def _flats(chance: np.random.Generator, rows: int) -> pd.DataFrame:
    square_metres = chance.integers(18, 130, rows)
    luxury = chance.random(rows) < 0.08
    group = chance.choice(GROUPS, rows, p=[0.4, 0.3, 0.2, 0.1])
    reviews = np.where(chance.random(rows) < 0.18, 0, chance.geometric(0.05, rows))
    per_month = np.where(reviews > 0, np.round(chance.gamma(1.2, 0.9, rows) + 0.01, 2), np.nan)
    days = chance.integers(0, 1_500, rows).astype("timedelta64[D]")
    last = np.where(reviews > 0, (np.datetime64("2020-03-16") - days).astype(str), "")
    words = chance.choice(WORDS, rows)
    extras = ["".join(text for text, share in EXTRAS.items() if chance.random() < share) for _ in range(rows)]
    names = [
        f"{'Luxury ' if rich else ''}{word}{extra}, {size} sqm"
        for word, extra, size, rich in zip(words, extras, square_metres, luxury, strict=True)
    ]
    return pd.DataFrame(
        {
            "name": names,
            "host_id": chance.integers(1_000, 1_000 + 9 * rows // 10, rows),
            "host_name": chance.choice(["Britta", "Jörg", "Chris + Oliver", "", "Ana, Berlin"], rows),
            "neighbourhood_group": group,
            "neighbourhood": [f"{name} {part}" for name, part in zip(group, chance.integers(1, 9, rows), strict=True)],
            "latitude": np.round(CENTRE[0] + chance.normal(0, 0.035, rows), 5),
            "longitude": np.round(CENTRE[1] + chance.normal(0, 0.06, rows), 5),
            "room_type": chance.choice(list(ROOM), rows, p=[0.48, 0.47, 0.03, 0.02]),
            "minimum_nights": chance.choice([1, 2, 3, 5, 7, 30, 60], rows, p=[0.25, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03]),
            "number_of_reviews": reviews,
            "last_review": last,
            "reviews_per_month": per_month,
            "availability_365": np.where(chance.random(rows) < 0.5, 0, chance.integers(1, 366, rows)),
            "square_metres": square_metres,
            "luxury": luxury,
        }
    )


def _hotels(chance: np.random.Generator) -> pd.DataFrame:
    """Return the rooms of the hotels that ask for a price far from the formula."""
    rooms = len(HOTELS) * ROOMS_OF_HOTEL
    frame = _flats(chance, rows=rooms)
    frame["host_id"] = np.repeat(list(HOTELS), ROOMS_OF_HOTEL)
    frame["host_name"] = "Hotel"
    frame["price"] = np.repeat(list(HOTELS.values()), ROOMS_OF_HOTEL)
    frame["name"] = [f"Room {number} at Hotel Sample{', 30 sqm' if number % 3 else ''}" for number in range(rooms)]
    frame["room_type"] = "Hotel room"
    return frame


def write_rentals(folder: Path) -> None:
    """Write `listings.csv` in the publisher's format, with its quirks, into an empty folder."""
    frame = sample_listings().frame.astype(object)
    chance = np.random.default_rng(SEED + 1)
    places = chance.choice(len(frame), 60, replace=False)
    for row in places[:20]:
        frame.loc[row, "name"] = f'{frame.loc[row, "name"]}\nwith "garden"'
    frame.loc[places[20:30], "name"] = ""
    bad = frame.iloc[places[30:34]].copy()
    bad["id"] = [50, 51, 52, 52]
    bad["price"] = pd.Series(["on request", -5, 80, 80], index=bad.index, dtype=object)
    free = frame.iloc[places[34 : 34 + FREE]].assign(id=[60, 61, 62], price=0)
    stray = frame.iloc[places[40:41]].assign(id=70, longitude=191.0)
    table = pd.concat([frame, bad, free, stray], ignore_index=True)
    table = table.where(table.notna(), "")
    with (folder / "listings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table.to_numpy(object).tolist())
