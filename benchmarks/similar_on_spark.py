"""Similar pictures on a cluster of one master and two workers, one of which is killed: are the neighbours the same?

    python benchmarks/similar_on_spark.py --source ../shared/data/caltech101/images.zip --mirror ../shared/models

The collection is read, embedded and indexed once on this machine with one thread, and once on a standalone cluster of
two workers with a core each. While the workers embed, one is killed (SIGKILL, with its executor), and another joins.
Then some of the pictures are looked up in both. Pictures a second of a core are those of wall clock over the cores that
the engine had; the machine's other work counts against both. The last line is a JSON record.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cluster import Killer
from tasks.platform.cluster import LocalCluster
from tasks.platform.settings import python_path, settings

QUERIES, K = 100, 12


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="folder or archive of pictures")
    parser.add_argument("--mirror", help="folder with the weights of MobileNetV2 (CASEBOOK_MIRROR)")
    parser.add_argument("--model", default="auto", help="embedder (default: auto)")
    parser.add_argument("--limit", type=int, default=0, help="this many pictures, spread over the collection; 0: all")
    parser.add_argument("--per-shard", type=int, default=2000, help="vectors of a shard (default: 2000)")
    return parser.parse_args()


def here(chosen: argparse.Namespace) -> tuple[pd.DataFrame, Any, np.ndarray, dict[str, float]]:
    """Return manifest, choice and whitened vectors on this machine with one thread, and the seconds."""
    from tasks.features.pictures.embedders import choose_embedder, load_embedder
    from tasks.features.pictures.embedding import embed_pictures
    from tasks.features.whitening import apply_whitening, fit_whitening
    from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures

    start = time.perf_counter()
    manifest = read_pictures.fn(scan_pictures.fn(chosen.source), chosen.source, limit=chosen.limit or None).manifest
    seconds = {"read": time.perf_counter() - start}
    choice = choose_embedder.fn(chosen.model)
    load_embedder(choice)
    start = time.perf_counter()
    raw = embed_pictures.fn(manifest, choice, chosen.source)
    seconds["embed"] = time.perf_counter() - start
    return manifest, choice, apply_whitening.fn(raw, fit_whitening.fn(raw)), seconds


def there(chosen: argparse.Namespace, choice: Any, cluster: LocalCluster) -> tuple[pd.DataFrame, Any, dict[str, Any]]:
    """Return manifest and index made by the workers, one of which dies while they embed, and the seconds."""
    from tasks.features.pictures.on_spark import embed_on_spark, whiten_by_sample
    from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
    from tasks.platform.spark import local_path, spark_session
    from tasks.training.nearest.on_spark import build_shards

    listing = scan_pictures.fn(chosen.source)
    spark_session().range(2, numPartitions=2).count()  # the executors are there
    start = time.perf_counter()
    limit = chosen.limit or None
    manifest = read_pictures.fn(listing, chosen.source, limit=limit, engine="spark").manifest
    seconds: dict[str, Any] = {"read": time.perf_counter() - start}
    killer = Killer(cluster)
    killer.start()
    start = time.perf_counter()
    folder = settings().home.absolute() / "embedded"
    embed_on_spark.fn(manifest, choice, chosen.source).write.mode("overwrite").parquet(local_path(folder))
    seconds["embed"] = time.perf_counter() - start
    killer.end.set()
    killer.join()
    seconds["killed"] = killer.killed
    if killer.killed:
        cluster.add_worker()
        cluster.wait()
    embedded = spark_session().read.parquet(local_path(folder, pattern=True))
    start = time.perf_counter()
    index = build_shards.fn(embedded, whiten_by_sample.fn(embedded), chosen.per_shard)
    seconds["index"] = time.perf_counter() - start
    return manifest, index, seconds


def main() -> None:
    """Do it on both, and compare."""
    from tasks.training.nearest.hashing import HashIndex
    from tasks.training.nearest.on_spark import scan_on_spark

    chosen = options()
    os.environ["PYTHONPATH"] = python_path()  # of the workers too
    os.environ |= {"CASEBOOK_THREADS": "1", "CASEBOOK_SPARK_MEMORY": "900m"}
    if chosen.mirror:
        os.environ["CASEBOOK_MIRROR"] = str(Path(chosen.mirror).absolute())
    chosen.source = str(Path(chosen.source).absolute())
    with tempfile.TemporaryDirectory() as home:
        os.environ["CASEBOOK_HOME"] = home
        settings.cache_clear()
        manifest, choice, vectors, alone = here(chosen)
        queries = np.asarray(vectors[np.linspace(0, len(vectors) - 1, QUERIES).astype(int)])
        expected = HashIndex(vectors).search(queries, K)
        with LocalCluster(workers=2, cores=1, memory="1200m") as cluster:
            os.environ["CASEBOOK_SPARK_MASTER"] = cluster.url
            settings.cache_clear()
            from tasks.platform.spark import spark_closed_at_the_end

            with spark_closed_at_the_end():
                theirs, index, together = there(chosen, choice, cluster)
                index.scan = scan_on_spark
                start = time.perf_counter()
                found = index.search(queries, K)
                together["search"] = time.perf_counter() - start
        same = found.ids == expected.ids
        record = {
            "pictures": len(manifest),
            "embedder": choice.name,
            "manifest_equal": bool(theirs.equals(manifest)),
            "worker_killed": together["killed"],
            "shards": len(index.shards),
            "neighbours_equal": f"{int(same.sum())} of {same.size}",
            "pictures_a_second_a_core": {
                "one machine": round(len(manifest) / alone["embed"], 1),
                "cluster": round(len(manifest) / together["embed"] / 2, 1),
            },
            "seconds": {"one machine": rounded(alone), "cluster": rounded(together)},
        }
        print(json.dumps(record))


def rounded(seconds: dict[str, Any]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in seconds.items() if name != "killed"}


if __name__ == "__main__":
    main()
