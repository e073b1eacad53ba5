"""pandas and Spark agree: the same rows, the same features, the same least squares."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.cases.rentals.features.with_pandas import FEATURES, derive_rentals, part_rentals, split_rentals
from tasks.cases.rentals.features.with_spark import derived_on_spark, encode_new, prepare_on_spark
from tasks.cases.rentals.ingestion.listings import read_listings
from tasks.cases.rentals.sample import CENTRE, write_rentals
from tasks.cases.rentals.training.regressors import preparation
from tasks.cases.rentals.training.with_sklearn import target
from tasks.cases.rentals.training.with_spark import coefficients
from tasks.platform.store import Store


def both(spark: Any, file: Path) -> tuple[Any, Any, pd.DataFrame, np.ndarray]:
    """Return Spark's prepared parts, and the design matrix and parts of pandas."""
    frame = read_listings.fn(file).frame.drop_duplicates("id", keep=False).query("price >= 0").reset_index(drop=True)
    parts = split_rentals.fn(frame).members
    ours = part_rentals.fn(derive_rentals.fn(frame, *CENTRE), parts)
    place = Store(str(file.with_name("store")))
    derived = derived_on_spark(spark.read.parquet(place.path(place.put(frame)).as_uri()), *CENTRE).cache()  # as stored
    theirs = prepare_on_spark.fn(derived, spark.createDataFrame(parts))
    return ours, theirs, frame, derived


def agree(spark: Any, file: Path) -> None:
    from pyspark.ml.functions import vector_to_array
    from sklearn.linear_model import LinearRegression

    ours, theirs, frame, derived = both(spark, file)
    expected = derive_rentals.fn(frame, *CENTRE).set_index("id")[list(FEATURES)].sort_index()
    got = derived.toPandas().set_index("id")[list(FEATURES)].sort_index()
    pd.testing.assert_frame_equal(got, expected, check_dtype=False, rtol=1e-12)

    prepare = preparation()
    y = target(ours.train["price"].to_numpy())
    matrices = (prepare.fit_transform(ours.train[list(FEATURES)], y), prepare.transform(ours.test[list(FEATURES)]))
    for part, matrix, on_spark in zip((ours.train, ours.test), matrices, (theirs.train, theirs.test), strict=True):
        rows = on_spark.select("id", "position", vector_to_array("features").alias("x")).toPandas()
        rows = rows.sort_values("position", ignore_index=True)
        assert rows["id"].tolist() == part["id"].tolist()
        np.testing.assert_allclose(np.stack(rows["x"]), matrix, rtol=1e-9, atol=1e-9)

    new = theirs.pipeline.transform(encode_new(derived, theirs.encodings))  # as if they had come after the training
    raw = new.select("id", vector_to_array("features").alias("x")).toPandas().set_index("id")["x"]
    np.testing.assert_allclose(np.stack(raw.loc[ours.test["id"]]), matrices[1], rtol=1e-9, atol=1e-9)

    line = LinearRegression().fit(matrices[0], y)
    found = coefficients(theirs.train)
    np.testing.assert_allclose(found.weights, line.coef_, rtol=1e-6, atol=1e-6)
    assert found.intercept == pytest.approx(line.intercept_, rel=1e-6, abs=1e-4)


def test_on_the_sample(spark: Any, tmp_path: Path) -> None:
    write_rentals(tmp_path)
    agree(spark, tmp_path / "listings.csv")


def test_ids_of_today_and_a_city_without_groups_of_neighbourhoods(spark: Any, tmp_path: Path) -> None:
    """Ids of 18 digits, and a column of text that is empty, are derived alike."""
    write_rentals(tmp_path)
    file = tmp_path / "listings.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column in ("id", "host_id"):
        table[column] = [str(557431029480000000 + int(number)) for number in table[column]]
    table.assign(neighbourhood_group="").to_csv(file, index=False)
    frame = read_listings.fn(file).frame.drop_duplicates("id", keep=False)
    assert frame["id"].min() > 557431029480000000
    place = Store(str(tmp_path / "store"))
    stored = spark.read.parquet(place.path(place.put(frame)).as_uri())
    assert dict(stored.dtypes)["neighbourhood_group"] == "string"
    got = derived_on_spark(stored, *CENTRE).toPandas().set_index("id")[list(FEATURES)].sort_index()
    expected = derive_rentals.fn(frame, *CENTRE).set_index("id")[list(FEATURES)].sort_index()
    pd.testing.assert_frame_equal(got, expected, check_dtype=False, rtol=1e-12)


@pytest.mark.long
def test_on_the_real_listings(spark: Any, tmp_path: Path, shared: Path) -> None:
    file = tmp_path / "listings.csv"
    file.symlink_to(shared / "data" / "rentals" / "listings.csv")
    agree(spark, file)
