"""How are words counted on a cluster? As map-reduce, each step for itself, with what goes in and what comes out.

J. Dean and S. Ghemawat, "MapReduce: simplified data processing on large clusters", OSDI 2004: map turns each document
into pairs ((document, word), 1); combine adds up the pairs of one partition before anything travels; shuffle brings all
pairs of one key together; reduce adds them up. A second round counts in how many documents each word occurs. The steps
are written with frames, not RDDs, so that they run on Spark Connect too.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from tasks.features.words import tokenise
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LEAST_DOCUMENTS = 32  # for one partition: fewer are not worth a task of their own
MOST_PARTITIONS = 200


class Weighed(NamedTuple):
    """Words of documents with their weight, and the steps that led there."""

    weights: "DataFrame"  # document, word, count, weight
    steps: pd.DataFrame  # step, what, rows


def _map(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Emit a pair for every word of every document."""
    for part in parts:
        for document, text in zip(part["document"], part["text"], strict=True):
            words = tokenise(text)
            yield pd.DataFrame({"document": [document] * len(words), "word": words, "one": 1})


@stage(phase="Data preparation")
def count_words_mapreduce(documents: "DataFrame") -> Weighed:
    """Count and weigh the words of documents by map-reduce on Spark.

    Args:
        documents: `document` and `text`.

    Returns:
        The weights, `document`, `word`, `count` and `weight` (TF-IDF, each document scaled to length 1), and the rows
        after each step.
    """
    from pyspark.sql import functions as f

    total = documents.count()
    partitions = max(2, min(MOST_PARTITIONS, total // LEAST_DOCUMENTS))
    spread = documents.select("document", "text").repartition(partitions, "document")
    pairs = spread.mapInPandas(_map, "document string, word string, one long").persist()
    local = pairs.groupBy(f.spark_partition_id().alias("partition"), "document", "word").agg(f.sum("one").alias("n"))
    counts = pairs.groupBy("document", "word").agg(f.sum("one").alias("count")).persist()
    containing = counts.groupBy("word").agg(f.count("*").alias("documents"))
    idf = f.log((1.0 + f.lit(total)) / (1.0 + f.col("documents"))) + 1.0
    raw = counts.join(containing, "word").withColumn("raw", f.col("count") * idf)
    norms = raw.groupBy("document").agg(f.sqrt(f.sum(f.col("raw") * f.col("raw"))).alias("norm"))
    weights = raw.join(norms, "document").select(
        "document", "word", "count", (f.col("raw") / f.col("norm")).alias("weight")
    )
    rows = [
        ("input", "documents", total),
        ("map", "pairs ((document, word), 1), one for each word", pairs.count()),
        ("combine", "pairs left when each partition has added up its own: only these travel", local.count()),
        ("shuffle and reduce", "pairs ((document, word), count)", counts.count()),
        ("second reduce", "pairs (word, documents that contain it): the vocabulary", containing.count()),
    ]
    ordered = weights.orderBy("document", "word")
    steps = pd.DataFrame(rows, columns=["step", "what", "rows"])
    return Weighed(ordered, steps)
