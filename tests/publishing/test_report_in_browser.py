"""The report in a browser: its tables sort and filter, and on a phone nothing is cut off or too small to read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from publishing.test_report import minimal, render

from tasks.evaluation.metrics import Metric
from tasks.figures.style import WIDTH, figure_to_svg, new_figure, set_title, styled
from tasks.publishing.blocks import Figure, Section, Table
from tasks.publishing.report import QuarantineRow
from tests.platform.browser import Browser, browser, executable

pytestmark = pytest.mark.skipif(executable() is None, reason="no Chromium on this machine")
PHONE = 390
ROWS = [["a", "1,200 €"], ["b", "−3 €"], ["c", "–"], ["d", "20 €"], *(["e", f"{i} €"] for i in range(100, 106))]
SMALL = """[...document.querySelectorAll('.canvas text')].map(text => parseFloat(getComputedStyle(text).fontSize)
  * text.getScreenCTM().a).filter(size => size < 9)"""
CUT = """[...document.querySelectorAll('caption span, figcaption, .canvas, .canvas text')].filter(part =>
  part.getBoundingClientRect().right > innerWidth + 1 || part.scrollWidth > part.clientWidth + 1
  && !part.closest('svg')).map(part => part.textContent.slice(0, 40))"""


@styled
def figure() -> Figure:
    drawing, axes = new_figure(WIDTH, 3)
    axes.plot([1, 2], [3, 4])
    axes.text(1.5, 3.5, "small", fontsize=6)
    set_title(axes, "A long finding that takes more than one line of the figure", "and a detail that is long " * 5)
    return Figure(svg=figure_to_svg(drawing), alt="a line", caption="What the line shows. " * 8)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    wide = [[f"a sentence of some words {i}", *("123,456,789" for _ in range(9))] for i in range(3)]
    blocks: list[Any] = [
        Table(columns=["name", "cost"], rows=ROWS),
        figure(),
        Table(columns=["what", *map(str, range(9))], rows=wide, caption="A caption longer than a phone is wide. " * 4),
    ]
    report = minimal(
        sections=[Section(title="s", blocks=blocks)],
        metrics=[Metric(name="half_width", value=7.0, unit="%", low=6, high=8, n=90, baseline=9, note="a note " * 9)],
        quarantine=[QuarantineRow(path="a" * 90, reason="a reason of many words " * 4, detail="x=1, " * 40 + "y" * 90)],
    )
    file: Path = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render(report), "utf-8")
    with browser() as opened:
        opened.resize(PHONE, 844)
        opened.open(file.as_uri())
        yield opened


def first_column(page: Browser) -> list[str]:
    shown = "[...document.querySelector('table.data').tBodies[0].rows].filter(row => !row.hidden)"
    return list(page.run(f"{shown}.map(row => row.cells[0].textContent.trim())"))


def test_a_click_on_a_head_sorts_by_number_and_keeps_what_is_missing_last(page: Browser) -> None:
    click = "document.querySelectorAll('table.data thead button')[1].click()"
    page.run(click)
    assert first_column(page) == ["b", "d", *"eeeeee", "a", "c"]
    page.run(click)
    assert first_column(page) == ["a", *"eeeeee", "d", "b", "c"]
    assert page.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"


def test_rows_can_be_searched(page: Browser) -> None:
    for words, found in (("20", {"a", "d"}), ("no such row", set()), ("", {"a", "b", "c", "d", "e"})):
        page.run(
            f"(field => {{ field.value = {words!r}; field.dispatchEvent(new Event('input')); }})"
            "(document.querySelector('input[type=search]'))"
        )
        assert set(first_column(page)) == found


def test_nothing_is_cut_off_or_too_small_on_a_phone(page: Browser) -> None:
    assert page.run("document.documentElement.scrollWidth") == PHONE
    assert page.run(SMALL) == []
    assert page.run(CUT) == []
    assert page.run("[...document.querySelectorAll('.metrics, .stacked')].map(t => t.scrollWidth)")[0] <= PHONE
    assert page.run("document.querySelector('.stacked').closest('.table').scrollWidth") <= PHONE
