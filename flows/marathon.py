"""Hidden patterns in the runners of a marathon: every group and every pair of measures, tested and corrected."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.cases.marathon.evaluation.shuffles import search_shuffled
from tasks.cases.marathon.evaluation.tables import find_patterns
from tasks.cases.marathon.features import measure_runners
from tasks.cases.marathon.ingestion import read_marathon
from tasks.cases.marathon.report.compose import describe_marathon
from tasks.cases.marathon.validation import runners_contract
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def marathon(
    source: str = "sample",
    shuffles: Annotated[int, Field(ge=0, le=2_000)] = 100,
    level: Annotated[float, Field(gt=0, le=0.2)] = 0.05,
    smallest: Annotated[float, Field(ge=0, le=2)] = 0.2,
    columns: Columns = "",
    max_quarantined: Quarantined = 0.05,
) -> Path:
    """Are there hidden patterns in the runners of this marathon?

    The answer serves whoever has to decide which of the many differences in a table are worth following up. It is good
    when at most 5 % of shuffled copies of the runners, in which there is nothing to be found, lead to any finding.

    Args:
        source: sample, public (37,250 runners with planted patterns), or a CSV file or https address of your own
        shuffles: shuffled copies on which false findings are counted; 0 counts none
        level: chance of any false finding among all comparisons together
        smallest: effect that is worth a finding, in standard deviations (Cohen's d)
    """
    # Data understanding
    data = read_marathon(source, columns)
    checked = check(data, runners_contract(max_quarantined))

    # Data preparation
    runners = measure_runners(checked.frame)

    # Modelling: nothing is predicted, so there is no model and no champion

    # Evaluation: the search, and how often it finds something where there is nothing
    patterns = find_patterns(runners, level, smallest)
    false = search_shuffled(runners, level, smallest, shuffles)

    # Deployment
    findings = describe_marathon(
        data.where, runners, patterns.tests, patterns.known, patterns.comparisons, false, level, smallest
    )
    return publish(findings, tables={"tests": patterns.tests, "known": patterns.known})


if __name__ == "__main__":
    main(marathon)
