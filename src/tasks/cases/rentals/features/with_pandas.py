"""What can be told of a flat from its own listing? The derived columns, row by row, and the split by bands of price.

A derived value rests on its own row alone, so deriving before splitting can carry nothing from test to training. What
is learned from many rows (medians, categories, the price level of a host) is fitted later, on training rows only. The
same columns are derived on Spark by `tasks.cases.rentals.features.with_spark`; both give the same numbers.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage

FIRST_DAY = "2008-08-11"  # when Airbnb began; days are counted from here
KM_PER_DEGREE = 111.2
SQUARE_METRES = r"([0-9]{2,3}) *(?:sqm|qm|m2|m²|sq)"
ROOMS = r"([0-9]{1,2})[ -]*(?:rooms|room|zimmer|br(?:[^a-z]|$)|bedroom|bed room|raum)"
GUESTS = r"([0-9]{1,2})[ -]*(?:person|people|pers|guest|gäste|beds|pax)"
TOLD = {"square_metres": SQUARE_METRES, "rooms": ROOMS, "guests": GUESTS}
WORDS = {
    "hotel": "hotel",
    "suite": "suite",
    "penthouse": "penthouse",
    "loft": "loft",
    "luxury": "luxur",
    "studio": "studio",
    "room": "room|zimmer",
    "shared": "shared|hostel|dorm|wg",
    "house": "house|haus|villa",
    "design": "design",
    "terrace": "balcon|balkon|terra",
    "central": "city|central|zentr|mitte",
    "apartment": "apart",
}
NUMBERS = (
    "latitude",
    "longitude",
    "distance_km",
    "minimum_nights",
    "number_of_reviews",
    "reviews_per_month",
    "host_listings",
    "availability_365",
    "listing_number",
    "host_number",
    "months_listed",
    "last_review_days",
    "reviewed",
    "name_length",
    "name_words",
    *TOLD,
    *(f"tells_{name}" for name in TOLD),
    *(f"says_{name}" for name in WORDS),
)
CATEGORIES = ("room_type", "neighbourhood_group")
ENCODED = ("neighbourhood", "host_id")  # too many values for a column each: their mean price stands for them
FEATURES = (*NUMBERS, *CATEGORIES, *ENCODED)
KEPT = ("id", "name", "price")

ALEXANDERPLATZ = (52.5208, 13.4095)
NEAR_BERLIN = 30.0  # km
MOST_NORTHERN = 89.0  # degrees, also to the south
BANDS = (-1.0, 50.0, 100.0, 200.0, 400.0, np.inf)  # euros a night, as the published study of Berlin cuts them
MOST_BANDS = len(BANDS) - 1
USUAL_PRICE = 80.0  # the middle of these bands; where a night costs ten times that, so do the bands
TOLD_BY = {"rooms": "bedrooms", "guests": "accommodates"}  # columns of the detailed table
TEST_SHARE = 0.2
SEED = 42
ENCODING_FOLDS = 5


class Split(NamedTuple):
    """Which listing serves for training and which for the test, and the table that shows why it is stratified."""

    members: pd.DataFrame  # id, test (bool), band (0 to 4), position (within its part), fold (of the encoding)
    table: pd.DataFrame  # band, overall, stratified, random, stratified_error, random_error


@stage(phase="Data preparation")
def find_centre(frame: pd.DataFrame, centre: str) -> list[float]:
    """Return latitude and longitude of the city's centre, degrees.

    Args:
        frame: with `latitude` and `longitude`, (n, 16).
        centre: latitude and longitude with a comma between them, or auto: Berlin's Alexanderplatz when the middle of
            the listings lies within 30 km of it, else that middle (the median of each).

    Raises:
        UsageError: no such place.
    """
    if centre != "auto":
        latitude, longitude = (float(number) for number in centre.split(","))
        if not (abs(latitude) <= MOST_NORTHERN and abs(longitude) <= 180):
            raise UsageError(f"There is no city at {centre}; give --centre as latitude,longitude in degrees.")
        return [latitude, longitude]
    middle = [float(frame["latitude"].median()), float(frame["longitude"].median())]
    north = (middle[0] - ALEXANDERPLATZ[0]) * KM_PER_DEGREE
    east = (middle[1] - ALEXANDERPLATZ[1]) * KM_PER_DEGREE * np.cos(np.radians(ALEXANDERPLATZ[0]))
    return list(ALEXANDERPLATZ) if np.hypot(north, east) <= NEAR_BERLIN else middle


@stage(phase="Data preparation")
def derive_rentals(frame: pd.DataFrame, latitude: float, longitude: float) -> pd.DataFrame:
    """Return the columns that models see (`FEATURES`), with `id`, `name` and `price`, in the order of `frame`.

    Args:
        frame: listings as `read_rentals` returns them, (n, 18).
        latitude: of the centre of the city, degrees.
        longitude: of the centre, degrees.
    """
    name = frame["name"].fillna("")
    lower = name.str.lower()
    east = (frame["longitude"] - longitude) * (KM_PER_DEGREE * np.cos(np.radians(latitude)))
    north = (frame["latitude"] - latitude) * KM_PER_DEGREE
    rate = frame["reviews_per_month"]
    columns = {
        "latitude": frame["latitude"],
        "longitude": frame["longitude"],
        "distance_km": np.sqrt(east * east + north * north),
        "minimum_nights": frame["minimum_nights"],
        "number_of_reviews": frame["number_of_reviews"],
        "reviews_per_month": rate,
        "host_listings": frame["calculated_host_listings_count"],
        "availability_365": frame["availability_365"],
        "listing_number": frame["id"] / 1e6,  # numbers are given in turn: the age of the listing
        "host_number": frame["host_id"] / 1e6,
        "months_listed": frame["number_of_reviews"] / rate.where(rate > 0),
        "last_review_days": (frame["last_review"] - pd.Timestamp(FIRST_DAY)).dt.days,
        "reviewed": rate.notna(),
        "name_length": name.str.len(),
        "name_words": name.str.count(" ") + 1,
    }
    for told, pattern in TOLD.items():
        columns[told] = pd.to_numeric(lower.str.extract(pattern)[0])
        if told in TOLD_BY:
            columns[told] = frame[TOLD_BY[told]].fillna(columns[told])
        columns[f"tells_{told}"] = columns[told].notna()
    columns |= {f"says_{word}": lower.str.contains(pattern) for word, pattern in WORDS.items()}
    table = pd.DataFrame(columns)[list(NUMBERS)].astype("float64")
    for column in CATEGORIES:
        table[column] = frame[column].fillna("").astype(object)
    table["neighbourhood"], table["host_id"] = frame["neighbourhood"], frame["host_id"].astype("int64")
    return table.assign(id=frame["id"], name=frame["name"], price=frame["price"])


def band_scale(price: pd.Series) -> float:
    """Return the power of ten by which the bands are stretched: 1 in euros, 100 where a night costs 8,000 yen."""
    middle = float(price[price > 0].median())
    return float(10.0 ** max(0, round(np.log10(middle / USUAL_PRICE)))) if middle > 0 else 1.0


def band_name(first: int, last: int, scale: float = 1.0) -> str:
    """Return the name of the bands from `first` to `last`, which were put together when these differ."""
    low, high = f"{BANDS[first] * scale:,.0f}", f"{BANDS[last + 1] * scale:,.0f}"
    if first == 0:
        return "all" if last == MOST_BANDS - 1 else f"to {high}"
    return f"above {low}" if last == MOST_BANDS - 1 else f"{low} to {high}"


def price_strata(bands: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and the last band of each stratum: a band each, unless one holds a single listing.

    A single listing cannot be split, so its band is put together with the one below, the lowest with the one above.

    Args:
        bands: of each listing, (n,).
    """
    sizes = np.bincount(bands, minlength=MOST_BANDS).tolist()
    strata = [(band, band) for band in range(MOST_BANDS)]
    while 1 in sizes and len(sizes) > 1:
        above = max(sizes.index(1), 1)  # it and the one below become one
        sizes[above - 1 : above + 1] = [sizes[above - 1] + sizes[above]]
        strata[above - 1 : above + 1] = [(strata[above - 1][0], strata[above][1])]
    return strata


def price_bands(price: pd.Series, scale: float = 1.0) -> np.ndarray:
    """Return the number of each price's band, (n,) integers from 0."""
    return np.asarray(pd.cut(price, [edge * scale for edge in BANDS], labels=False), dtype=np.int64)


@stage(phase="Data preparation")
def split_rentals(frame: pd.DataFrame) -> Split:
    """Set a fifth of the listings aside for the test, with the same share of each band of price.

    The published protocol: bands cut at 50, 100, 200 and 400 euros, StratifiedShuffleSplit, 20 %, seed 42. A band with
    a single listing, which cannot be split, is put together with its neighbour, and bears the number of the lower one.
    In a currency of other size the bands are stretched by a power of ten.

    Args:
        frame: `id` and `price`, (n, columns).

    Raises:
        ContractError: fewer than two different prices above 0; there is nothing to learn.
    """
    from sklearn.model_selection import StratifiedShuffleSplit, train_test_split

    if frame.loc[frame["price"] > 0, "price"].nunique() < 2:
        raise ContractError("Fewer than two different prices are above 0, and nothing can be learned; give more.")
    scale = band_scale(frame["price"])
    bands = price_bands(frame["price"], scale)
    strata = price_strata(bands)
    for first, last in strata:
        bands[(bands >= first) & (bands <= last)] = first
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=TEST_SHARE, random_state=SEED)
    train, test = next(splitter.split(bands, bands))
    test_at_random = train_test_split(np.arange(len(frame)), test_size=TEST_SHARE, random_state=SEED)[1]
    parts = pd.concat([_part(frame, bands, train, False), _part(frame, bands, test, True)], ignore_index=True)
    return Split(parts, _shares(bands, strata, test, test_at_random, scale))


def _part(frame: pd.DataFrame, bands: np.ndarray, rows: np.ndarray, test: bool) -> pd.DataFrame:
    """Return one part; folds are even runs of its order, which is random, as KFold without shuffling cuts them."""
    position = np.arange(len(rows))
    small, larger = divmod(len(rows), ENCODING_FOLDS)
    sizes = [small + (fold < larger) for fold in range(ENCODING_FOLDS)]
    return pd.DataFrame(
        {
            "id": frame["id"].to_numpy()[rows],
            "test": test,
            "band": bands[rows],
            "position": position,
            "fold": np.repeat(np.arange(ENCODING_FOLDS), sizes),
        }
    )


def _shares(
    bands: np.ndarray, strata: list[tuple[int, int]], stratified: np.ndarray, at_random: np.ndarray, scale: float
) -> pd.DataFrame:
    """Return the share of each stratum in all listings and in the test set of each way to split, errors in percent."""
    count, kept = MOST_BANDS, [first for first, _ in strata]
    overall = np.bincount(bands, minlength=count)[kept] / len(bands)
    table = pd.DataFrame({"band": [band_name(first, last, scale) for first, last in strata], "overall": overall})
    for name, rows in (("stratified", stratified), ("random", at_random)):
        table[name] = np.bincount(bands[rows], minlength=count)[kept] / len(rows)
        table[f"{name}_error"] = 100 * (table[name] / table["overall"].where(overall > 0) - 1)
    return table


class Parts(NamedTuple):
    """The listings for training and for the test, each in the order of the split."""

    train: pd.DataFrame
    test: pd.DataFrame


@stage(phase="Data preparation")
def part_rentals(derived: pd.DataFrame, parts: pd.DataFrame) -> Parts:
    """Return the derived listings of both parts, each with `band`, `position` and `fold`."""
    joined = parts.merge(derived, on="id", how="left", validate="one_to_one")
    of_test = joined["test"].to_numpy(bool)
    joined = joined.drop(columns="test")
    return Parts(joined[~of_test].reset_index(drop=True), joined[of_test].reset_index(drop=True))
