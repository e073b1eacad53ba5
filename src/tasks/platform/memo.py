"""Row-wise checkpoints: what a stage has worked out for single items before, by the key of the item.

A stage over many items (pictures, files, pages) appends a segment for each chunk that it finishes. A later run, or the
next one after a kill -9, reads the segments and works out only what is new. A segment is named by the digest of its
content: a damaged one is noticed when it is read, thrown away, and its items are worked out again.
"""

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.platform.settings import settings
from tasks.platform.storage import Folder

if TYPE_CHECKING:
    import pyarrow as pa


class Memo:
    """Checkpointed rows below `<store>/memo/<name>`, shared by every run that uses the store."""

    def __init__(self, name: str, url: str | None = None) -> None:
        """Open the memo called `name` (put a digest of whatever the rows depend on into it)."""
        self.folder = Folder(f"{url or settings().store_url}/memo/{name}")

    def append(self, rows: "pa.Table") -> None:
        """Write `rows` as one segment, atomically; rows of a key that is known already do no harm."""
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd", use_dictionary=False)  # a dictionary of numbers takes long
        content = buffer.getvalue()
        self.folder.write_bytes(f"{hashlib.sha256(content).hexdigest()}.parquet", content)

    def segments(self) -> Iterator["pa.Table"]:
        """Yield the segments, in the order of their names; a damaged one is removed and left out."""
        import pyarrow.parquet as pq

        self.folder.touch("")  # so that it does not count as forgotten
        for name in sorted(self.folder.names(".parquet")):
            content = self.folder.read_bytes(name, missing_ok=True)
            if content is None:
                continue  # another run has removed it
            if f"{hashlib.sha256(content).hexdigest()}.parquet" != name:
                self.folder.remove(name)
                continue
            yield pq.read_table(io.BytesIO(content))
