"""Which layer of the house imports which? Drawn from the code: `python docs/draw.py [checkout]` writes docs/house.png.

Each layer stands on the diagonal. From it a line leads right, to the column of every layer that it imports, and down to
that layer; the number at the corner counts the modules that do so. Were an arrow to point up, its corner would lie
below the diagonal, in another colour.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.figures.style import BLUE, INK, MUTED, PAPER, SOFT, VERMILLION, casebook_style

ROOT = Path(__file__).resolve().parents[1]
LAYERS = {
    "flows": "one file per question",
    "cases": "what one case alone needs",
    "publishing": "report, registry, MLflow",
    "evaluation": "metrics, contest, champions",
    "training": "models that cases share",
    "features": "what is learned from",
    "validation": "contracts, quarantine",
    "ingestion": "files, tables, archives",
    "figures": "style and labels",
    "platform": "stage, store, server, Spark",
}


def layer_of(name: str) -> str:
    """Return the layer of a dotted module name; "" for one of another package."""
    parts = name.split(".")
    layer = parts[1] if parts[0] == "tasks" and len(parts) > 1 else parts[0]
    return layer if layer in LAYERS else ""


def imported_layers(file: Path) -> set[str]:
    """Return the layers that a file imports from, at its top or inside a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{item.name}" for item in node.names]
        elif isinstance(node, ast.Import):
            names += [item.name for item in node.names]
    return {layer for name in names if (layer := layer_of(name))}


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the layer and the file of every module of a checkout."""
    for layer in LAYERS:
        folder = root / "flows" if layer == "flows" else root / "src" / "tasks" / layer
        yield from ((layer, file) for file in sorted(folder.rglob("*.py")))


def arrows(root: Path) -> Counter[tuple[str, str]]:
    """Count the modules of each layer that import from each other layer."""
    found = ((layer, other) for layer, file in modules(root) for other in imported_layers(file))
    return Counter(pair for pair in found if pair[0] != pair[1])


def draw(counts: Counter[tuple[str, str]], sizes: Counter[str]) -> Figure:
    """Draw the layers on the diagonal, and an arrow with its number for each pair that has one."""
    names = list(LAYERS)
    figure = Figure(figsize=(11.5, 6.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(-3.2, len(names) - 0.4), ylim=(len(names) - 0.6, -0.5))
    axes.set_axis_off()
    for (start, end), number in counts.items():
        _arrow(axes, names.index(start), names.index(end), number)
    for place, name in enumerate(names):
        axes.text(
            place,
            place,
            name,
            ha="center",
            va="center",
            fontsize=9.5,
            fontweight="bold",
            color=INK,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": PAPER, "edgecolor": INK},
            zorder=4,
        )
        told = f"{LAYERS[name]}, {sizes[name]} files"
        axes.text(place - 0.6, place, told, ha="right", va="center", fontsize=8, color=MUTED)
    return figure


def _arrow(axes: Axes, start: int, end: int, number: int) -> None:
    colour = BLUE if end > start else VERMILLION
    axes.plot([start, end], [start, start], color=SOFT, linewidth=1.0, zorder=1)
    axes.annotate(
        "",
        (end, end - 0.28 if end > start else end + 0.28),
        (end, start),
        zorder=1,
        arrowprops={"arrowstyle": "-|>", "color": SOFT, "linewidth": 1.0, "shrinkA": 0},
    )
    axes.text(
        end,
        start,
        str(number),
        ha="center",
        va="center",
        fontsize=8.5,
        color=PAPER,
        zorder=2,
        bbox={"boxstyle": "circle,pad=0.25", "facecolor": colour, "edgecolor": PAPER},
    )


def main(root: Path = ROOT) -> None:
    """Write the picture, and name what points up."""
    counts = arrows(root)
    names = list(LAYERS)
    for (start, end), number in counts.items():
        if names.index(end) < names.index(start):
            print(f"up: {start} -> {end} ({number} modules)", file=sys.stderr)
    with casebook_style():
        figure = draw(counts, Counter(layer for layer, _ in modules(root)))
        figure.savefig(ROOT / "docs" / "house.png", dpi=110, facecolor=PAPER)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
