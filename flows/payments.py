"""Vendor payments of a state: where the money goes, who receives it, and what to look at, on pandas or on Spark."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tasks.cases.payments.evaluation import (
    evaluate_segments,
    evaluate_truth,
    score_champion_segments,
    score_segments,
)
from tasks.cases.payments.features.vendors import vendor_features
from tasks.cases.payments.features.with_pandas import sum_with_pandas
from tasks.cases.payments.features.with_spark import sum_with_spark
from tasks.cases.payments.ingestion.source import choose_engine, locate_payments
from tasks.cases.payments.ingestion.with_pandas import clean_with_pandas
from tasks.cases.payments.ingestion.with_spark import clean_with_spark, count_with_spark
from tasks.cases.payments.report.compose import compose_payments
from tasks.cases.payments.report.tables import published_tables
from tasks.cases.payments.training import segment_vendors
from tasks.cases.payments.validation import CELLS, VENDORS, check_lines, check_sums
from tasks.evaluation.champion import ChampionRecord, decide_promotion
from tasks.evaluation.metrics import Metric
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table

PRIMARY = "silhouette"


class Cleaned(NamedTuple):
    """Payments that could be read, wherever they lie, and the count of lines that could not be."""

    rows: Stored
    counted: Stored


def clean(files: list[Path], engine: str) -> Cleaned:
    """Read and clean the lines with the engine."""
    if engine == "spark":
        rows = clean_with_spark(files)
        return Cleaned(rows, count_with_spark(rows))
    cleaned = clean_with_pandas(files)
    return Cleaned(cleaned.rows, cleaned)


@case
def payments(
    source: str = "sample",
    rows: Annotated[int, Field(ge=5_000, le=20_000_000)] = 100_000,
    engine: Literal["auto", "pandas", "spark"] = "auto",
    most_segments: Annotated[int, Field(ge=2, le=12)] = 8,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.02,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """Where does a state's money go, and which payments need a second look?

    The answer serves an auditor or a buyer: which departments and vendors to look at, which kinds of vendors there are,
    and which payments to have checked first. It is good when segments fitted on half the vendors agree with those of
    all to at least 0.8 (adjusted Rand index), and on the sample, whose truth is known, when the segments are recovered
    to at least 0.9.

    Args:
        source: sample, or a CSV file, a folder of them, or an https address, in the schema of Vermont's payments
        rows: size of the sample; of no effect on your own files
        engine: pandas (one machine, a block at a time), spark, or auto (spark from 8 GB of files on)
        most_segments: the largest number of vendor segments that is tried
        max_quarantined: stop when a larger share of the lines cannot be read
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_payments(source, rows).load(Source)
    used = choose_engine(engine, where.files)
    cleaned = clean(where.files, used)
    lines = check_lines(cleaned.counted.tally, cleaned.counted.good, max_quarantined)

    # Data preparation: millions of payments become tables of departments and vendors
    summed = sum_with_spark(cleaned.rows) if used == "spark" else sum_with_pandas(cleaned.rows)
    sums = check_sums(summed.cells, summed.vendors, summed.counts, cleaned.counted.good)
    cells = validate_table(summed.cells, CELLS)
    vendors = validate_table(summed.vendors, VENDORS)
    docs = publish_table_docs(summed.vendors, VENDORS) if data_docs else None
    features = vendor_features(vendors.frame)

    # Modelling
    segments = segment_vendors(features.vendors, features.scaled, features.raw, most_segments)

    # Evaluation: against k-means on raw features and the champion, and on the sample against the truth
    config, test_data = segments.config.load(dict[str, Any]), features.scaled.digest
    scored = score_segments(features.scaled, segments.labels, segments.naive)
    registered = f"payments-{where.name}"
    champion = read_champion(registered, config, test_data, scored.scores)
    rival = evaluate_champion(champion, features.scaled)
    decision = decide_promotion(
        scored.scores, scored.groups, scored.baseline, rival.record, rival.scores, PRIMARY, test_data
    )
    metrics = evaluate_segments(features.scaled, segments.labels, segments.naive).load(list[Metric])
    if source == "sample":
        truth = evaluate_truth(features.vendors, segments.labels, segments.naive, summed.unusual, summed.repeated, rows)
        metrics = [*truth.load(list[Metric]), *metrics]

    # Deployment
    tracked = track_run(
        "payments", registered, config, {"source": source, "engine": used, "most_segments": most_segments}, metrics,
        decision, scored.scores, test_data, {"model": segments.model}, champion.registry,
    )  # fmt: skip
    tables = published_tables(
        cells.frame, vendors.frame, features.vendors, segments.labels, summed.unusual, summed.repeated
    )
    report = compose_payments(
        where=where,
        engine=used,
        contracts=[lines, sums, cells.report, vendors.report],
        quarantine=cleaned.counted.quarantine,
        cells=cells.frame,
        vendors=vendors.frame,
        segmented=features.vendors,
        scaled=features.scaled,
        labels=segments.labels,
        naive=segments.naive,
        scores=segments.scores,
        unusual=tables.unusual,
        repeated=tables.repeated,
        counts=summed.counts,
        metrics=metrics,
        champion=tracked.load(TrackedRun).reason,
    )
    links = {"data docs": docs.load()} if docs else {}
    ancestors = [segments.labels.digest, summed.cells.digest]
    return Path(publish_report(report, ancestors, dict(tables.parts), links).load())


class Rival(NamedTuple):
    """The champion on the present vendors."""

    record: Any
    scores: Any


def evaluate_champion(champion: Stored, scaled: Stored) -> Rival:
    """Score the champion's choices on the present vendors, anew when they were measured on others."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == scaled.digest:
        return Rival(record, champion.scores)
    try:
        scores = score_champion_segments(scaled, record.config)
    except (KeyError, TypeError, ValueError):  # its record is odd: it stays
        return Rival(record, champion.scores)
    return Rival(record.model_copy(update={"test_data": scaled.digest}), scores)


if __name__ == "__main__":
    main(payments)
