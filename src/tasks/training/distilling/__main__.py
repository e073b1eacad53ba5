"""Teach the small network that comes with the package; what it needs is pictures, the large network, and a night.

    CASEBOOK_MIRROR=../shared/models python -m tasks.training.distilling ../shared/data/caltech101/images.zip \
        --also ../shared/data/masks/images.zip:1500 ../shared/data/cifar10/train.zip:20000

Eight views of each picture are shown to the large network, once; the small one is taught what it says of them, without
a label. With `KERAS_BACKEND=jax` it learns on a GPU, in minutes, and the same command without it, which finds the
training done, writes the files: only TensorFlow can. Every fifth picture and every twelfth class is kept
apart, so that `benchmarks/own_embedding.py` can ask for what was never seen. An interrupted training goes on at its
last whole pass. It ends with own.tflite and own.json.
"""

import argparse
import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.platform.settings import settings
from tasks.training.distilling.views import Shown, Views, list_pictures, make_views


def main() -> None:
    """Teach the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="folder or archive of pictures")
    parser.add_argument(
        "--also", nargs="*", default=[], help="further collections, as path:most, one view of each picture"
    )
    parser.add_argument("--views", type=int, default=8, help="of each picture of the source (default: 8)")
    parser.add_argument("--passes", type=int, default=12, help="over all views (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="of views, weights and order (default: 0)")
    parser.add_argument("--work", type=Path, help="folder for views and checkpoints (default: in CASEBOOK_HOME)")
    parser.add_argument("--output", type=Path, default=Path("own"), help="folder for own.tflite and own.json")
    chosen = parser.parse_args()
    shown = list_pictures(chosen.source, chosen.views)
    for also in chosen.also:
        path, _, most = also.rpartition(":")
        shown += list_pictures(path, 1, int(most))
    work = chosen.work or settings().home / "distilling"
    teach(shown, make_views(shown, work, chosen.seed), chosen.passes, chosen.seed, work, chosen.output)


def teach(shown: list[Shown], views: Views, passes: int, seed: int, work: Path, output: Path) -> None:
    """Train on the views, and write the network with 8-bit weights and a record of how it was made."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from tasks.features.pictures.own import SIDE, VERSION
    from tasks.training.distilling.loop import train
    from tasks.training.distilling.network import Teacher
    from tasks.training.networks.litert import convert

    clock = time.process_time()
    targets = Teacher(views.features).targets(views.features)
    pictures = np.stack([smaller(view, SIDE) for view in views.pictures])
    model = train(pictures, targets, passes, work / "run", seed)
    if keras.backend.backend() != "tensorflow":
        print("The training is done; the same command without KERAS_BACKEND writes own.tflite and own.json.")
        return
    content = convert(model, pictures)
    output.mkdir(parents=True, exist_ok=True)
    (output / "own.tflite").write_bytes(content)
    counts: dict[str, int] = {}
    for picture in shown:
        name = "/".join(Path(picture.source).parts[-2:])
        counts[name] = counts.get(name, 0) + 1
    record = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "parameters": model.count_params(),
        "pictures": counts,
        "views": len(pictures),
        "passes": passes,
        "seed": seed,
        "preparation": VERSION,
        "processor_minutes": round((time.process_time() - clock) / 60),
    }
    (output / "own.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps(record))


def smaller(view: np.ndarray, side: int) -> np.ndarray:
    """Return a stored view in the size that is trained on, uint8 (side, side, 3)."""
    return np.asarray(Image.fromarray(view).resize((side, side), Image.Resampling.BOX))


if __name__ == "__main__":
    main()
