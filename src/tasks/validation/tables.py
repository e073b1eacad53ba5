"""Can this table be learned from? The stage that holds any table against its contract."""

from pathlib import Path
from typing import Annotated

import pandas as pd

from tasks.platform.run import current_run
from tasks.platform.stage import Unkeyed, stage
from tasks.validation.contract import Checked, Contract, check, enforce


@stage(phase="Data understanding")
def validate_table(
    frame: pd.DataFrame,
    contract: Contract,
    remedy: str = "mend the data at their source, and run again",
    unreadable: pd.DataFrame | None = None,
) -> Checked:
    """Hold a table against its contract; stop when a critical rule is broken.

    Args:
        frame: the table, (n, columns).
        contract: what it promises.
        remedy: what to do when it is broken, the end of the error's sentence.
        unreadable: the rows that the reader has put aside, which count as quarantined; None for none.

    Returns:
        The rows that stay, numbered anew; those in quarantine, under their index label of before, with a column
        `broken_rules`; and how each rule fared.

    Raises:
        ContractError: a critical rule is broken; with the rule, the first rows that break it, and what to do.
    """
    checked = check(frame, contract, 0 if unreadable is None else len(unreadable))
    enforce(checked.report, remedy)
    return checked._replace(frame=checked.frame.reset_index(drop=True))


@stage(phase="Data understanding", live=True)
def publish_table_docs(frame: pd.DataFrame, contract: Contract, name: Annotated[str, Unkeyed] = "data_docs") -> str:
    """Write Great Expectations' Data Docs into the folder of the run; return their first page, relative to it."""
    from tasks.validation.data_docs import write_data_docs

    run = current_run()
    if run is None:
        raise RuntimeError("publish_table_docs belongs into a flow made with @case")
    page: Path = write_data_docs(frame, contract, run.folder / name)
    return page.relative_to(run.folder).as_posix()
