"""How are words counted on a cluster? As map-reduce, each step for itself, with what goes in and what comes out.

J. Dean and S. Ghemawat, "MapReduce: simplified data processing on large clusters", OSDI 2004: the documents lie in
blocks of lines, spread over the partitions; map turns each block into pairs ((document, word), 1); combine adds up the
pairs of one partition before anything travels; shuffle brings all pairs of one key together; reduce adds them up. No
word goes over the end of a line, so that blocks hold the same words as whole documents. A second round counts in how
many documents each word occurs. The steps are written with frames, not RDDs, so that they run on Spark Connect too.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tasks.features.text.words import tokenise
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LEAST_DOCUMENTS = 32  # for one partition: fewer are not worth a task of their own
MOST_PARTITIONS = 200
LINES = 8  # of a document that stay together on their way to the map


class Weighed(NamedTuple):
    """Words of documents with their weight, and the steps that led there."""

    weights: "DataFrame"  # document, word, count, weight
    steps: pd.DataFrame  # step, what, rows


def _map(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Emit a pair for every word of every line."""
    for part in parts:
        words = [tokenise(line) for line in part["line"]]
        documents = part["document"].repeat([len(those) for those in words]).to_numpy(object)
        ones = np.ones(len(documents), np.int64)
        yield pd.DataFrame({"document": documents, "word": list(chain.from_iterable(words)), "one": ones})


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
    lines = documents.select("document", f.posexplode(f.split("text", "\n")).alias("place", "line"))
    spread = lines.repartition(partitions, "document", f.floor(f.col("place") / LINES))
    pairs = spread.mapInPandas(_map, "document string, word string, one long").persist()
    local = pairs.groupBy(f.spark_partition_id().alias("partition"), "document", "word").agg(f.sum("one").alias("n"))
    counts = pairs.groupBy("document", "word").agg(f.sum("one").alias("count")).persist()
    containing = counts.groupBy("word").agg(f.count("*").alias("documents"))
    idf = f.log((1.0 + f.lit(total)) / (1.0 + f.col("documents"))) + 1.0
    raw = counts.join(containing, "word").withColumn("raw", (1.0 + f.log(f.col("count"))) * idf)
    norms = raw.groupBy("document").agg(f.sqrt(f.sum(f.col("raw") * f.col("raw"))).alias("norm"))
    weights = raw.join(norms, "document").select(
        "document", "word", "count", (f.col("raw") / f.col("norm")).alias("weight")
    )
    rows = [
        ("input", "documents", total),
        ("map", "pairs ((document, word), 1), one for each word", pairs.count()),
        (
            "combine",
            f"pairs left when each of {partitions} partitions has added up its own: only these travel",
            local.count(),
        ),
        ("shuffle and reduce", "pairs ((document, word), count)", counts.count()),
        ("second reduce", "pairs (word, documents that contain it): the vocabulary", containing.count()),
    ]
    ordered = weights.orderBy("document", "word")
    steps = pd.DataFrame(rows, columns=["step", "what", "rows"])
    return Weighed(ordered, steps)
