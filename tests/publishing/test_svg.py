"""Figures inside a page: no id meets another, nothing that runs or loads gets in."""

import re
from xml.etree import ElementTree

import pytest

from tasks.cases.similarity.figures.pictures import class_scores
from tasks.figures.style import DARK, figure_to_svg
from tasks.publishing.svg import UnsafeFigureError, inline_svg, natural_width

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def wrap(inner: str, attributes: str = "") -> str:
    return f'<svg {NS} viewBox="0 0 10 10" {attributes}>{inner}</svg>'


@pytest.fixture(scope="module")
def drawing() -> str:
    return figure_to_svg(class_scores([("cup", 0.7), ("<script>alert(1)</script>", 0.2), ('"&\u202e', 0.1)]))


def test_ids_of_two_figures_never_meet(drawing: str) -> None:
    first, second = (inline_svg(drawing, prefix, "bars") for prefix in ("f1", "f2"))
    ids = [set(re.findall(r'\bid="([^"]+)"', page)) for page in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for page, known in zip((first, second), ids, strict=True):
        used = set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r'href="#([^"]+)"', page))
        assert used == known, "each reference has its target, and each id is referred to"


def test_matplotlib_figure_becomes_clean_inline_svg(drawing: str) -> None:
    page = inline_svg(drawing, "f1", 'a "quoted" <alt>')
    root = ElementTree.fromstring(page)
    assert root.tag == "svg"
    assert root.get("aria-label") == 'a "quoted" <alt>'
    assert "<?xml" not in page
    assert "DOCTYPE" not in page
    assert "<style" not in page
    assert "<metadata" not in page
    assert not re.search(r"https?:", page)
    assert "<script" not in page
    assert "alert(1)" in page, "the label is there, as text"
    for colour in DARK:
        assert colour not in page.lower(), "colours of the style follow the page"


@pytest.mark.parametrize(
    "svg",
    [
        wrap("<script>alert(1)</script>"),
        wrap('<g onclick="alert(1)"/>'),
        wrap("", 'onload="alert(1)"'),
        wrap('<a xlink:href="javascript:alert(1)"><path d="M0 0"/></a>'),
        wrap('<image href="https://example.org/x.png"/>'),
        wrap('<image xlink:href="//example.org/x.png"/>'),
        wrap('<image href="data:image/svg+xml;base64,AAAA"/>'),
        wrap('<use href="https://example.org/x.svg#a"/>'),
        wrap('<use href="data:image/png;base64,AAAA"/>'),
        wrap('<foreignObject><div xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>'),
        wrap("<style>@import url(https://example.org/x.css)</style>"),
        wrap('<path style="fill: url(https://example.org/x)"/>'),
        wrap("<path fill=\"url(  'https://example.org/x')\"/>"),
        wrap('<path style="background: u\\72l(x)"/>'),
        wrap('<path style="x: expression(alert(1))"/>'),
        wrap('<animate attributeName="href" to="javascript:alert(1)"/>'),
        wrap('<set attributeName="onclick" to="alert(1)"/>'),
        wrap("<svg/>"),
        "<html/>",
        "",
        "not xml at all",
        wrap("<g>")[:-6],
        '<!DOCTYPE svg [<!ENTITY a "b">]>' + wrap("<text>&a;</text>"),
        '<!DOCTYPE svg SYSTEM "x" [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + wrap("<text>&x;</text>"),
        wrap("<text>" + "x" * 9_000_000 + "</text>"),
        wrap('<unknown:x xmlns:unknown="urn:x"/>'),
    ],
)
def test_what_runs_or_loads_is_refused(svg: str) -> None:
    with pytest.raises(UnsafeFigureError):
        inline_svg(svg, "f1", "x")


def test_markup_in_text_stays_text() -> None:
    page = inline_svg(wrap("<text>&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;</text>"), "f", "x")
    assert "<script" not in page
    assert page.count("</svg>") == 1


def test_duplicate_ids_inside_one_figure_are_made_one() -> None:
    page = inline_svg(wrap('<path id="a" d="M0 0"/><path id="a" d="M1 1"/><use href="#a"/><g id="unused"/>'), "f", "x")
    assert re.findall(r'id="([^"]+)"', page) == ["f-1"]


def test_width_is_that_of_the_text() -> None:
    assert natural_width(wrap("").replace("0 0 10 10", "0 0 300 100")) == 400
    assert natural_width("<svg/>") == 640


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ('width="300px" height="50.5pt"', "0 0 300 50.5"),
        ('width="80%" height="20"', "0 0 80 20"),
        ("", "0 0 100 100"),
        ('viewBox="1 2 3 4" width="9" height="9"', "1 2 3 4"),
    ],
)
def test_a_figure_keeps_its_shape_with_a_view_box_of_its_own_or_from_its_size(size: str, box: str) -> None:
    root = ElementTree.fromstring(inline_svg(f'<svg {NS} {size} version="1.1"><path d="M0 0"/></svg>', "f1", "x"))
    assert root.get("viewBox") == box
    assert not {"width", "height", "version"} & set(root.attrib)
