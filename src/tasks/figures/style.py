"""What does every figure of Casebook look like? One style, one palette, one way to SVG.

Figures are made with `matplotlib.figure.Figure`, without pyplot and its global list of figures. The colours are those
of Okabe and Ito (jfly.uni-koeln.de/color, 2008): told apart by colour-blind readers, and in grey by the marker shapes.
Text stays text in the SVG: it is set in the reader's own font, can be searched, and is small. Matplotlib measures it
in DejaVu Sans, which is wider than the usual fonts, so labels that do not overlap here do not overlap there.
"""

import functools
import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tasks.platform.text import printable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.3  # inches: text is not larger than the page's on a screen, and on a phone (382 of 509 pixels) still legible
TITLE_SIZE = 10.5
SMALLEST = 9.0  # points of any text: 9 pixels on a phone, where a figure is as wide as the screen
LONGEST_TEXT = 400  # characters of one text on a figure

P = ParamSpec("P")
R = TypeVar("R")

INK, MUTED, GRID, SOFT, PAPER = "#1f2328", "#5c6670", "#dfe3e6", "#aeb7bf", "#ffffff"
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"

CATEGORICAL = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "D", "s", "^", "v", "P")

# What a page with a dark background puts in the place of each colour.
DARK = {
    INK: "#e6e8ea",
    MUTED: "#a3abb3",
    GRID: "#2f363c",
    SOFT: "#5b656e",
    PAPER: "#15181b",
    BLUE: "#4ea9e0",
    ORANGE: "#efb23f",
    GREEN: "#2cc296",
    VERMILLION: "#ff8b4d",
    PURPLE: "#e09ac2",
    SKY: "#8accf3",
}

SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a label with two dollar signs is a label, not a formula
    "axes.unicode_minus": True,
    "axes.labelsize": 9.0,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "casebook",
}


_FORMULA = re.compile(r"\$\\mathdefault\{(-?)(?:([\d.]+)\\times\s*)?(\d+)\^\{(-?\d+)\}\}\$")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _plain(formula: re.Match[str]) -> str:
    """Return the label of a logarithmic axis, which matplotlib writes as a formula, as a reader writes it."""
    sign, factor, base, power = formula.groups()
    if base == "10" and -4 <= int(power) <= 6:
        return f"{sign}{float(factor or 1) * 10.0 ** int(power):,.10g}".replace("-", "\u2212")
    return f"{sign}{factor + ' × ' if factor else ''}{base}{power.translate(_RAISED)}".replace("-", "\u2212")


def shown(text: Any) -> Any:
    """Return what a figure shows for `text`: all of it visible, and the middle of what is endless cut out."""
    if not isinstance(text, str):
        return text
    text = _FORMULA.sub(_plain, text)
    return printable(text) if len(text) <= LONGEST_TEXT else shorten(text, LONGEST_TEXT)


@contextmanager
def _texts_shown() -> Iterator[None]:
    """Let every text that a figure is given (titles, labels, ticks, legends) pass `shown`: there is no other way in."""
    from matplotlib.text import Text

    given = Text.set_text
    Text.set_text = lambda self, s: given(self, shown(s))  # type: ignore[method-assign]
    try:
        yield
    finally:
        Text.set_text = given  # type: ignore[method-assign]


_lock = threading.RLock()  # matplotlib's settings and Python's warning filters belong to the whole process


@contextmanager
def casebook_style() -> Iterator[None]:
    """Make what is drawn inside this context look like Casebook; one thread at a time."""
    import matplotlib

    with _lock, matplotlib.rc_context(SETTINGS), _texts_shown(), warnings.catch_warnings():
        # Letters that DejaVu Sans lacks (emoji, Chinese) are only measured in it; the reader's font draws them.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that draws: it draws in Casebook's style."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with casebook_style():
            return function(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    """Return an empty figure of `width` by `height` inches and its one axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def _lines(words: list[str], width: float, measure: Callable[[str], float]) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if not lines[-1] or measure(longer) <= width else [*lines, word]
    return lines


def _wrapped(figure: "Figure", text: str, size: float, weight: str = "bold") -> list[str]:
    """Break `text` into lines no wider than the figure, and of about the same length."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.font_manager import FontProperties

    renderer = FigureCanvasAgg(figure).get_renderer()
    font = FontProperties(family=SETTINGS["font.family"], weight=weight, size=size)
    words = text.split(" ")  # not at the narrow space before a percent sign

    def measure(line: str) -> float:
        return float(renderer.get_text_width_height_descent(line, font, False)[0])

    least = len(_lines(words, figure.bbox.width, measure))
    for share in (0.55, 0.65, 0.75, 0.85):
        if len(lines := _lines(words, figure.bbox.width * share, measure)) == least:
            return lines
    return _lines(words, figure.bbox.width, measure)


def set_title(axes: "Axes", finding: str, detail: str = "") -> None:
    """Put the finding above the axes as a bold headline, and what it rests on below it in a muted line.

    Both start at the figure's left edge. The figure grows by the room that they take.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    lines = _wrapped(figure, shown(finding), TITLE_SIZE)
    under = _wrapped(figure, shown(detail), SMALLEST, "normal") if detail else []
    room = len(lines) * TITLE_SIZE * 1.35 + 14 * len(under) + 7
    width, height = figure.get_size_inches()
    points = height * 72 + room
    figure.set_size_inches(width, points / 72)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, 0, 1, 1 - room / points))  # type: ignore[call-arg]
    for number, line in enumerate(lines):
        figure.text(
            0,
            1 - (1 + number * TITLE_SIZE * 1.35) / points,
            line,
            va="top",
            fontsize=TITLE_SIZE,
            fontweight="bold",
            color=INK,
        )
    for number, line in enumerate(under):
        top = len(lines) * TITLE_SIZE * 1.35 + 2 + 14 * number
        figure.text(0, 1 - top / points, line, va="top", fontsize=SMALLEST, color=MUTED)


def percent(share: float, decimals: int = 0) -> str:
    """Return a share as a reader sees it: 93 %; what is not quite all is never shown as all."""
    text = f"{share:.{decimals}%}"
    if share < 1 and text.startswith("100"):
        text = f"{100 - 10 ** -max(1, decimals):.{max(1, decimals)}f}%"
    return text.replace("%", "\u202f%")


def settled(axes: "Axes") -> "Figure":
    """Return the figure of `axes` once its layout has found every place, so that positions can be measured."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    figure.draw_without_rendering()
    return figure


def empty(axes: "Axes", message: str) -> None:
    """Say in the middle of the axes why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def _keep_inside(figure: "Figure") -> None:
    """Lay the figure out, once, and move the labels of x axes inside that reach beyond its edge."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what is found holds: saving would look for it anew
    for axes in figure.axes:
        label = axes.xaxis.label
        box = label.get_window_extent()
        over = max(0.0, box.x1 - figure.bbox.x1) - max(0.0, -box.x0)
        if label.get_visible() and label.get_text() and over and axes.bbox.width:
            label.set_x(label.get_position()[0] - over / axes.bbox.width)


_HALO = re.compile(r'(<g id="halo[^"]*">\s*<text style=")')
_HALO_STYLE = rf"\1paint-order: stroke; stroke: {PAPER}; stroke-width: 3px; stroke-linejoin: round; "


def figure_to_svg(figure: "Figure", dots_per_inch: int = 150) -> str:
    """Return `figure` as SVG: the same bytes for the same figure on every run (no date, fixed ids).

    Text whose gid starts with `halo` gets an outline in the colour of the paper. What is rasterised in the figure has
    `dots_per_inch`.
    """
    from matplotlib.text import Text

    buffer = io.StringIO()
    with casebook_style():
        for text in figure.findobj(Text):  # what was written outside the style
            text.set_text(text.get_text())
            text.set_fontsize(max(text.get_fontsize(), SMALLEST))
        _keep_inside(figure)
        figure.savefig(buffer, format="svg", dpi=dots_per_inch, metadata={"Date": None, "Creator": None})
    return _HALO.sub(_HALO_STYLE, buffer.getvalue())
