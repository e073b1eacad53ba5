"""How many cores, how much memory, disk and how many GPUs has a machine of a size? Embedded, or the user's own."""

from pathlib import Path

import pandas as pd

from tasks.cases.cloud_costs.sizes import COLUMNS, KNOWN_SIZES
from tasks.ingestion.csv_text import read_strictly
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage

MOST_BYTES = 16 * 2**20
REMEDY = f"give a CSV with the columns {', '.join(COLUMNS)} (memory and disk in GiB)"


@stage(phase="Data understanding", live=True)
def read_sizes(sizes: str) -> pd.DataFrame:
    """Return what each size has: the embedded table, and a CSV of the user's own, which wins.

    Args:
        sizes: path of the CSV; empty for none.

    Returns:
        `size`, `cores`, `memory` and `disk` (GiB), `gpus`, a row a size.

    Raises:
        UsageError: no such file.
        ContractError: it is not such a table.
    """
    if not sizes:
        return KNOWN_SIZES
    file = Path(sizes).expanduser()
    if not file.is_file():
        raise UsageError(f"{sizes}: no such file; {REMEDY}.")
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{file.name} is larger than {MOST_BYTES // 2**20} MB; {REMEDY}.")
    own = read_strictly(file, file.name, REMEDY, dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in own.columns]:
        raise ContractError(f"{file.name} lacks {', '.join(missing)}; {REMEDY}.")
    own = own[list(COLUMNS)].copy()
    for name in COLUMNS[1:]:
        own[name] = pd.to_numeric(own[name], errors="coerce").astype("float64")
    if own.empty or not own[list(COLUMNS[1:])].ge(0).all().all():
        raise ContractError(f"{file.name} has no rows, or one with a cell that is no number from 0 on; {REMEDY}.")
    return pd.concat([own, KNOWN_SIZES]).drop_duplicates("size", ignore_index=True)
