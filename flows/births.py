"""Births: weight and the mother's age, summed up where the rows lie: in BigQuery, in DuckDB on files, or on Spark."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.births.evaluation import measure_change, weigh_age
from tasks.cases.births.ingestion import read_births
from tasks.cases.births.report.compose import describe_births
from tasks.cases.births.training import fit_curves
from tasks.cases.births.validation import REMEDY, check_births
from tasks.ingestion.warehouse.bigquery import Limits
from tasks.ingestion.warehouse.question import Prices
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.publishing.publish import publish
from tasks.validation.tables import check_counted


@case
def births(
    source: str = "sample",
    engine: Literal["auto", "duckdb", "bigquery", "spark"] = "auto",
    first_year: Annotated[int, Field(ge=1800, le=2200)] = 1900,
    last_year: Annotated[int, Field(ge=1800, le=2200)] = 2100,
    state: str = "",
    max_cost: Annotated[float, Field(ge=0, le=10_000)] = 0.25,
    price: Annotated[float, Field(ge=0, le=1_000)] = 6.25,
    project: str = "",
    minutes: Annotated[float, Field(gt=0, le=120)] = 10.0,
    rows: Annotated[int, Field(ge=20_000, le=50_000_000)] = 200_000,
    columns: Columns = "",
    max_quarantined: Quarantined = 0.05,
) -> Path:
    """How do birth weight and mother's age hang together, and how has that changed?

    The answer serves whoever is asked whether a mother's age matters for the weight of her child: how much, what else
    could be behind it, and whether it is the same as decades ago. It is good when the mean weight of every age from 18
    to 40 years is known to within 0.1 pounds.

    Args:
        source: sample, a Parquet or CSV file (or folder, or https address) with the columns of natality, bigquery (the
            public table samples.natality), or bigquery:project.dataset.table; for BigQuery a service account from
            CASEBOOK_BIGQUERY_SERVICE_ACCOUNT or a Prefect Secret block
        engine: auto (BigQuery for its tables, DuckDB for files), or spark (files, or BigQuery by Spark's connector)
        first_year: of the births
        last_year: of the births
        state: its two letters; all states when empty
        max_cost: US dollars that a query of BigQuery may cost; it is estimated first and refused above that
        price: US dollars per TiB that BigQuery reads
        project: of BigQuery that is charged; that of the service account when empty
        minutes: that are waited for BigQuery; then the query is cancelled
        rows: size of the sample; of no effect on your own data
    """
    # Data understanding: the rows stay where they lie, their sums come here
    limits = Limits(project=project, cost=max_cost, minutes=minutes, prices=Prices(scanned=price))
    data, bill = read_births(source, engine, rows, (first_year, last_year), state, limits, columns)
    sums = data.parts
    check_counted(check_births(sums.tally, sums.by_age, max_quarantined), REMEDY)

    # Modelling: the mean by age, as it is and with what else is known held equal
    curves = fit_curves(sums.by_age, sums.by_cell)

    # Evaluation: against the spread, on later years, and over the years
    weighed = weigh_age(sums.by_age)
    changed = measure_change(sums.by_age)

    # Deployment
    findings = describe_births(
        curves.by_age,
        curves.contrasts,
        curves.shape,
        sums.by_weight,
        weighed.metrics,
        weighed.told,
        changed.by_year,
        changed.gaps,
        changed.split,
        bill,
    )
    tables = {
        "ages": curves.by_age,
        "differences": curves.contrasts,
        "years": changed.by_year,
        "decades": changed.gaps,
        "weights": sums.by_weight,
    }
    return publish(findings, tables=tables)


if __name__ == "__main__":
    main(births)
