"""Can this table be learned from? The stage that holds any table against its contract."""

from pathlib import Path
from typing import Annotated, NamedTuple

import pandas as pd

from tasks.ingestion.files import Data
from tasks.platform.run import current_run
from tasks.platform.stage import Unkeyed, stage
from tasks.platform.store import Stored
from tasks.validation.contract import Checked, Contract, ContractReport, check_table, enforce

REMEDY = "mend the data at their source, and run again"


class Held(NamedTuple):
    """A table that was held against its contract, for the report of the run."""

    contract: Contract | None  # None where an engine has counted the breaks
    report: Stored
    quarantine: Stored | None


@stage(phase="Data understanding")
def validate_table(frame: pd.DataFrame, contract: Contract, unreadable: pd.DataFrame | None = None) -> Checked:
    """Hold a table against its contract; nothing is raised for bad data.

    Args:
        frame: the table, (n, columns).
        contract: what it promises.
        unreadable: the rows that the reader has put aside, which count as quarantined; None for none.

    Returns:
        The rows that stay, numbered anew; those in quarantine, under their index label of before, with a column
        `broken_rules`; and how each rule fared.
    """
    checked = check_table(frame, contract, unreadable)
    return checked._replace(frame=checked.frame.reset_index(drop=True))


def check(data: Data | Stored, contract: Contract, remedy: str = REMEDY) -> Stored:
    """Hold what was read against its contract; stop when a critical rule is broken.

    The report of the run shows how each rule fared and what is in quarantine, also that of a run that is stopped here.
    Great Expectations' Data Docs are written where the run is asked for them.

    Args:
        data: what was read, with what could not be; or a table.
        contract: what it promises.
        remedy: what to do when it is broken, the end of the error's sentence.

    Returns:
        The parts `frame` (the rows that stay, numbered anew), `quarantine` and `report`.

    Raises:
        ContractError: a critical rule is broken; with the rule, the first rows that break it, and what to do.
    """
    frame, unreadable = (data.frame, data.quarantine) if isinstance(data, Data) else (data, None)
    checked = validate_table(frame, contract, unreadable)
    if run := current_run():
        run.checked.append(Held(contract, checked.report, checked.quarantine))
        if run.data_docs:
            name = "data docs" if "data docs" not in run.links else f"data docs {len(run.links) + 1}"
            run.links[name] = publish_table_docs(frame, contract, name.replace(" ", "_")).load(str)
    enforce(checked.report.load(ContractReport), remedy)
    return checked


def check_counted(report: Stored, remedy: str = REMEDY) -> Stored:
    """Judge rules whose breaks were counted where the rows lie, as `check` judges a table.

    Args:
        report: a `ContractReport`, such as a stage makes of the counts of an engine.
        remedy: what to do when a critical rule is broken, the end of the error's sentence.

    Returns:
        The report.

    Raises:
        ContractError: a critical rule is broken.
    """
    if run := current_run():
        run.checked.append(Held(None, report, None))
    enforce(report.load(ContractReport), remedy)
    return report


@stage(phase="Data understanding", live=True)
def publish_table_docs(frame: pd.DataFrame, contract: Contract, name: Annotated[str, Unkeyed] = "data_docs") -> str:
    """Write Great Expectations' Data Docs into the folder of the run; return their first page, relative to it."""
    from tasks.validation.data_docs import write_data_docs

    run = current_run()
    if run is None:
        raise RuntimeError("publish_table_docs belongs into a flow made with @case")
    page: Path = write_data_docs(frame, contract, run.folder / name)
    return page.relative_to(run.folder).as_posix()
