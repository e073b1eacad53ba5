"""Where do millions of cleaned payments lie between two stages? In Parquet files that are read a part at a time."""

import json
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tasks.platform.errors import IntegrityError
from tasks.platform.settings import settings

if TYPE_CHECKING:
    import pyarrow.dataset as ds

BUCKETS = 64  # parts that the vendors are dealt into, so that all payments of a vendor can be read without the rest
NAMES = ("department", "vendor", "name", "account")


class Ledger:
    """Cleaned payments on disk: `quarter` (year * 4 + 0 to 3), the four names, `cents`, and the vendor's `bucket`.

    A ledger in the making lies in a scratch folder, which `save` hands over to the store: rows are written once.
    """

    def __init__(self, folder: Path, rows: int, is_scratch: bool = False) -> None:
        self.folder = folder
        self.rows = rows
        self._scratch = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True) if is_scratch else None

    @classmethod
    def scratch(cls) -> "Ledger":
        """Return an empty ledger in a scratch folder, which goes when the ledger goes."""
        base = settings().home / "scratch"
        base.mkdir(parents=True, exist_ok=True)
        return cls(Path(tempfile.mkdtemp(dir=base, prefix="ledger-")), 0, is_scratch=True)

    def save(self, folder: Path) -> None:
        """Move the files of a new ledger, or copy those of one that is stored, to `folder`."""
        for file in sorted(self.folder.glob("*.parquet")):
            target = folder / file.name
            if self._scratch:
                shutil.move(file, target)
            else:
                shutil.copyfile(file, target)
        (folder / "ledger.json").write_text(json.dumps({"rows": self.rows}))
        self.folder, self._scratch = folder, None

    @classmethod
    def load(cls, folder: Path) -> "Ledger":
        """Open a stored ledger; nothing but the number of its rows is read.

        Raises:
            IntegrityError: the folder is no ledger.
        """
        try:
            return cls(folder, int(json.loads((folder / "ledger.json").read_text())["rows"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{folder.name} is no ledger of payments ({error}); run again to make it.") from error

    def dataset(self) -> "ds.Dataset":
        """Return the rows as an Arrow dataset; names come as dictionaries."""
        import pyarrow.dataset as ds

        options = ds.ParquetReadOptions(dictionary_columns=set(NAMES))
        return ds.dataset(
            [str(file) for file in sorted(self.folder.glob("*.parquet"))],
            format=ds.ParquetFileFormat(read_options=options),
        )

    def rows_of(self, columns: Sequence[str], low: int = 0, high: int = BUCKETS) -> pd.DataFrame:
        """Return `columns` of the vendors in the buckets from `low` to below `high`; names as categories."""
        import pyarrow.dataset as ds

        chosen = None if (low, high) == (0, BUCKETS) else (ds.field("bucket") >= low) & (ds.field("bucket") < high)
        table = self.dataset().to_table(columns=list(columns), filter=chosen)
        return table.unify_dictionaries().to_pandas(split_blocks=True, self_destruct=True)
