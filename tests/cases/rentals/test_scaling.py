"""Listings that are repeated to measure the engines: as many as wanted, each under an id of its own."""

import numpy as np
import pandas as pd

from tasks.cases.rentals.evaluation.scaling import repeated


def test_repeated_listings_have_ids_of_their_own_however_long_the_first_ones_are() -> None:
    frame = pd.DataFrame({"id": [557431029483274521, 957431029483274522, 7], "price": [1.0, 2, 3]})
    blocks = [repeated(frame, 40), repeated(frame, 10, start=40)]
    grown = pd.concat(blocks)
    assert grown["id"].is_unique
    assert grown["id"].dtype == np.int64
    assert (grown["id"] >= 0).all()
    assert blocks[0]["price"].tolist() == np.resize([1.0, 2, 3], 40).tolist()
