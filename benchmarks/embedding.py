"""How quickly are pictures turned into vectors, and how good are these? Precision@1 and @5, leave-one-out.

    python benchmarks/embedding.py --source ../shared/data/caltech101/images.zip --mirror ../shared/models

Everything from the archive to the vector is timed: reading, decoding, embedding. The precision is that of the whitened
vectors, each picture in turn being the query; near-duplicates stay in. The second table shows what each step of the
preparation is worth.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

DIMENSIONS = 256
BLOCK = 1024


def precision(vectors: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return precision@1 and precision@5, leave-one-out, of rows of length 1 (n, d) by cosine similarity."""
    rows = np.asarray(vectors, np.float32)
    first, five = 0.0, 0.0
    for start in range(0, len(rows), BLOCK):
        likeness = rows[start : start + BLOCK] @ rows.T
        own = np.arange(len(likeness))
        likeness[own, start + own] = -np.inf
        near = np.argpartition(-likeness, 5, axis=1)[:, :5]
        order = np.argsort(-np.take_along_axis(likeness, near, axis=1), axis=1, kind="stable")
        right = labels[np.take_along_axis(near, order, axis=1)] == labels[start : start + BLOCK, None]
        first, five = first + right[:, 0].sum(), five + right.mean(axis=1).sum()
    return first / len(rows), five / len(rows)


def read_manifest(source: str, exclude: list[str], merge: list[str]) -> pd.DataFrame:
    from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures

    return read_pictures.fn(scan_pictures.fn(source), source, "auto", exclude, merge, None).manifest


def measure(manifest: pd.DataFrame, source: str, model: str) -> tuple[str, np.ndarray, float, float]:
    """Return the embedder's name, the raw vectors, and the seconds of wall clock and of processor that they took."""
    from tasks.features.pictures.embedders import choose_embedder, load_embedder
    from tasks.features.pictures.embedding import embed_pictures

    choice = choose_embedder.fn(model)
    load_embedder(choice)
    wall, processor = time.perf_counter(), time.process_time()
    raw = embed_pictures.fn(manifest, choice, source)
    return choice.name, raw, time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="sample", help="folder or archive of pictures with a folder for each label")
    parser.add_argument("--mirror", help="folder with the weights of MobileNetV2 (CASEBOOK_MIRROR)")
    parser.add_argument("--exclude", nargs="*", default=None, help="labels to leave out (Caltech's clutter)")
    parser.add_argument("--merge", nargs="*", default=None, help="labels to put together (Caltech's faces)")
    parser.add_argument("--models", nargs="*", default=["auto", "handcrafted"])
    arguments = parser.parse_args()
    own = arguments.source == "sample"
    if own:
        from tasks.cases.similarity.sample import sample_folder

        arguments.source = str(sample_folder() / "collection")
    if arguments.exclude is None:
        arguments.exclude = [] if own else ["BACKGROUND_*"]
    if arguments.merge is None:
        arguments.merge = [] if own else ["Faces=Faces,Faces_easy"]
    if arguments.mirror:
        os.environ["CASEBOOK_MIRROR"] = arguments.mirror
    with tempfile.TemporaryDirectory() as home:  # an empty home: nothing is remembered from an earlier run
        os.environ["CASEBOOK_HOME"] = home
        report(arguments)


def report(arguments: argparse.Namespace) -> None:
    from tasks.features.whitening import STRENGTH, apply_whitening, fit_whitening
    from tasks.platform.settings import settings

    start = time.perf_counter()
    manifest = read_manifest(arguments.source, arguments.exclude, arguments.merge)
    labels = manifest["label"].to_numpy(str)
    seconds = time.perf_counter() - start
    print(f"{len(manifest):,} pictures, {len(set(labels))} labels, {settings().threads} threads; ", end="")
    print(f"manifest in {seconds:.1f} s\n")
    raws = {}
    print("| embedder | features | pictures/s, archive to vector | processor ms/picture | precision@1 | precision@5 |")
    print("|---|---|---|---|---|---|")
    for model in arguments.models:
        name, raw, wall, processor = measure(manifest, arguments.source, model)
        raws[name] = raw
        at1, at5 = precision(apply_whitening.fn(raw, fit_whitening.fn(raw, DIMENSIONS)), labels)
        rate, cost = len(manifest) / wall, 1000 * processor / len(manifest)
        print(f"| {name} | {raw.shape[1]:,} | {rate:.0f} | {cost:.1f} | {at1:.4f} | {at5:.4f} |", flush=True)
    print(f"\n| embedder | {DIMENSIONS} dimensions | precision@1 | precision@5 |\n|---|---|---|---|")
    for name, raw in raws.items():
        for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
            at1, at5 = precision(apply_whitening.fn(raw, fit_whitening.fn(raw, DIMENSIONS, strength)), labels)
            what = f"whitened, strength {strength}" + (" (default)" if strength == STRENGTH else "")
            print(f"| {name} | {what if strength else 'rotated only'} | {at1:.4f} | {at5:.4f} |", flush=True)


if __name__ == "__main__":
    main()
