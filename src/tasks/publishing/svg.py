"""How does an SVG get into a page without harm to it? Only what draws is let in, under names of its own.

Figures come from matplotlib, but what they show comes from strangers, and a stored figure may come from anywhere. An
element or attribute that is not on the list below is an error, not something to be taken out quietly.
"""

import re
from xml.etree import ElementTree

from tasks.figures.style import DARK, INK
from tasks.platform.errors import CasebookError

MOST_BYTES = 8_000_000

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_ELEMENTS = frozenset(
    {
        "svg",
        "g",
        "defs",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "use",
        "image",
        "clipPath",
        "linearGradient",
        "radialGradient",
        "stop",
        "pattern",
        "marker",
        "mask",
        "title",
        "desc",
        "symbol",
    }
)
_ATTRIBUTES = frozenset(
    {
        "id",
        "d",
        "x",
        "y",
        "x1",
        "y1",
        "x2",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "fx",
        "fy",
        "dx",
        "dy",
        "width",
        "height",
        "viewBox",
        "version",
        "transform",
        "points",
        "offset",
        "href",
        "preserveAspectRatio",
        "gradientUnits",
        "gradientTransform",
        "patternUnits",
        "patternTransform",
        "clipPathUnits",
        "maskUnits",
        "markerWidth",
        "markerHeight",
        "markerUnits",
        "refX",
        "refY",
        "orient",
        "rotate",
        "textLength",
        "lengthAdjust",
        "style",
        "clip-path",
        "clip-rule",
        "mask",
        "fill",
        "fill-opacity",
        "fill-rule",
        "stroke",
        "stroke-width",
        "stroke-opacity",
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "opacity",
        "stop-color",
        "stop-opacity",
        "font-family",
        "font-size",
        "font-weight",
        "font-style",
        "text-anchor",
        "dominant-baseline",
        "letter-spacing",
        "paint-order",
        "xml:space",
    }
)
_PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*\Z")
_LOCAL = re.compile(r"url\(\s*['\"]?#([^'\")\s]+)['\"]?\s*\)")
_FOREIGN_STYLE = re.compile(
    r"url\(\s*['\"]?(?!#)|expression\s*\(|javascript:|@import|\\|/\*|behaviou?r\s*:|-moz-binding", re.I
)
_DOCTYPE = re.compile(r"<!DOCTYPE\s[^\[>]*>", re.IGNORECASE)
_MATPLOTLIB_STYLE = "*{stroke-linejoin: round; stroke-linecap: butt}"
_COLOURS = re.compile("|".join(DARK), re.IGNORECASE)
_BLACK = re.compile(r"#000000\b|#000\b|\bblack\b", re.IGNORECASE)


class UnsafeFigureError(CasebookError):
    """A figure holds something that a page must not take over."""


def _parsed(svg: str) -> ElementTree.Element:
    if len(svg) > MOST_BYTES:
        raise UnsafeFigureError(
            f"A figure of {len(svg):,} characters is too large for the report; rasterise its points."
        )
    body = _DOCTYPE.sub("", svg, count=1)
    if re.search(r"<!(DOCTYPE|ENTITY)", body, re.IGNORECASE):
        raise UnsafeFigureError("The figure declares entities; write it without a document type.")
    try:
        root = ElementTree.fromstring(body.encode())  # noqa: S314 - no entities are left to expand
    except ElementTree.ParseError as error:
        raise UnsafeFigureError(f"The figure is not well-formed SVG ({error}).") from None
    if root.tag != f"{_SVG}svg":
        raise UnsafeFigureError(f"The figure is no SVG but <{root.tag}>.")
    return root


def _checked_attribute(element: str, name: str, value: str) -> tuple[str, str] | None:
    """Return the attribute under its plain name; None for one that carries nothing; an error for one that may harm."""
    name = name.replace(_XLINK, "").replace("{http://www.w3.org/XML/1998/namespace}", "xml:")
    if name not in _ATTRIBUTES:
        raise UnsafeFigureError(f"The figure's <{element}> has the attribute {name!r}, which a report does not take.")
    allowed_link = value.startswith("#") or (element == "image" and _PICTURE.match(value))
    if name == "href" and not allowed_link:
        raise UnsafeFigureError(
            f"The figure's <{element}> points to {value[:60]!r}; a report loads nothing from outside."
        )
    if name != "href" and _FOREIGN_STYLE.search(value):
        raise UnsafeFigureError(f"The figure's <{element}> has {name}={value[:60]!r}, which a report does not take.")
    return name, value


def _clean(node: ElementTree.Element) -> None:
    """Check `node` and what is below it, and take away what draws nothing."""
    for child in list(node):
        name = str(child.tag).removeprefix(_SVG)
        empty_style = name == "style" and (child.text or "").strip() == _MATPLOTLIB_STYLE
        if name == "metadata" or empty_style:
            node.remove(child)
        elif name not in _ELEMENTS or name == "svg":
            raise UnsafeFigureError(f"The figure holds a <{name}>, which a report does not take.")
        else:
            _clean(child)
    name = str(node.tag).removeprefix(_SVG)
    checked = [_checked_attribute(name, key, value) for key, value in node.attrib.items()]
    node.attrib.clear()
    node.attrib.update(pair for pair in checked if pair)
    node.tag = name


def _rename(root: ElementTree.Element, prefix: str) -> None:
    """Give each id that is referred to a name of its own in the page, and drop the others."""
    used = set()
    for node in root.iter():
        for key, value in node.attrib.items():
            used.update(_LOCAL.findall(value))
            if key == "href" and value.startswith("#"):
                used.add(value[1:])
    known = {name: f"{prefix}-{number}" for number, name in enumerate(sorted(used), 1)}
    seen = set()
    for node in root.iter():
        for key, value in list(node.attrib.items()):
            if key == "id":
                del node.attrib[key]
                if value in known and value not in seen:
                    seen.add(value)
                    node.set("id", known[value])
            elif key == "href" and value.startswith("#"):
                node.set(key, f"#{known[value[1:]]}")
            else:
                node.set(key, _LOCAL.sub(lambda match: f"url(#{known[match[1]]})", value))


def _themed(value: str) -> str:
    """Put CSS variables in the place of the style's colours, so that the page chooses light or dark."""
    value = _BLACK.sub(INK, value)
    return _COLOURS.sub(lambda match: f"var(--fig-{match[0][1:].lower()})", value)


def _restyle(root: ElementTree.Element) -> None:
    for node in root.iter():
        for key in ("style", "fill", "stroke", "stop-color"):
            if key in node.attrib:
                node.set(key, _themed(node.attrib[key]))
        if node.tag == "path" and "d" in node.attrib:
            node.set("d", " ".join(node.attrib["d"].split()))
        if node.tag == "text":
            node.set("style", re.sub(r"font-family:[^;]*;?", "", node.attrib.get("style", "")))
        node.tail = None if node.tag != "tspan" else node.tail
        node.text = node.text if node.tag in {"text", "tspan", "title", "desc"} else None


def inline_svg(svg: str, prefix: str, alt: str) -> str:
    """Return `svg` ready to stand inside an HTML page.

    Args:
        svg: a whole SVG document.
        prefix: starts every id in it; unlike that of every other figure of the page.
        alt: what the figure shows, for readers who do not see it.

    Raises:
        UnsafeFigureError: the SVG holds a script, a handler, a link to outside, or anything else that draws nothing; or
            it is damaged or too large.
    """
    root = _parsed(svg)
    _clean(root)
    _rename(root, prefix)
    _restyle(root)
    if "viewBox" not in root.attrib:
        size = [re.sub(r"[a-z%]+$", "", root.attrib.get(name, "")) or "100" for name in ("width", "height")]
        root.set("viewBox", f"0 0 {size[0]} {size[1]}")
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("style", f"fill: {_themed(INK)}; stroke-linejoin: round; stroke-linecap: butt")
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def natural_width(svg: str) -> float:
    """Return the width in CSS pixels at which the text of a matplotlib SVG has its own size; 640 when it says none."""
    match = re.search(r"viewBox=\"[\d.+-]+ [\d.+-]+ ([\d.]+) [\d.]+\"", svg)
    return round(float(match[1]) * 4 / 3) if match else 640.0
