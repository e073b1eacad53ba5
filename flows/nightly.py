"""Nightly: all cases, one after the other, each in a process of its own; what failed, and what has drifted."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.cases.nightly.commands import refuse_failed, run_night
from tasks.cases.nightly.plan import deployed_parameters, plan
from tasks.cases.nightly.report import describe_night
from tasks.platform.case import case, main
from tasks.platform.run import the_run
from tasks.publishing.publish import publish


@case
def nightly(cases: list[str] | None = None, minutes: Annotated[float, Field(gt=0, le=1440)] = 240.0) -> Path:
    """Did every case answer last night, and has anything drifted?

    The answer serves whoever looks after the cases: where to look first in the morning. It is good when every case
    answers within the time. The exit status is 1 when one failed; its reason stands in the report.

    Args:
        cases: the cases to run, all of flows/ by default; each with the parameters of its deployment
        minutes: time for all together; what took longer than what is left is left out, and told
    """
    run = the_run()
    output = run.folder.parents[1]

    # Business understanding: the quickest of last time first
    planned = plan(cases, output, deployed_parameters())

    # Deployment: each case a process and a sub-flow run of its own
    outcomes = run_night(planned, minutes, run)

    # Evaluation: against what the nights before foretell
    night = describe_night([outcome.model_dump() for outcome in outcomes], output, minutes)
    report = publish(night.findings, tables={"cases": night.cases, "drift": night.drift})
    refuse_failed(outcomes, report)
    return report


if __name__ == "__main__":
    main(nightly)
