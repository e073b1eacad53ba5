"""The split of listings by bands of price: the published bands, put together only where one cannot be split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.rentals.features.priced import part_priced
from tasks.cases.rentals.features.with_pandas import (
    band_name,
    band_scale,
    find_centre,
    price_bands,
    price_strata,
    split_rentals,
)
from tasks.platform.errors import ContractError, UsageError


def priced(*prices: float) -> pd.DataFrame:
    price = np.array([*np.tile([40.0, 90, 150, 300], 60), *prices])
    return pd.DataFrame({"id": np.arange(len(price)), "price": price})


def test_a_single_dear_listing_joins_the_band_below() -> None:
    split = split_rentals.fn(priced(5000))
    assert split.table["band"].tolist() == ["to 50", "50 to 100", "100 to 200", "above 200"]
    assert split.table[["overall", "stratified", "random"]].sum().tolist() == pytest.approx([1, 1, 1])
    assert len(split.members) == 241
    assert split.members["band"].max() == 3


def test_two_dear_listings_keep_the_published_bands() -> None:
    split = split_rentals.fn(priced(5000, 6000))
    assert split.table["band"].tolist() == [band_name(band, band) for band in range(5)]
    members = split.members.sort_values("id")
    assert members["band"].tolist() == price_bands(priced(5000, 6000)["price"]).tolist()


def test_a_single_cheap_listing_joins_the_band_above() -> None:
    frame = pd.DataFrame({"id": np.arange(201), "price": [10.0, *np.tile([90.0, 150], 100)]})
    assert split_rentals.fn(frame).table["band"].tolist() == ["to 100", "100 to 200", "200 to 400", "above 400"]


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30))
def test_no_stratum_holds_a_single_listing(bands: list[int]) -> None:
    strata = price_strata(np.array(bands))
    assert [band for first, last in strata for band in range(first, last + 1)] == list(range(5))
    assert all(sum(first <= band <= last for band in bands) != 1 for first, last in strata)


def test_one_price_besides_0_is_refused() -> None:
    frame = pd.DataFrame({"id": np.arange(200), "price": np.tile([0.0, 60], 100)})
    with pytest.raises(ContractError, match="two different prices"):
        split_rentals.fn(frame)


def test_the_centre_is_berlins_or_the_middle_or_what_is_given() -> None:
    near = pd.DataFrame({"latitude": [52.4, 52.5, 52.6], "longitude": [13.3, 13.4, 13.6]})
    assert find_centre.fn(near, "auto") == [52.5208, 13.4095]
    london = pd.DataFrame({"latitude": [51.5, 51.4, 51.6], "longitude": [-0.1, -0.2, 0.0]})
    assert find_centre.fn(london, "auto") == [51.5, -0.1]
    assert find_centre.fn(near, "-33.9,151.2") == [-33.9, 151.2]
    for wrong in ("90,0", "0,181"):
        with pytest.raises(UsageError, match="no city at"):
            find_centre.fn(near, wrong)


def test_bands_are_stretched_where_money_is_counted_in_thousands() -> None:
    yen = priced(5000, 6000).assign(price=lambda frame: frame["price"] * 100)
    split = split_rentals.fn(yen)
    assert split.table["band"].tolist()[:2] == ["to 5,000", "5,000 to 10,000"]
    assert split.members["band"].tolist() == split_rentals.fn(priced(5000, 6000)).members["band"].tolist()
    assert band_scale(pd.Series([350_000.0])) == 10_000
    assert band_scale(pd.Series([3.0])) == band_scale(pd.Series([0.0])) == 1


def test_listings_without_a_price_are_parted_and_too_few_with_one_refused() -> None:
    frame = priced().assign(price=lambda table: table["price"].where(table.index >= 30))
    parts = part_priced.fn(frame)
    assert (len(parts.listings), len(parts.unpriced)) == (210, 30)
    with pytest.raises(ContractError, match="Only 190 of 240 listings have a price"):
        part_priced.fn(frame.assign(price=frame["price"].where(frame.index >= 50)))
