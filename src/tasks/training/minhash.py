"""Which documents share their words? MinHash hashing on Spark, and the exact answer to measure it by.

Two documents are as similar as the Jaccard index J of their sets of words: the share of common words among all. With
one random hash function the smallest hash of both sets is the same with probability J; a pair is a candidate when it is
so for at least one of t functions, that is with probability 1 - (1 - J)^t (A. Broder, "On the resemblance and
containment of documents", 1997). Candidates are compared exactly, so nothing found is wrong; what is missed is
measured.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.features.text.words import most_documents
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SEED = 1997
COLUMNS = ["first", "second", "jaccard"]


def _kept(weights: pd.DataFrame, max_share: float) -> pd.DataFrame:
    """Leave out words in more than `max_share` of the documents: they tell nothing about what is similar."""
    total = weights["document"].nunique()
    containing = weights.groupby("word")["document"].transform("size")
    return weights[containing <= most_documents(total, max_share)]


@stage(phase="Modelling")
def similar_exactly(weights: pd.DataFrame, threshold: float, max_share: float) -> pd.DataFrame:
    """Find all pairs of documents whose word sets have a Jaccard index of at least `threshold`.

    Args:
        weights: `document`, `word`; words in more than `max_share` of the documents are left out.
        threshold: 0 to 1.
        max_share: 0 to 1.

    Returns:
        `first`, `second` (in the order of their names) and `jaccard`, the most similar first.
    """
    from scipy import sparse

    kept = _kept(weights, max_share)
    sizes = kept.groupby("document").size().sort_index()
    names = sizes.index.to_numpy(object)
    row = pd.Categorical(kept["document"], categories=names).codes
    column, words = pd.factorize(kept["word"])
    ones = np.ones(len(kept), np.int32)
    sets = sparse.csr_matrix((ones, (row, column)), shape=(len(names), max(1, len(words))))
    shared = sparse.triu(sets @ sets.T, k=1).tocoo()
    union = sizes.to_numpy()[shared.row] + sizes.to_numpy()[shared.col] - shared.data
    table = pd.DataFrame({"first": names[shared.row], "second": names[shared.col], "jaccard": shared.data / union})
    return _ordered(table[table["jaccard"] >= threshold])


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    table = table.sort_values(["jaccard", "first", "second"], ascending=[False, True, True], ignore_index=True)
    return table[COLUMNS].astype({"first": "object", "second": "object", "jaccard": "float64"})


@stage(phase="Modelling")
def similar_by_minhash(weights: "DataFrame", threshold: float, max_share: float, tables: int) -> pd.DataFrame:
    """Find pairs of similar documents by MinHash on Spark.

    Args:
        weights: `document`, `word`, as `similar_exactly` takes them.
        threshold: Jaccard index that a pair has at least, 0 to 1.
        max_share: 0 to 1.
        tables: number of hash functions.

    Returns:
        As `similar_exactly`; pairs that share no smallest hash are missing.
    """
    from pyspark.ml.feature import CountVectorizer, MinHashLSH
    from pyspark.sql import functions as f

    total = weights.select("document").distinct().count()
    containing = weights.groupBy("word").agg(f.count("*").alias("documents"))
    kept = containing.where(f.col("documents") <= most_documents(total, max_share))
    sets = weights.join(kept, "word").groupBy("document").agg(f.sort_array(f.collect_list("word")).alias("words"))
    if sets.isEmpty():  # the documents share all their words
        return _ordered(pd.DataFrame(columns=COLUMNS))
    features = CountVectorizer(inputCol="words", outputCol="features", binary=True, vocabSize=2**24).fit(sets)
    data = features.transform(sets).select("document", "features").persist()
    model = MinHashLSH(inputCol="features", outputCol="hashes", numHashTables=tables, seed=SEED).fit(data)
    joined = model.approxSimilarityJoin(data, data, 1.0 - threshold + 1e-9, distCol="distance")
    pairs = joined.where("datasetA.document < datasetB.document").selectExpr(
        "datasetA.document as first", "datasetB.document as second", "1.0 - distance as jaccard"
    )
    return _ordered(pairs.toPandas())
