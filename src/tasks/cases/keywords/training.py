"""Which words does a document stand out by, and how often does each word occur? On pandas and on Spark."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.features.text.words import most_documents
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COLUMNS = ["document", "rank", "word", "count", "weight", "documents"]


def most_marked(documents: int, max_share: float) -> int:
    """Return in how many documents a key word may occur: what stands in every one of several marks none."""
    return min(most_documents(documents, max_share), max(1, documents - 1))


@stage(phase="Modelling")
def pick_keywords(weights: pd.DataFrame, top: int, max_share: float, scheme: str = "tfidf") -> pd.DataFrame:
    """Choose the words that weigh most in each document.

    Args:
        weights: `document`, `word`, `count`, `weight`.
        top: words of each document.
        max_share: a word in a larger share of the documents (of four or more), or in all, is no key word.
        scheme: `tfidf` ranks by weight, `counts` by count: the baseline.

    Returns:
        `document`, `rank` from 1, `word`, `count`, `weight`, `documents` (how many contain the word). A document whose
        words are all shared has no row.
    """
    total = weights["document"].nunique()
    table = weights.assign(documents=weights.groupby("word")["document"].transform("size"))
    if scheme == "tfidf":
        table = table[table["documents"] <= most_marked(total, max_share)]
    order = "weight" if scheme == "tfidf" else "count"
    table = table.sort_values(["document", order, "word"], ascending=[True, False, True])
    table["rank"] = table.groupby("document").cumcount() + 1
    kept = table[table["rank"] <= top]
    return kept[COLUMNS].reset_index(drop=True)


@stage(phase="Modelling")
def pick_keywords_spark(weights: "DataFrame", top: int, max_share: float) -> pd.DataFrame:
    """Choose the words that weigh most in each document, as `pick_keywords` does by weight, on Spark."""
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    total = weights.select("document").distinct().count()
    limit = most_marked(total, max_share)
    containing = weights.groupBy("word").agg(f.count("*").alias("documents")).where(f.col("documents") <= limit)
    order = Window.partitionBy("document").orderBy(f.desc("weight"), "word")
    ranked = weights.join(containing, "word").withColumn("rank", f.row_number().over(order)).where(f.col("rank") <= top)
    return ranked.select(*COLUMNS).orderBy("document", "rank").toPandas()


@stage(phase="Data understanding")
def word_frequencies(weights: "DataFrame", most: int = 50_000) -> pd.DataFrame:
    """Count each word over all documents, on Spark.

    Args:
        weights: `document`, `word`, `count`.
        most: words that are returned.

    Returns:
        `rank` from 1, `word`, `count`, the most frequent first.
    """
    from pyspark.sql import functions as f

    table = weights.groupBy("word").agg(f.sum("count").alias("count")).orderBy(f.desc("count"), "word").limit(most)
    return _ranked(table.toPandas())


@stage(phase="Data understanding")
def word_frequencies_pandas(weights: pd.DataFrame, most: int = 50_000) -> pd.DataFrame:
    """Count each word over all documents, as `word_frequencies` does, with pandas."""
    table = weights.groupby("word")["count"].sum().reset_index()
    return _ranked(table.sort_values(["count", "word"], ascending=[False, True], ignore_index=True).head(most))


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(rank=np.arange(1, len(table) + 1))[["rank", "word", "count"]]


@stage(phase="Data preparation")
def spread_documents(weights: "DataFrame", most: int) -> pd.DataFrame:
    """Take the weights of at most `most` documents, spread evenly over their names, from Spark to pandas."""
    names = sorted(row["document"] for row in weights.select("document").distinct().toLocalIterator())
    step = max(1, -(-len(names) // most))
    chosen = names[::step]
    part = weights if step == 1 else weights.where(weights["document"].isin(chosen))
    return part.toPandas().sort_values(["document", "word"], ignore_index=True)
