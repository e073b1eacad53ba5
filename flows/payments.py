"""Vendor payments of a state: where the money goes, who receives it, and what to look at, on pandas or on Spark."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.cases.payments.evaluation import evaluate_segments, evaluate_truth, score_champion_segments, score_segments
from tasks.cases.payments.features.vendors import vendor_features
from tasks.cases.payments.features.with_pandas import sum_with_pandas
from tasks.cases.payments.features.with_spark import sum_with_spark
from tasks.cases.payments.ingestion.source import engine_of, read_payments
from tasks.cases.payments.report.compose import describe_payments
from tasks.cases.payments.report.tables import published_tables
from tasks.cases.payments.training import segment_vendors
from tasks.cases.payments.validation import CELLS, FAULT, REMEDY, VENDORS, check_lines, check_sums
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.tables import check, check_counted


@case
def payments(
    source: str = "sample",
    rows: Annotated[int, Field(ge=5_000, le=20_000_000)] = 100_000,
    engine: Literal["auto", "pandas", "spark"] = "auto",
    most_segments: Annotated[int, Field(ge=2, le=12)] = 8,
    columns: Columns = "",
    max_quarantined: Quarantined = 0.02,
) -> Path:
    """Where does a state's money go, and which payments need a second look?

    The answer serves an auditor or a buyer: which departments and vendors to look at, which kinds of vendors there are,
    if any, and which payments to have checked first. Kinds are told only where they stand apart from one cloud of the
    same shape. They are good when segments fitted on half the vendors agree with those of all to at least 0.8 (adjusted
    Rand index), and on the sample, whose truth is known, when the segments are recovered to at least 0.9.

    Args:
        source: sample, or a CSV file, a folder of them, or an https address, in the schema of Vermont's payments
        rows: size of the sample; of no effect on your own files
        engine: pandas (one machine, a block at a time), spark, or auto (spark from 8 GB of files on)
        most_segments: the largest number of vendor segments that is tried; one group is always among the candidates
        max_quarantined: stop when a larger share of the lines cannot be read
    """
    # Data understanding
    data = read_payments(source, rows, engine, columns)
    tally, good = data.parts.tally, data.parts.good
    lines = check_counted(check_lines(tally, good, max_quarantined), REMEDY)

    # Data preparation: millions of payments become tables of departments and vendors
    used = engine_of(data)
    summed = sum_with_spark(data.frame) if used == "spark" else sum_with_pandas(data.frame)
    check_counted(check_sums(summed.cells, summed.vendors, summed.counts, good), FAULT)
    cells = check(summed.cells, CELLS).frame
    vendors = check(summed.vendors, VENDORS).frame
    features = vendor_features(vendors)

    # Modelling
    segments = segment_vendors(features.vendors, features.scaled, features.raw, most_segments)
    labels, naive = segments.labels, segments.naive

    # Evaluation: against k-means on raw features, single clouds and the champion, and on the sample against the truth
    cases = score_segments(features.scaled, labels, naive)

    def rescore(config: dict[str, Any]) -> Stored:
        return score_champion_segments(features.scaled, config)

    held = contest(
        f"payments-{data.name}",
        segments.config.load(dict),
        cases,
        on=features.scaled,
        metric="silhouette",
        rescore=rescore,
    )
    metrics = evaluate_segments(features.scaled, labels, cases.scores, cases.baseline, segments.judged, held.rival)
    truth = None
    if source == "sample":
        truth = evaluate_truth(features.vendors, labels, naive, summed.unusual, summed.repeated, rows)

    # Deployment
    tables = published_tables(cells, vendors, features.vendors, labels, summed.unusual, summed.repeated)
    findings = describe_payments(
        source,
        used,
        lines,
        cells,
        vendors,
        features.vendors,
        features.scaled,
        labels,
        naive,
        segments.scores,
        tables.unusual,
        tables.repeated,
        summed.counts,
        segments.judged,
        metrics,
        truth,
    )
    asked_with = {"model": segments.model, "raw": features.raw, "learned": features.vendors}
    return publish(findings, held, model=asked_with, tables=dict(tables.parts))


if __name__ == "__main__":
    main(payments)
