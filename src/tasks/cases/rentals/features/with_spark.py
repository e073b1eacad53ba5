"""The preparation of listings on Spark: derived columns, medians, categories, encodings, one vector per row.

Number for number what `with_pandas` and the scikit-learn pipeline of `training.regressors` make, so that
the same model on either engine finds the same coefficients. Spark's own Imputer takes the lower median, therefore the
exact one is put in by a SQLTransformer; its TargetEncoder has no folds, therefore the encoding is a sum by group.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import (
    CATEGORIES,
    ENCODED,
    FIRST_DAY,
    KEPT,
    KM_PER_DEGREE,
    NUMBERS,
    TOLD,
    TOLD_BY,
    WORDS,
)
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

SMOOTHING = 1.0  # how many listings at the mean price are added to a group's own before its mean is taken
PREDICTED = ("id", "host_id", "price", "position", "fold", "features")


class PreparedOnSpark(NamedTuple):
    """Both parts as vectors, and what made them."""

    train: "DataFrame"  # id, host_id, price, position, fold, features
    test: "DataFrame"
    pipeline: "PipelineModel"
    encodings: pd.DataFrame  # column, value, total, listings, overall (mean price): what `encode_new` needs


def expressions(latitude: float, longitude: float) -> dict[str, str]:
    """Return the SQL expression of each of `NUMBERS`."""
    east = f"((longitude - ({longitude!r})) * {float(KM_PER_DEGREE * np.cos(np.radians(latitude)))!r})"
    north = f"((latitude - ({latitude!r})) * {KM_PER_DEGREE!r})"
    name, lower = "COALESCE(name, '')", "LOWER(COALESCE(name, ''))"
    sql = {
        "latitude": "latitude",
        "longitude": "longitude",
        "distance_km": f"SQRT({east} * {east} + {north} * {north})",
        "minimum_nights": "minimum_nights",
        "number_of_reviews": "number_of_reviews",
        "reviews_per_month": "reviews_per_month",
        "host_listings": "calculated_host_listings_count",
        "availability_365": "availability_365",
        "listing_number": "id / 1e6D",
        "host_number": "host_id / 1e6D",
        "months_listed": "CASE WHEN reviews_per_month > 0 THEN number_of_reviews / reviews_per_month END",
        "last_review_days": f"DATEDIFF(CAST(last_review AS DATE), DATE'{FIRST_DAY}')",
        "reviewed": "reviews_per_month IS NOT NULL",
        "name_length": f"CHAR_LENGTH({name})",
        "name_words": f"CHAR_LENGTH({name}) - CHAR_LENGTH(REPLACE({name}, ' ', '')) + 1",
    }
    for told, pattern in TOLD.items():
        found = f"NULLIF(REGEXP_EXTRACT({lower}, r'{pattern}', 1), '')"
        value = f"COALESCE({TOLD_BY[told]}, CAST({found} AS DOUBLE))" if told in TOLD_BY else found
        sql |= {told: value, f"tells_{told}": f"{value} IS NOT NULL"}
    return sql | {f"says_{word}": f"{lower} RLIKE r'{pattern}'" for word, pattern in WORDS.items()}


@stage(phase="Data preparation")
def derive_on_spark(frame: "DataFrame", latitude: float, longitude: float) -> "DataFrame":
    """Return what `derive_rentals` returns, derived on Spark; the order of rows is not kept.

    Args:
        frame: listings as `read_rentals` returns them.
        latitude: of the centre of the city, degrees.
        longitude: of the centre, degrees.
    """
    return derived_on_spark(frame, latitude, longitude)


def derived_on_spark(frame: "DataFrame", latitude: float, longitude: float) -> "DataFrame":
    """Return the derived columns, as a plan that has not run yet."""
    sql = expressions(latitude, longitude)
    numbers = [f"CAST({sql[column]} AS DOUBLE) AS {column}" for column in NUMBERS]
    categories = [f"COALESCE({column}, '') AS {column}" for column in CATEGORIES]
    return frame.selectExpr(*numbers, *categories, *ENCODED, *KEPT)


def encoded_on_spark(train: "DataFrame", others: "DataFrame | None", column: str) -> "list[DataFrame]":
    """Add the mean price of each listing's group, as `<column>_price`.

    A training row gets the mean over the other folds, so that its own price is not in it; any other row gets the mean
    over all of training. A group never seen gets the mean of all.

    Args:
        train: with `price` and `fold`.
        others: rows to encode besides; None for none.
        column: the group.
    """
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    def smoothed(total: Any, count: Any, mean: Any) -> Any:
        zero = F.lit(0.0)
        sums, counts = F.coalesce(total, zero), F.coalesce(count, zero)
        return F.when(counts > 0, (sums + SMOOTHING * mean) / (counts + SMOOTHING)).otherwise(mean)

    added = (F.sum("price").alias("_sum"), F.count("price").cast("double").alias("_count"))
    of_all = train.agg(*added).collect()[0]
    folds = {row["fold"]: row for row in train.groupBy("fold").agg(*added).collect()}
    means = [
        (fold, float((of_all["_sum"] - row["_sum"]) / max(of_all["_count"] - row["_count"], 1.0)))
        for fold, row in folds.items()
    ]
    of_fold = train.sparkSession.createDataFrame(means, "_fold INT, _mean DOUBLE")
    groups = train.groupBy(column).agg(*added)
    inside = train.groupBy(column, "fold").agg(
        F.sum("price").alias("_sum_in"), F.count("price").cast("double").alias("_count_in")
    )
    name = f"{column}_price"
    own = train.join(inside, [column, "fold"], "left").join(groups, column, "left")
    own = own.join(F.broadcast(of_fold), own["fold"] == of_fold["_fold"], "left")
    value = smoothed(F.col("_sum") - F.col("_sum_in"), F.col("_count") - F.col("_count_in"), F.col("_mean"))
    results = [own.withColumn(name, value).select(*train.columns, name)]
    if others is not None:
        mean = F.lit(float(of_all["_sum"] / of_all["_count"]))
        seen = others.join(groups, column, "left")
        results.append(
            seen.withColumn(name, smoothed(F.col("_sum"), F.col("_count"), mean)).select(*others.columns, name)
        )
    return results


def encoding_table(train: "DataFrame") -> pd.DataFrame:
    """Return what training knows of each group's price: `column`, `value`, `total`, `listings`, `overall`."""
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    overall = float(train.agg(F.avg("price")).collect()[0][0])
    tables = [
        train.groupBy(F.lit(column).alias("column"), F.col(column).cast("string").alias("value"))
        .agg(F.sum("price").alias("total"), F.count("price").alias("listings"))
        .toPandas()
        for column in ENCODED
    ]
    return (
        pd.concat(tables, ignore_index=True).assign(overall=overall).sort_values(["column", "value"], ignore_index=True)
    )


def encode_new(derived: "DataFrame", encodings: pd.DataFrame) -> "DataFrame":
    """Add `<column>_price` to new listings, as the test part has it, so that the stored pipeline can take them.

    Args:
        derived: as `derived_on_spark` returns it.
        encodings: as `PreparedOnSpark` has them.
    """
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    overall = float(encodings["overall"].iloc[0])
    for column in ENCODED:
        known = encodings[encodings["column"] == column]
        means = pd.DataFrame(
            {
                "_value": known["value"],
                "_mean": (known["total"] + SMOOTHING * overall) / (known["listings"] + SMOOTHING),
            }
        )
        table = F.broadcast(derived.sparkSession.createDataFrame(means, "_value STRING, _mean DOUBLE"))
        joined = derived.join(table, derived[column].cast("string") == table["_value"], "left")
        price = F.coalesce("_mean", F.lit(overall)).alias(f"{column}_price")
        derived = joined.select(*derived.columns, price)
    return derived


def fit_pipeline(train: "DataFrame") -> "PipelineModel":
    """Fit medians, categories and the choice of columns on training rows; columns that never vary are left out."""
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import (
        OneHotEncoder,
        SQLTransformer,
        StringIndexer,
        VarianceThresholdSelector,
        VectorAssembler,
        VectorSlicer,
    )

    medians = train.selectExpr(*(f"PERCENTILE({column}, 0.5) AS {column}" for column in NUMBERS)).collect()[0]
    filled = ", ".join(f"COALESCE({column}, {float(medians[column] or 0)!r}D) AS {column}_filled" for column in NUMBERS)
    # Spark refuses an empty value as the name of a category; a blank sorts where it did.
    named = ", ".join(f"IF({column} = '', ' ', {column}) AS {column}_named" for column in CATEGORIES)
    fill = SQLTransformer(statement=f"SELECT *, {filled}, {named} FROM __THIS__")  # noqa: S608 - our own names
    stages: list[Any] = [fill]
    whole, vectors = fill.transform(train), []
    for column in CATEGORIES:
        index = StringIndexer(
            inputCol=f"{column}_named", outputCol=f"{column}_index", stringOrderType="alphabetAsc", handleInvalid="keep"
        ).fit(whole)
        codes = OneHotEncoder(inputCol=f"{column}_index", outputCol=f"{column}_codes", dropLast=True)
        stages += [index, codes]
        if len(index.labels) > 1:  # all but the first value, as the reference that the others are held against
            rest = list(range(1, len(index.labels)))
            stages.append(VectorSlicer(inputCol=f"{column}_codes", outputCol=f"{column}_vector", indices=rest))
            vectors.append(f"{column}_vector")
    inputs = [*(f"{column}_filled" for column in NUMBERS), *vectors, *(f"{column}_price" for column in ENCODED)]
    stages.append(VectorAssembler(inputCols=inputs, outputCol="all_features"))
    stages.append(VarianceThresholdSelector(featuresCol="all_features", outputCol="features", varianceThreshold=0.0))
    model: PipelineModel = Pipeline(stages=stages).fit(train)
    return model


@stage(phase="Data preparation")
def prepare_on_spark(derived: "DataFrame", parts: "DataFrame") -> PreparedOnSpark:
    """Turn the listings of both parts into vectors; everything that is learned comes from training rows.

    Args:
        derived: as `derive_on_spark` returns it.
        parts: as `split_rentals` returns them.
    """
    joined = derived.join(parts, "id")
    train, test = joined.where("NOT test").drop("test"), joined.where("test").drop("test")
    encodings = encoding_table(train)
    for column in ENCODED:
        train, test = encoded_on_spark(train, test, column)
    train = train.cache()
    pipeline = fit_pipeline(train)
    ready = [pipeline.transform(part).select(*PREDICTED).orderBy("position") for part in (train, test)]
    return PreparedOnSpark(ready[0], ready[1], pipeline, encodings)
