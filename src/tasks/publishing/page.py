"""How does a report become a page? The numbers in words, the small drawings, and the template that joins them."""

import base64
import functools
import hashlib
import json
import math
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tasks.evaluation.words import metric_words
from tasks.figures.style import DARK
from tasks.platform.text import printable
from tasks.publishing.blocks import Column
from tasks.publishing.lineage import drawing
from tasks.publishing.svg import UnsafeFigureError, inline_svg, natural_width

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from tasks.evaluation.metrics import Metric
    from tasks.platform.run import StageRecord

WORTH_A_CUT = 1.25  # texts up to so many times `LONGEST_TEXT` stay whole: to say what is missing is as long
LONGEST_TEXT = 600
SHOWN = {"quarantine": 25, "lineage": 200, "examples": 5, "rules": 200, "stages": 200, "parameters": 200}
SORTABLE = 3  # rows of a table from which on the page's script has something to do
_BESIDE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.[a-z0-9]{2,5}")
_IMAGE_TYPES = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))


class Shown(Protocol):
    """What the page is made from: a `tasks.publishing.report.Report` without secrets, as `masked` gives it."""

    stages: "list[StageRecord]"
    hero: list[Any]
    sections: list[Any]
    quarantine: list[Any]  # rows with a reason
    parameters: dict[str, Any]
    lineage: list[Any]  # `tasks.publishing.lineage.Step`
    artifacts: dict[str, str]


def number(value: Any, unit: str = "") -> str:
    """Return a measured value for readers: three significant digits or three decimals, thousands with commas."""
    return _figure(value, unit) if isinstance(value, str) else _with_minus(_figure(value, unit))


def _with_minus(figure: str) -> str:
    return f"\u2212{figure[1:]}" if figure.startswith("-") else figure


def _figure(value: Any, unit: str) -> str:
    if value is None or isinstance(value, str):
        return value or "–"
    if isinstance(value, float) and not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e15:
        return f"{value:.3g}"
    if isinstance(value, int) or size >= 1000 or (value.is_integer() and (size > 1 or unit)):  # 0 cases, 0.000
        return f"{value:,.0f}"
    if value == 0 or (unit == "" and size <= 1):
        return f"{value:.3f}"
    decimals = 2 - math.floor(math.log10(size))
    return f"{value:.{decimals}f}" if decimals <= 6 else f"{value:.2e}"


def cell(value: Any, column: Column) -> str:
    """Return what a table shows for `value`: numbers in the column's format, yes and no, an en dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and column.format:
        return _with_minus(format(value, column.format))
    return number(value) if isinstance(value, int | float) else str(value)


def aligned(column: Column, rows: list[list[Any]], place: int) -> str:
    """Return `right` for a column of numbers, `left` for any other, unless the column says otherwise."""
    if column.align != "auto":
        return column.align
    values = [row[place] for row in rows if place < len(row) and row[place] is not None]
    numbers = values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return "right" if numbers or column.format else "left"


def duration(seconds: float) -> str:
    """Return seconds as a reader says them: 0.04 s, 12.3 s, 3 min 20 s, 1 h 05 min."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def when(moment: datetime) -> str:
    """Return the moment in UTC: 4 March 2026, 14:05 UTC."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def interval_bar(metric: "Metric") -> dict[str, float] | None:
    """Return where value, interval, baseline and champion lie on a scale from 0 to 100; None without a value.

    Shares are drawn on 0 to 1, other positive figures from 0, the rest over their own range.
    """
    given = {name: getattr(metric, name) for name in ("value", "low", "high", "baseline", "champion")}
    known = {name: float(x) for name, x in given.items() if x is not None and math.isfinite(x)}
    if "value" not in known:
        return None
    low, high = min(known.values()), max(known.values())
    if metric.unit == "" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    else:
        low = 0.0 if low >= 0 else low - 0.08 * (high - low)
        high += 0.08 * (high - low) or 1.0
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return None
    return {name: round(100 * ((x - low) / span), 2) for name, x in known.items()}


def phases(stages: "list[StageRecord]") -> list[tuple[str, "list[StageRecord]"]]:
    """Return the stages by phase, the phases in the order in which they began."""
    found: dict[str, list[StageRecord]] = {}
    for record in stages[: SHOWN["stages"]]:
        found.setdefault(record.phase, []).append(record)
    return list(found.items())


def picture_source(content: bytes) -> "Markup":
    """Return a picture as a data URL; an empty one for bytes that are no JPEG, PNG or WebP."""
    from markupsafe import Markup

    kind = next((name for magic, name in _IMAGE_TYPES if content.startswith(magic)), None)
    if kind is None:
        return Markup("")
    return Markup(f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}")  # noqa: S704 - base64


def with_links(text: str, files: dict[str, str]) -> "Markup":
    """Return a sentence of a report: the files beside the page that it names are links, `names` are set as code."""
    from markupsafe import Markup, escape

    words = re.sub(r"`([^`]{1,200})`", r"<code>\1</code>", str(escape(shown(text))))
    for file in sorted(files.values()):
        if re.fullmatch(r"[A-Za-z0-9_-]+\.csv", file):
            words = re.sub(rf"(?<![\w./-]){re.escape(file)}\b", f'<a href="{file}">{file}</a>', words)
    return Markup(words)  # noqa: S704 - escaped above


def beside(artifacts: dict[str, str]) -> list[tuple[str, str]]:
    """Return the files beside a page that it can link to, by name: never an address, a way out or the page itself."""
    return [(name, file) for name, file in artifacts.items() if name != "report" and _BESIDE.fullmatch(file)]


def _blocks(report: Shown) -> list[Any]:
    return [*report.hero, *(block for section in report.sections for block in section.blocks)]


def _is_sortable(block: Any) -> bool:
    return block.kind == "table" and len(block.rows) >= SORTABLE


def shown(value: Any) -> Any:
    """Return what the template writes for `value`: all of it visible, and the middle cut out of what is endless."""
    if value is None:
        return ""
    if hasattr(value, "__html__") or not isinstance(value, str):
        return value
    if len(value) > LONGEST_TEXT * WORTH_A_CUT:
        half = LONGEST_TEXT // 2
        value = f"{value[:half]} … [{len(value) - 2 * half:,} characters left out] … {value[-half:]}"
    return re.sub(r"(?<=\d) (?=[%€])", "\u202f", printable(value))  # a line never breaks before the sign


def figure_colours() -> str:
    """Return the style's colours as CSS variables, for light pages and for dark ones."""
    light = "".join(f"--fig-{colour[1:]}:{colour};" for colour in DARK)
    dark = "".join(f"--fig-{colour[1:]}:{other};" for colour, other in DARK.items())
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"


class _Drawings:
    """Numbers the figures of one page, so that their ids never meet."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, figure: Any) -> "Markup":
        """Return the figure's SVG for the page; where it does not pass, what it would have shown and why not."""
        from markupsafe import Markup

        self.count += 1
        try:
            return Markup(inline_svg(figure.svg, f"f{self.count}", printable(figure.alt)))  # noqa: S704 - checked
        except UnsafeFigureError as error:
            said = f"A figure is left out ({figure.alt}). {error}"
            print(f"  {printable(said)}", file=sys.stderr, flush=True)
            return Markup('<p class="nothing">{}</p>').format(shown(said))


@functools.lru_cache(maxsize=1)
def environment() -> "Environment":
    """Return the templates of the package, which escape and make visible whatever they show."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, cell=cell, duration=duration, when=when, picture=picture_source)
    environment.filters["links"] = with_links
    environment.filters["words"] = metric_words
    environment.filters["tojson_text"] = functools.partial(json.dumps, ensure_ascii=False)
    environment.filters.update(interval=interval_bar, aligned=aligned, width=natural_width)
    return environment


def render(report: Shown) -> str:
    """Return a report without secrets as one HTML page that loads nothing, and runs only the script that sorts tables.

    A figure that holds what a page must not take over is left out, and the page says so in its place.
    """
    from markupsafe import Markup

    folder = Path(__file__).parent / "templates"
    css, script = ((folder / name).read_text("utf-8") for name in ("report.css", "tables.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            css=Markup(figure_colours() + css),  # noqa: S704 - the package's own file
            script=Markup(script),  # noqa: S704 - the package's own file
            script_hash=f"sha256-{digest}",
            sortable=any(_is_sortable(block) for block in _blocks(report)),
            files=beside(report.artifacts),
            lineage=drawing(report.lineage[: SHOWN["lineage"]]),
            draw=_Drawings(),
            phases=phases(report.stages),
            longest=max([record.seconds for record in report.stages] or [0]) or 1,
            total=sum(record.seconds for record in report.stages if math.isfinite(record.seconds)),
            reasons=Counter(row.reason for row in report.quarantine).most_common(),
            limit=SHOWN,
            parameters=list(report.parameters.items()),
        )
    )
