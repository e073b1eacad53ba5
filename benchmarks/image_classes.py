"""How much accuracy does how much training buy? The networks of the image classes, on CIFAR-10 or any other pictures.

    python benchmarks/image_classes.py speed                                # pictures a second on this machine
    python benchmarks/image_classes.py pack TRAIN.zip TEST.zip cifar.npz    # folders per class, as one file
    KERAS_BACKEND=jax python benchmarks/image_classes.py sweep cifar.npz 2 4 10:512 11:1024:1:0

`sweep` trains each run (epochs:batch:factor on the rate:pictures kept aside:network) and prints its accuracy on the
test pictures, with and without test-time augmentation, and on 5,000 training pictures kept aside (0 learns from
all). It needs Keras and one
of its backends, not the whole of Casebook, so that it also runs where a GPU is. The packed file holds the JPEG files as
they are, their common beginning once; no pickle.
"""

import argparse
import io
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

ASIDE = 5_000


def pack(train: Path, test: Path, target: Path) -> None:
    """Write the JPEG files of two zips of class folders into one .npz."""
    parts: dict[str, np.ndarray] = {}
    for name, path in (("train", train), ("test", test)):
        with zipfile.ZipFile(path) as archive:
            files = sorted(item for item in archive.namelist() if item.lower().endswith((".jpg", ".jpeg")))
            classes = sorted({file.split("/")[-2] for file in files})
            contents = [archive.read(file) for file in files]
        first, last = min(contents), max(contents)
        shared = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        parts[f"{name}_start"] = np.frombuffer(first[:shared], np.uint8)
        parts[f"{name}_bodies"] = np.frombuffer(b"".join(content[shared:] for content in contents), np.uint8)
        parts[f"{name}_ends"] = np.cumsum([len(content) - shared for content in contents])
        parts[f"{name}_labels"] = np.array([classes.index(file.split("/")[-2]) for file in files])
    np.savez(target, **parts)  # type: ignore[arg-type]
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def unpack(file: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures, uint8 (n, side, side, 3), and labels."""
    from PIL import Image

    with np.load(file, allow_pickle=False) as stored:
        start, bodies = stored[f"{name}_start"].tobytes(), stored[f"{name}_bodies"].tobytes()
        ends, labels = stored[f"{name}_ends"], stored[f"{name}_labels"]

    def picture(number: int) -> np.ndarray:
        body = bodies[ends[number - 1] if number else 0 : ends[number]]
        return np.asarray(Image.open(io.BytesIO(start + body), formats=["JPEG"]).convert("RGB"))

    with ThreadPoolExecutor(8) as pool:
        return np.stack(list(pool.map(picture, range(len(ends))))), labels


class Run(NamedTuple):
    """One training: epochs[:batch[:factor on the rate[:pictures kept aside[:network]]]]; 0 takes the default."""

    epochs: float
    batch: int = 0
    rate: float = 1.0
    aside: int = ASIDE
    network: str = "airbench"


def run_of(text: str) -> Run:
    from tasks.training.networks.plan import ARCHITECTURES

    kinds = (float, int, float, int, str)
    run = Run(*(kind(part) for kind, part in zip(kinds, text.split(":"), strict=False)))
    if run.network not in ARCHITECTURES:
        raise argparse.ArgumentTypeError(f"networks are {', '.join(ARCHITECTURES)}")
    return run


def sweep(arguments: argparse.Namespace) -> None:
    """Train each run and print a row for each."""
    import keras

    from tasks.training.networks import plan as plans
    from tasks.training.networks.devices import device, low_precision
    from tasks.training.networks.loop import predict, predict_views, train

    pictures, labels = unpack(arguments.file, "train")
    test, truth = unpack(arguments.file, "test")
    order, usual = np.random.default_rng(0).permutation(len(labels)), dict(plans.RECIPES)
    precision = arguments.precision or low_precision() or "float32"
    print(f"{keras.backend.backend()} on {device()}, {precision}", flush=True)
    heads = ("network", "pictures", "epochs", "batch", "rate", "seconds", "pictures/s", "aside", "test", "test, views")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for run in arguments.runs:
        aside, kept = np.sort(order[: run.aside]), np.sort(order[run.aside :])
        recipe = usual[run.network]  # type: ignore[index]
        rates = {"rate": recipe.rate * run.rate, "kernel_rate": recipe.kernel_rate * run.rate}
        plans.RECIPES[run.network] = recipe.model_copy(update=rates)  # type: ignore[index]
        plan = plans.make_plan(
            run.network, pictures.shape[1], 10, len(kept), run.epochs, precision, True, arguments.seed
        )  # type: ignore[arg-type]
        if run.batch:
            steps = max(1, round(run.epochs * (len(kept) // run.batch)))
            plan = plan.model_copy(update={"batch": run.batch, "steps": steps})
        clock = time.perf_counter()
        model = train(pictures[kept], labels[kept], plan).model
        seconds = time.perf_counter() - clock
        scores = [
            (predict(model, pictures[aside]).argmax(axis=1) == labels[aside]).mean() if len(aside) else np.nan,
            (predict(model, test).argmax(axis=1) == truth).mean(),
            (predict_views(model, test, True).argmax(axis=1) == truth).mean(),
        ]
        cells = [
            run.network,
            f"{len(kept):,}",
            f"{run.epochs:g}",
            plan.batch,
            f"{run.rate:g}",
            f"{seconds:.1f}",
            f"{plan.steps * plan.batch / seconds:,.0f}",
            *(f"{score:.4f}" for score in scores),
        ]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def speed(arguments: argparse.Namespace) -> None:
    """Print how many pictures of 32 x 32 this machine trains on a second."""
    from tasks.training.networks.devices import measure_speed
    from tasks.training.networks.plan import ARCHITECTURES, make_plan

    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 255, (1024, 32, 32, 3), dtype=np.uint8), np.arange(1024) % 10
    for architecture in ARCHITECTURES:
        print(measure_speed(make_plan(architecture, 32, 10, 50_000, 4.0), pictures, labels), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packed = commands.add_parser("pack")
    for name in ("train", "test", "target"):
        packed.add_argument(name, type=Path)
    swept = commands.add_parser("sweep")
    swept.add_argument("file", type=Path)
    swept.add_argument("runs", type=run_of, nargs="+")
    swept.add_argument("--precision", default="")
    swept.add_argument("--seed", type=int, default=0)
    commands.add_parser("speed")
    arguments = parser.parse_args()
    if arguments.command == "pack":
        pack(arguments.train, arguments.test, arguments.target)
    else:
        {"sweep": sweep, "speed": speed}[arguments.command](arguments)


if __name__ == "__main__":
    main()
