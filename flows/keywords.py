"""Key words: map-reduce TF-IDF on Spark and with scikit-learn, and similar documents by MinHash."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.cases.keywords.evaluation import halves_find_each_other, measure_recall, summarise_keywords
from tasks.cases.keywords.ingestion import read_documents
from tasks.cases.keywords.report import describe_keywords
from tasks.cases.keywords.training import (
    pick_keywords,
    pick_keywords_spark,
    spread_documents,
    word_frequencies,
    word_frequencies_pandas,
)
from tasks.cases.keywords.validation import CONTRACT
from tasks.evaluation.contest import contest
from tasks.features.text.mapreduce import count_words_mapreduce
from tasks.features.text.tfidf import compare_engines, weigh_words
from tasks.platform.case import case, main
from tasks.publishing.publish import publish
from tasks.training.minhash import similar_by_minhash, similar_exactly
from tasks.validation.tables import check

REMEDY = "name other texts, or another way to split them, and run again"
MOST_COMPARED = 2000  # documents among which all pairs are compared, to measure what MinHash misses


@case
def keywords(
    source: str = "sample",
    engine: Literal["both", "sklearn", "spark"] = "both",
    split: Literal["auto", "chapters", "files"] = "auto",
    top: Annotated[int, Field(ge=1, le=100)] = 8,
    max_share: Annotated[float, Field(gt=0, le=1)] = 0.2,
    similar: Annotated[float, Field(gt=0, le=1)] = 0.15,
    tables: Annotated[int, Field(ge=1, le=256)] = 24,
    encoding: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{2,30}$")] = "auto",
) -> Path:
    """Which words matter in a document, and which documents are alike?

    The answer serves whoever has more texts than time: it tells what each one is about, and which say the same. It is
    good when the key words lead from one half of a document to its other half much better than plain counts do (a mean
    reciprocal rank at least 0.1 higher), and both engines come to the same weights.

    Args:
        source: sample, public (Moby-Dick and Tom Sawyer), a .txt file, a folder of them, or an https address of one
        engine: sklearn on one machine, spark on a cluster, or both, compared weight by weight
        split: a document is a chapter (chapters), a file (files), or a chapter where a file has three or more (auto)
        top: key words of each document
        max_share: a word in a larger share of the documents is no key word
        similar: Jaccard index from which two documents count as similar
        tables: hash functions of MinHash; more find more and take longer
        encoding: of files that are not UTF-8, such as cp1251 or gb18030; auto finds it, or puts the file aside
    """
    # Data understanding
    data = read_documents(source, split, encoding)
    documents = check(data.frame, CONTRACT, REMEDY).frame

    # Data preparation: the same weights, on one machine and as map-reduce
    small = weigh_words(documents) if engine != "spark" else None
    big = count_words_mapreduce(documents) if engine != "sklearn" else None
    engines = compare_engines(small, big.weights) if small and big else None
    weights: Any = small or (big.weights if big else None)

    # Modelling
    words = pick_keywords(weights, top, max_share) if small else pick_keywords_spark(weights, top, max_share)
    frequencies = word_frequencies_pandas(weights) if small else word_frequencies(weights)
    some = small if small and documents.summary["rows"] <= MOST_COMPARED else spread_documents(weights, MOST_COMPARED)
    exact = similar_exactly(some, similar, max_share)
    found = similar_by_minhash(big.weights, similar, max_share, tables) if big else None

    # Evaluation: halves that find each other, against plain counts and the champion; what MinHash misses
    whole = some.summary["rows"] == weights.summary["rows"]
    probed = found if whole or not big else similar_by_minhash(some, similar, max_share, tables)
    recall = measure_recall(probed, exact, tables) if probed else None
    held = contest(
        f"keywords-{data.name}",
        {"max_share": max_share, "scheme": "tfidf, sublinear"},
        halves_find_each_other(documents, max_share),
        on=documents,
        metric="mrr",
        rescore=lambda config: halves_find_each_other(documents, float(config["max_share"])),
    )
    metrics = summarise_keywords(held.scores, held.baseline, held.rival, recall)

    # Deployment
    chosen = {"engine": engine, "max_share": max_share, "similar": similar, "tables": tables}
    findings = describe_keywords(
        documents, words, frequencies, exact, metrics, chosen, big.steps if big else None, engines, probed, recall
    )
    return publish(findings, held, model={"keywords": words}, tables={"keywords": words, "similar": found or exact})


if __name__ == "__main__":
    main(keywords)
