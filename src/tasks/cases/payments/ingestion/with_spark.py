"""What do the lines say when they are more than one machine should read? The same rules as Spark SQL functions.

A line is a record, so Spark splits even a single file among all its threads. Each line is parsed once; what could not
be read stays in the same table with its reason, and is counted there.
"""

from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from tasks.cases.payments.ingestion.lines import (
    AMOUNT,
    BLANKS,
    CONTROL,
    ISO_QUARTER,
    LARGEST,
    LONGEST_LINE,
    LONGEST_SHOWN,
    MOST_LISTED,
    PAIR,
    PLAIN_AMOUNT,
    REASONS,
    US_QUARTER,
    Header,
    line_pattern,
    read_header,
)
from tasks.platform.spark import local_path, spark_session
from tasks.platform.stage import stage
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

NAMES = ("department", "vendor", "name", "account")
KEPT = 1_000  # characters of a line that could not be read


class Counted(NamedTuple):
    """How many lines could not be read by `reason`, the first of them, and how many rows could."""

    tally: pd.DataFrame
    quarantine: pd.DataFrame
    good: int


@stage(phase="Data understanding", retries=2)
def clean_with_spark(files: list[Path]) -> "DataFrame":
    """Read and clean exports of vendor payments.

    Args:
        files: CSV files with the columns `NEEDED` and any others, on a path that every worker sees.

    Returns:
        `quarter` (year * 4 + 0 to 3), `department`, `vendor`, `name`, `account`, `cents`; for a line that cannot be
        read these are missing, and `reason` (a key of `REASONS`), `file` and `line` say why.

    Raises:
        ContractError: a file lacks a column.
    """
    return reduce(lambda left, right: left.unionByName(right), [_cleaned(file) for file in files])


@stage(phase="Data understanding")
def count_with_spark(rows: "DataFrame") -> Counted:
    """Count the lines that could not be read by reason, and list the first of them."""
    from pyspark.sql import functions as sf

    counts = {row["reason"]: row["count"] for row in rows.groupBy("reason").count().collect()}
    tally = pd.DataFrame({"reason": list(REASONS), "lines": [counts.get(reason, 0) for reason in REASONS]})
    bad = rows.where(sf.col("reason").isNotNull()).select("file", "reason", "line").limit(MOST_LISTED).toPandas()
    quarantine = pd.DataFrame(
        {
            "path": bad["file"].astype(object),
            "reason": bad["reason"].map(REASONS).astype(object),
            "detail": [shorten(line, LONGEST_SHOWN) for line in bad["line"]],
        }
    )
    return Counted(tally, quarantine, counts.get(None, 0))


def _cleaned(file: Path) -> "DataFrame":
    """Return the cleaned lines of one file."""
    from pyspark.sql import functions as sf

    session, header = spark_session(), read_header(file)
    line = sf.ltrim(sf.rtrim(sf.col("value"), sf.lit("\r")), sf.lit("\ufeff"))
    lines = session.read.option("lineSep", "\n").text(local_path(file, pattern=True))
    lines = lines.select(sf.col("value").alias("raw"), line.alias("line"))
    lines = lines.where((sf.octet_length("line") > 0) & (sf.col("line") != sf.lit(header.text)))
    lines = lines.withColumn("reason", _line_reason(header.fields))
    fields = lines.withColumn("fields", _fields(header))
    names = {name: sf.btrim(sf.coalesce(sf.col(f"fields.{name}"), sf.lit("")), sf.lit(BLANKS)) for name in NAMES}
    rows = fields.select(
        "reason",
        *[column.alias(name) for name, column in names.items()],
        sf.btrim(sf.coalesce(sf.col("fields.amount"), sf.lit("")), sf.lit(BLANKS)).alias("amount"),
        _quarter(sf.btrim(sf.coalesce(sf.col("fields.quarter"), sf.lit("")), sf.lit(BLANKS))).alias("quarter"),
        sf.col("line").alias("whole"),
    )
    rows = _with_cents(rows).withColumn("reason", sf.coalesce("reason", _row_reason()))
    good = sf.col("reason").isNull()
    return rows.select(
        *[sf.when(good, sf.col(name)).alias(name) for name in ("quarter", *NAMES, "cents")],
        "reason",
        sf.when(~good, sf.lit(file.name)).alias("file"),
        sf.when(~good, sf.substring(sf.make_valid_utf8("whole"), 1, KEPT)).alias("line"),
    )


def _first(reasons: dict[str, "Column"]) -> "Column":
    """Return the name of the first condition that holds, or null."""
    from pyspark.sql import functions as sf

    return sf.coalesce(*[sf.when(condition, sf.lit(name)) for name, condition in reasons.items()])


def _line_reason(fields: int) -> "Column":
    """Return why a line cannot be split into fields, or null."""
    from pyspark.sql import functions as sf

    line = sf.col("line")
    commas = sf.octet_length(line) - sf.octet_length(sf.replace(line, sf.lit(","), sf.lit("")))
    formed = sf.when(
        sf.contains(line, sf.lit('"')), sf.replace(line, sf.lit('""'), sf.lit(PAIR)).rlike(line_pattern(fields))
    ).otherwise(commas == fields - 1)
    return _first(
        {
            "long": sf.octet_length(line) > LONGEST_LINE,
            "encoding": ~sf.is_valid_utf8("raw"),
            "control": line.rlike(CONTROL),
            "fields": ~formed,
        }
    )


def _fields(header: Header) -> "Column":
    """Return the needed fields of a line that is well formed, as a struct; null for any other."""
    from pyspark.sql import functions as sf

    places = {place: name for name, place in header.places.items()}
    schema = ", ".join(f"{places.get(place, f'_{place}')} STRING" for place in range(header.fields))
    options = {"sep": ",", "quote": '"', "escape": '"', "mode": "PERMISSIVE", "maxCharsPerColumn": "-1"}
    return sf.from_csv(sf.when(sf.col("reason").isNull(), sf.col("line")), schema, options)


def _quarter(text: "Column") -> "Column":
    """Return year * 4 + 0 to 3 for the last day of a quarter, else 0."""
    from pyspark.sql import functions as sf

    us = [sf.regexp_extract(text, US_QUARTER, group) for group in (2, 1)]
    iso = [sf.regexp_extract(text, ISO_QUARTER, group) for group in (1, 2)]
    year = sf.concat(us[0], iso[0]).try_cast("int")
    month = sf.regexp_extract(sf.concat(us[1], iso[1]), r"\A[0-9]+", 0).try_cast("int")
    return sf.coalesce((year * 4 + sf.floor(month / 3) - 1).cast("int"), sf.lit(0))


def _with_cents(rows: "DataFrame") -> "DataFrame":
    """Add `cents` of the amounts, half cents away from zero, and `whole_digits`; null for what is no amount."""
    from pyspark.sql import functions as sf

    plain = sf.col("amount").rlike(PLAIN_AMOUNT)  # nearly all are, and they are quickly read
    quick = (sf.col("amount").try_cast("decimal(14,2)") * 100).cast("long")
    amount = sf.when(sf.col("amount").rlike(AMOUNT), sf.col("amount"))
    digits = sf.regexp_replace(amount, r"[^0-9.]", "")
    before = sf.ltrim(sf.regexp_replace(digits, r"\..*", ""), sf.lit("0"))
    rest = sf.rpad(sf.regexp_replace(digits, r"\A[^.]*\.?", ""), 3, "0")
    whole = sf.when(sf.octet_length(before) <= LARGEST, sf.concat(sf.lit("0"), before)).try_cast("long")
    cents = whole * 100 + sf.floor((rest.try_cast("long") + 5) / 10)
    negative = sf.col("amount").rlike(r"[(-]")
    return rows.withColumns(
        {
            "cents": sf.when(plain, quick).when(negative, -cents).otherwise(cents).cast("long"),
            "whole_digits": sf.when(plain, 1).otherwise(sf.octet_length(before)),
        }
    )


def _row_reason() -> "Column":
    """Return why a line that was split into fields is no payment, or null."""
    from pyspark.sql import functions as sf

    return _first(
        {
            "quarter": sf.col("quarter") == 0,
            "department": sf.col("department") == "",
            "vendor": sf.col("vendor") == "",
            "blank": sf.col("amount") == "",
            "amount": sf.col("whole_digits").isNull(),
            "large": sf.col("whole_digits") > LARGEST,
        }
    )
