"""Payments summed up with Spark: the same tables, small enough for one machine; the payments stay where they are."""

from typing import TYPE_CHECKING

import pandas as pd

from tasks.cases.payments.features.summary import (
    FEWEST,
    FLOOR,
    MAD_TO_SIGMA,
    MOST_UNUSUAL,
    REPEATED_COLUMNS,
    UNUSUAL,
    UNUSUAL_COLUMNS,
    VENDOR_COLUMNS,
    Summary,
    most_repeated,
    most_unusual,
)
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@stage(phase="Data preparation", retries=2)
def sum_with_spark(rows: "DataFrame") -> Summary:
    """Sum up payments by department and quarter and by vendor, and list what is unusual.

    Args:
        rows: as `tasks.cases.payments.ingestion.with_spark.clean_with_spark` returns them.
    """
    from pyspark.sql import functions as sf

    good = rows.where(sf.col("cents").isNotNull()).drop("reason", "file", "line")
    cells = good.groupBy("quarter", "department").agg(*_sums()).toPandas()
    vendors = _vendors(good).toPandas()[VENDOR_COLUMNS].sort_values("vendor", ignore_index=True)
    unusual, far = _unusual(good, vendors)
    repeated, often, surplus = _repeated(good)
    zero = good.where(sf.col("cents") == 0).count()
    counts = {"unusual": far, "repeated": often, "surplus_cents": surplus, "zero": zero}
    cells = cells.sort_values(["quarter", "department"], ignore_index=True)
    return Summary(cells, vendors, most_unusual(unusual), most_repeated(repeated), counts)


def _sums() -> list["Column"]:
    from pyspark.sql import functions as sf

    return [
        sf.count("*").alias("payments"),
        sf.count_if(sf.col("cents") < 0).alias("corrections"),
        sf.sum("cents").alias("cents"),
    ]


def _decades() -> "Column":
    """Return the log10 of dollars of payments above 0, null for others."""
    from pyspark.sql import functions as sf

    return sf.when(sf.col("cents") > 0, sf.log10(sf.col("cents") / 100))


def _vendors(good: "DataFrame") -> "DataFrame":
    """Return a row per vendor, as `Summary` describes it; the medians are exact."""
    from pyspark.sql import functions as sf

    decades = _decades()
    table = good.groupBy("vendor").agg(
        *_sums(),
        sf.min("name").alias("name"),
        sf.size(sf.collect_set("name")).cast("long").alias("names"),
        sf.size(sf.collect_set("department")).cast("long").alias("departments"),
        sf.count(decades).alias("positive"),
        sf.median(decades).alias("median"),
    )
    quarterly = good.groupBy("vendor", "quarter").agg(sf.count("*").alias("n"))
    quarterly = quarterly.groupBy("vendor").agg(
        sf.count("*").alias("quarters"),
        sf.min("quarter").alias("first"),
        sf.max("quarter").alias("last"),
        sf.sum(sf.col("n") * sf.col("n")).alias("squares"),
    )
    away = good.join(table.select("vendor", "median"), "vendor").groupBy("vendor")
    spread = away.agg(sf.median(sf.abs(_decades() - sf.col("median"))).alias("mad"))
    return table.join(quarterly, "vendor").join(spread, "vendor")


def _unusual(good: "DataFrame", vendors: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the payments furthest above their vendor's median, and how many are unusual."""
    from pyspark.sql import functions as sf

    judged = vendors.loc[vendors["positive"] >= FEWEST, ["vendor", "median", "mad"]]
    if judged.empty:
        return pd.DataFrame(columns=UNUSUAL_COLUMNS), 0
    scale = good.sparkSession.createDataFrame(judged)
    spread = sf.greatest(MAD_TO_SIGMA * sf.col("mad"), sf.lit(FLOOR))
    scored = good.join(sf.broadcast(scale), "vendor").withColumn("z", (_decades() - sf.col("median")) / spread)
    far = scored.where(sf.col("z") >= UNUSUAL).select(*UNUSUAL_COLUMNS).cache()
    order: list[Column | str] = [sf.round("z", 6).desc(), "vendor", "quarter", "cents", "department", "account"]
    found, count = far.orderBy(*order).limit(MOST_UNUSUAL).toPandas(), far.count()
    far.unpersist()
    return found, count


def _repeated(good: "DataFrame") -> tuple[pd.DataFrame, int, int]:
    """Return what vendors were paid more often than usual, how many such groups there are, and their cents."""
    from pyspark.sql import functions as sf

    groups = good.where(sf.col("cents") != 0).groupBy("vendor", "account", "quarter", sf.abs("cents").alias("amount"))
    paid = groups.agg(sf.sum(sf.signum("cents")).cast("long").alias("times")).where("times > 0")
    usual = paid.groupBy("vendor").agg(sf.ceil(sf.median("times")).cast("long").alias("usual"))
    found = paid.join(usual, "vendor").where(sf.col("times") > sf.col("usual"))
    surplus = (sf.col("times") - sf.col("usual")) * sf.col("amount")
    found = found.withColumn("surplus_cents", surplus).withColumnRenamed("amount", "cents").cache()
    order: list[Column | str] = [sf.col("surplus_cents").desc(), "vendor", "account", "quarter", "cents"]
    listed = found.select(*REPEATED_COLUMNS).orderBy(*order).limit(MOST_UNUSUAL).toPandas()
    whole = found.agg(sf.count("*").alias("n"), sf.sum("surplus_cents").alias("cents")).first()
    found.unpersist()
    return listed, int(whole["n"]) if whole else 0, int(whole["cents"] or 0) if whole else 0
