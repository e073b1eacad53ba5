"""How good is the small network of our own on pictures that its training never saw? Beside handcrafted and MobileNetV2.

    python benchmarks/own_embedding.py --source ../shared/data/caltech101/images.zip --mirror ../shared/models

The network was taught on part of Caltech-101, without labels; every fifth picture (by its file name) and every twelfth
class were kept apart (`tasks.training.distilling.views.is_apart`). Precision@5 of whitened vectors, leave-one-out: for
all pictures; for the unseen ones as queries among all; for those of them whose class was seen in other pictures; for
the classes never seen; and for the unseen ones among unseen ones alone. Near-duplicates stay in.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.embedding import BLOCK, DIMENSIONS, read_manifest
from tasks.platform.settings import settings


def precision_at_5(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the precision@5 of each row, leave-one-out, of rows of length 1 (n, d) by cosine similarity."""
    rows, scores = np.asarray(vectors, np.float32), []
    for start in range(0, len(rows), BLOCK):
        likeness = rows[start : start + BLOCK] @ rows.T
        own = np.arange(len(likeness))
        likeness[own, start + own] = -np.inf
        near = np.argpartition(-likeness, 5, axis=1)[:, :5]
        scores.append((labels[near] == labels[start : start + BLOCK, None]).mean(axis=1))
    return np.concatenate(scores)


def main() -> None:
    from tasks.features.pictures.embedders import choose_embedder
    from tasks.features.pictures.embedding import embed_pictures
    from tasks.features.whitening import apply_whitening, fit_whitening
    from tasks.training.distilling.views import is_apart, is_class_apart

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="Caltech-101, a folder for each label")
    parser.add_argument("--mirror", help="folder with the weights of MobileNetV2 (CASEBOOK_MIRROR)")
    parser.add_argument("--models", nargs="*", default=["own", "handcrafted", "imagenet"])
    chosen = parser.parse_args()
    if chosen.mirror:
        os.environ["CASEBOOK_MIRROR"] = chosen.mirror
        settings.cache_clear()
    manifest = read_manifest(chosen.source, ["BACKGROUND_*"], ["Faces=Faces,Faces_easy"])
    labels = manifest["label"].to_numpy(str)
    unseen = np.array([is_apart(path) for path in manifest["path"]])
    new = np.array([is_class_apart(path.rpartition("/")[0]) for path in manifest["path"]])
    print(
        f"{len(manifest):,} pictures; {unseen.sum():,} unseen, {new.sum():,} of them of {len(set(labels[new]))} classes"
    )
    print("never seen\n\n| embedder | all | unseen | of known classes | of new classes | unseen alone | pictures/s |")
    print("|---|---|---|---|---|---|---|")
    for model in chosen.models:
        start = time.perf_counter()
        raw = embed_pictures.fn(manifest, choose_embedder.fn(model), chosen.source)
        rate = len(manifest) / (time.perf_counter() - start)
        vectors = apply_whitening.fn(raw, fit_whitening.fn(raw, DIMENSIONS))
        scores = precision_at_5(vectors, labels)
        apart = apply_whitening.fn(raw[unseen], fit_whitening.fn(raw[unseen], DIMENSIONS))
        figures = [scores, scores[unseen], scores[unseen & ~new], scores[new], precision_at_5(apart, labels[unseen])]
        print(f"| {model} | {' | '.join(f'{part.mean():.3f}' for part in figures)} | {rate:.0f} |", flush=True)


if __name__ == "__main__":
    main()
