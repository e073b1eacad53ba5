"""The common style: the same bytes on every run, in every thread, and no trace left in matplotlib's settings."""

import re
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from tasks.figures.labels import place_labels
from tasks.figures.style import (
    CATEGORICAL,
    DARK,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    SMALLEST,
    WIDTH,
    casebook_style,
    figure_to_svg,
    new_figure,
    percent,
    set_title,
    styled,
)
from tasks.publishing.svg import inline_svg


def draw(title: str = "A finding", detail: str = "") -> str:
    @styled
    def figure():
        made, axes = new_figure(WIDTH, 2)
        axes.plot([1, 2], [3, 4])
        axes.text(1, 3, "halo", gid="halo-1")
        set_title(axes, title, detail)
        return made

    return figure_to_svg(figure())


def test_svg_is_the_same_bytes_every_time() -> None:
    assert draw() == draw()
    assert "<dc:date>" not in draw()


def test_threads_do_not_disturb_each_other() -> None:
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: draw(), range(8)))
    assert set(drawn) == {draw()}


def test_settings_of_matplotlib_are_left_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    draw()
    assert dict(matplotlib.rcParams) == before


def test_text_stays_text_with_a_halo_where_asked() -> None:
    svg = draw()
    assert f"paint-order: stroke; stroke: {PAPER}" in svg
    assert svg.count("paint-order") == 1
    texts = [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "A finding" in texts


@pytest.mark.parametrize("title", ["$\\frac{$", "a_b^c {x} %s", "emoji 🙂 字", "<b> & 'q' \"", ""])
def test_odd_titles_are_drawn_as_they_are(title: str) -> None:
    texts = [node.text or "" for node in ElementTree.fromstring(draw(title)).iter("{http://www.w3.org/2000/svg}text")]
    assert title in texts or not title


def test_long_titles_are_wrapped_and_the_figure_grows() -> None:
    def height(svg: str) -> float:
        return float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[1])  # type: ignore[index]

    words = "a finding that takes many words to tell and so does not fit on a single line of this narrow figure"
    svg = draw(words, "and its detail")
    texts = [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    lines = [text for text in texts if text and text in words]
    assert len(lines) == 2
    assert " ".join(lines) == words
    assert height(svg) > height(draw("short", "and its detail")) > height(draw("short"))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_colours_are_readable_on_light_and_dark_paper() -> None:
    for colour in (INK, MUTED):
        assert _contrast(colour, PAPER) >= 4.5
        assert _contrast(DARK[colour], DARK[PAPER]) >= 4.5


def test_every_colour_has_a_dark_counterpart_that_shows() -> None:
    assert len(set(DARK)) == len(set(DARK.values())) == len(DARK)
    for colour in CATEGORICAL:
        assert _contrast(DARK[colour], DARK[PAPER]) >= 3
    assert len(MARKERS) >= len(CATEGORICAL)


def test_missing_glyphs_raise_no_warning_inside_the_style() -> None:
    with casebook_style():
        figure, axes = new_figure(2, 2)
        axes.set_xlabel("字 🙂")
    assert "字 🙂" in figure_to_svg(figure)


@pytest.mark.parametrize(
    ("share", "decimals", "words"),
    [(0.93, 0, "93"), (0.9996, 1, "99.9"), (0.999, 0, "99.9"), (1.0, 0, "100"), (0, 1, "0.0")],
)
def test_what_is_not_quite_all_is_never_shown_as_all(share: float, decimals: int, words: str) -> None:
    assert percent(share, decimals) == f"{words}\u202f%"


@pytest.mark.parametrize("odd", ["\x00", "\x1b[31m", "\u202e", "\x0b", "\ufffe", "\udcff", "\x9b"])
def test_no_text_on_a_figure_does_harm_wherever_it_stands(odd: str) -> None:
    text = f"Don{odd}Juan"

    @styled
    def figure():
        made, axes = new_figure(WIDTH, 2)
        axes.plot([1, 2], [3, 4], label=text)
        axes.set_xticks([1, 2], [text, "b"])
        axes.set(xlabel=text, ylabel=text)
        axes.annotate(text, (1, 3))
        axes.legend(title=text)
        place_labels(axes, np.array([[1.5, 3.5]]), [text])
        set_title(axes, text, text)
        return made

    svg = figure_to_svg(figure())
    drawn = [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert sum("Juan" in (line or "") for line in drawn) >= 8
    assert odd not in svg
    inline_svg(svg, "f1", text)


def test_a_text_written_outside_the_style_is_shown_too_and_an_endless_one_is_cut() -> None:
    made, axes = new_figure(WIDTH, 2)
    axes.set_title("a\x00b")
    axes.set_xlabel("x" * 100_000)
    svg = figure_to_svg(made)
    assert "a␀b" in svg
    assert len(svg) < 40_000


def drawn(svg: str) -> list[tuple[str, float]]:
    """Return the texts of a figure with their sizes."""
    found = re.findall(r'<text style="[^"]*?font:? ?(?:-size)?[^"]*?([\d.]+)px[^"]*"[^>]*>([^<]*)<', svg)
    return [(text, float(size)) for size, text in found]


@styled
def test_no_text_is_smaller_than_a_phone_can_show() -> None:
    figure, axes = new_figure(WIDTH, 3)
    axes.text(0.5, 0.5, "tiny", fontsize=5)
    axes.tick_params(labelsize=6)
    axes.set_title("large", fontsize=14)
    sizes = dict(drawn(figure_to_svg(figure)))
    assert {"tiny", "large", "0.4"} <= set(sizes)
    assert min(sizes.values()) == SMALLEST
    assert sizes["large"] == 14


@styled
def test_a_long_detail_is_wrapped_too_and_the_figure_grows() -> None:
    figure, axes = new_figure(WIDTH, 3)
    set_title(axes, "Found", "women below the diagonal, men above; " * 5)
    figure.draw_without_rendering()
    assert len(figure.texts) > 2
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in figure.texts)
    bottom = min(text.get_window_extent().y0 for text in figure.texts)
    assert axes.get_window_extent().y1 < bottom


@styled
def test_labels_of_logarithmic_axes_are_numbers_and_no_formulas() -> None:
    figure, axes = new_figure(WIDTH, 3)
    axes.plot([1e-3, 1e9], [2e2, 4e2])
    axes.set(xscale="log", yscale="log")
    svg = figure_to_svg(figure)
    assert "mathdefault" not in svg
    texts = {text for text, _ in drawn(svg)}
    assert {"0.001", "1,000", "10⁹"} & texts
    assert {"200", "300", "400"} & texts


@styled
def test_the_label_of_a_narrow_axis_stays_on_the_figure() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3))
    for axes in figure.subplots(1, 3, width_ratios=(1, 8, 1)):
        axes.set_xlabel("mean absolute error (EUR a night)")
    figure_to_svg(figure)
    boxes = [axes.xaxis.label.get_window_extent() for axes in figure.axes]
    assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
