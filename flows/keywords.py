"""Key words: map-reduce TF-IDF on Spark and with scikit-learn, and similar documents by MinHash."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tasks.cases.keywords.evaluation import halves_find_each_other, measure_recall, summarise_keywords
from tasks.cases.keywords.ingestion import locate_texts, read_texts
from tasks.cases.keywords.report import compose_keywords
from tasks.cases.keywords.training import (
    pick_keywords,
    pick_keywords_spark,
    spread_documents,
    word_frequencies,
    word_frequencies_pandas,
)
from tasks.cases.keywords.validation import CONTRACT
from tasks.evaluation.champion import ChampionRecord, decide_promotion
from tasks.features.text.mapreduce import count_words_mapreduce
from tasks.features.text.tfidf import compare_engines, weigh_words
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.training.minhash import similar_by_minhash, similar_exactly
from tasks.validation.tables import publish_table_docs, validate_table

PRIMARY = "mrr"
MOST_COMPARED = 2000  # documents among which all pairs are compared, to measure what MinHash misses


@case
def keywords(
    source: str = "sample",
    engine: Literal["both", "sklearn", "spark"] = "both",
    split: Literal["auto", "chapters", "files"] = "auto",
    top: Annotated[int, Field(ge=1, le=100)] = 8,
    max_share: Annotated[float, Field(gt=0, le=1)] = 0.3,
    similar: Annotated[float, Field(gt=0, le=1)] = 0.15,
    tables: Annotated[int, Field(ge=1, le=256)] = 24,
    data_docs: bool = False,
    output: str = "",
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
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_texts(source).load(Source)
    texts = read_texts(where.files, split)
    checked = validate_table(texts.documents, CONTRACT, "name other texts, or another way to split them, and run again")
    documents = checked.frame
    docs = publish_table_docs(texts.documents, CONTRACT) if data_docs else None

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
    halves = halves_find_each_other(documents, max_share)
    config = {"max_share": max_share, "scheme": "tfidf"}
    registered = f"keywords-{where.name}"
    champion = read_champion(registered, config, documents.digest, halves.scores)
    rival = evaluate_champion(champion, documents)
    decision = decide_promotion(
        halves.scores, halves.groups, halves.baseline, rival.record, rival.scores, PRIMARY, documents.digest
    )
    metrics = summarise_keywords(halves.scores, halves.baseline, rival.scores if rival.record else None, recall)

    # Deployment
    chosen = {"engine": engine, "max_share": max_share, "similar": similar, "tables": tables}
    tracked = track_run(
        "keywords", registered, config, {"source": source, **chosen}, metrics, decision,
        halves.scores, documents.digest, {"keywords": words}, champion.registry,
    )  # fmt: skip
    report = compose_keywords(
        where=where,
        documents=documents,
        quarantine=texts.quarantine,
        contract=checked.report,
        keywords=words,
        frequencies=frequencies,
        exact=exact,
        metrics=metrics,
        champion=tracked.load(TrackedRun).reason,
        settings=chosen,
        steps=big.steps if big else None,
        engines=engines,
        found=probed,
        recall=recall,
    )
    results = {"keywords": words, "similar": found or exact}
    return Path(publish_report(report, [words.digest], results, {"data docs": docs.load()} if docs else {}).load())


class Rival(NamedTuple):
    """The champion on the present documents."""

    record: Any
    scores: Any


def evaluate_champion(champion: Stored, documents: Stored) -> Rival:
    """Score the champion's choices on the present documents, anew when it was measured on others."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == documents.digest:
        return Rival(record, champion.scores)
    try:
        share = float(record.config["max_share"])
    except (KeyError, TypeError, ValueError):  # its record is odd: it stays
        return Rival(record, champion.scores)
    same = record.model_copy(update={"test_data": documents.digest})
    return Rival(same, halves_find_each_other(documents, share).scores)


if __name__ == "__main__":
    main(keywords)
