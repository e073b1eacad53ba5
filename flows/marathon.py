"""Hidden patterns in the runners of a marathon: every group and every pair of measures, tested and corrected."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.cases.marathon.evaluation.shuffles import search_shuffled
from tasks.cases.marathon.evaluation.tables import find_patterns
from tasks.cases.marathon.features import measure_runners
from tasks.cases.marathon.ingestion import locate_marathon, read_runners
from tasks.cases.marathon.report.compose import compose_marathon
from tasks.cases.marathon.validation import count_unreadable, runners_contract
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.publishing.publish import publish_report
from tasks.validation.tables import publish_table_docs, validate_table


@case
def marathon(
    source: str = "sample",
    shuffles: Annotated[int, Field(ge=0, le=2_000)] = 100,
    level: Annotated[float, Field(gt=0, le=0.2)] = 0.05,
    smallest: Annotated[float, Field(ge=0, le=2)] = 0.2,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.05,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """Are there hidden patterns in the runners of this marathon?

    The answer serves whoever has to decide which of the many differences in a table are worth following up. It is good
    when at most 5 % of shuffled copies of the runners, in which there is nothing to be found, lead to any finding.

    Args:
        source: sample, public (37,250 runners with planted patterns), or a CSV file or https address of your own
        shuffles: shuffled copies on which false findings are counted; 0 counts none
        level: chance of any false finding among all comparisons together
        smallest: effect that is worth a finding, in standard deviations (Cohen's d)
        max_quarantined: stop when a larger share of the lines is unusable
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_marathon(source).load(Source)
    read = read_runners(where.file)
    count_unreadable(read.frame, read.quarantine, max_quarantined)
    contract = runners_contract(max_quarantined)
    checked = validate_table(read.frame, contract)
    docs = publish_table_docs(read.frame, contract) if data_docs else None

    # Data preparation
    runners = measure_runners(checked.frame)

    # Modelling: nothing is predicted, so there is no model and no champion

    # Evaluation: the search, and how often it finds something where there is nothing
    patterns = find_patterns(runners, level, smallest)
    false = search_shuffled(runners, level, smallest, shuffles)

    # Deployment
    report = compose_marathon(
        where=where,
        frame=runners,
        unreadable=read.quarantine,
        quarantine=checked.quarantine,
        contract=checked.report,
        tests=patterns.tests,
        known=patterns.known,
        comparisons=patterns.comparisons,
        false=false,
        level=level,
        smallest=smallest,
    )
    links = {"data docs": docs.load()} if docs else {}
    tables = {"tests": patterns.tests, "known": patterns.known}
    return Path(publish_report(report, [patterns.tests.digest], tables, links).load())


if __name__ == "__main__":
    main(marathon)
