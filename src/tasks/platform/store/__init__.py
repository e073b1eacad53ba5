"""The store: every result of a stage, once, by the digest of its content, with its pedigree.

Layout below the store's folder or URL:

    objects/<aa>/<digest><suffix>   what stages returned, in open formats
    records/<key>                   Prefect's result records: which stage key gave which object (JSON)
    pedigree/<digest>/<key>.json    which stage made the object, from what, with which parameters, when
    memo/<name>/                    row-wise checkpoints, see tasks.platform.memo
    champions/                      who the champions are, see tasks.publishing.champions

Writes are atomic. A damaged, exchanged or missing object is noticed before it is used, and the stage that made it runs
again. `python -m tasks.platform.store` shows what takes the space, verifies and prunes.
"""

from tasks.platform.digests import digest_file, digest_path
from tasks.platform.store.results import Store, Stored, store

__all__ = ["Store", "Stored", "digest_file", "digest_path", "store"]
