"""What must not stand in anything that a run leaves or prints? Escapes, turned text, script, formulas, files elsewhere.

Nothing here uses Casebook's own code: a check that shares the code of what it checks finds nothing.
"""

import csv
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

MARK = "casebook-escaped"  # in the names of files that would lie outside if a path were followed
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # \n \t \r apart: C0, DEL, C1, bidi
FORMULA = tuple("=+-@\t\r＝＋－＠")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
FORBIDDEN = {"script", "iframe", "object", "embed", "base", "form", "input", "foreignobject", "animate", "set", "link"}
TEXTS = {"aria-label", "alt", "title"}  # are read out, and lead nowhere
LINKS = {"href", "src", "xlink:href", "action", "formaction", "data", "poster", "srcset"}
SAFE_LINK = re.compile(r"(https?://|#|data:image/(png|jpeg|webp);base64,|[\w./-]+$|$)")
SORTING = Path(__file__).resolve().parents[2] / "src" / "tasks" / "publishing" / "templates" / "tables.js"
"""The one script of a report, which sorts its tables."""
LONGEST_SENTENCE = 2_000  # characters


def raw_characters(text: str, where: str) -> list[str]:
    """Return what is wrong with a text that is shown."""
    found = RAW.search(text)
    if not found:
        return []
    around = text[max(0, found.start() - 30) : found.end() + 30]
    return [f"{where} holds U+{ord(found[0]):04X} ({around!r})"]


class _Page(HTMLParser):
    """Notes what a page holds that could run, load or lead astray."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.odd: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that runs something, a handler, or a link to a strange place."""
        if tag in FORBIDDEN:
            self.odd.append(f"<{tag}>")
        for name, value in attrs:
            self.text.append(value or "")
            runs = "javascript:" in (value or "").lower().replace(" ", "") and name not in TEXTS
            if name.startswith("on") or name == "srcdoc" or runs:
                self.odd.append(f"<{tag} {name}={(value or '')[:60]!r}>")
            if name in LINKS and not SAFE_LINK.match(value or ""):
                self.odd.append(f"<{tag} {name}={(value or '')[:60]!r}>")
            if name == "http-equiv" and (value or "").lower() == "refresh":
                self.odd.append("a page that leads elsewhere")

    def handle_data(self, data: str) -> None:
        """Keep the text, character references resolved."""
        self.text.append(data)


def of_page(text: str, where: str) -> list[str]:
    """Return what is wrong with an HTML page."""
    page = _Page()
    page.feed(text.replace(f"<script>{SORTING.read_text('utf-8')}</script>", "", 1))
    page.close()
    return [f"{where} holds {what}" for what in page.odd[:3]] + raw_characters(" ".join(page.text), where)


def of_json(text: str, where: str) -> list[str]:
    """Return what is wrong with a JSON file: with its values, not only with the way they are written."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from (key, *texts(item))
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    try:
        return raw_characters("\n".join(texts(json.loads(text, parse_constant=refuse))), where)
    except ValueError as error:
        return [f"{where}: {error}"]


def of_csv(text: str, where: str) -> list[str]:
    """Return what is wrong with a CSV file that a spreadsheet may open."""
    csv.field_size_limit(2**30)
    cells = (cell for row in csv.reader(text.splitlines(keepends=True)) for cell in row)
    odd = next((cell for cell in cells if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell)), None)
    return [f"{where} has the cell {odd[:60]!r}"] if odd is not None else []


def of_file(file: Path) -> list[str]:
    """Return what is wrong with a file that a run has left."""
    name = f"{file.parent.name}/{file.name}"
    if file.is_symlink():
        return [f"{name} is a link"]
    content = file.read_bytes()
    if file.suffix not in {".html", ".json", ".csv", ".svg", ".txt", ".md"}:
        return [] if RAW.search(file.name) is None else [f"a file called {file.name!r}"]
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return [f"{name} is no UTF-8 ({error.reason} at {error.start})"]
    parsed = {".html": of_page, ".json": of_json, ".csv": of_csv, ".svg": of_page}.get(file.suffix)
    return raw_characters(text, name) + raw_characters(file.name, "a name") + (parsed(text, name) if parsed else [])


def of_streams(status: int, out: str, err: str) -> list[str]:
    """Return what is wrong with what a command said: a report, or one sentence and nothing behind it."""
    odd = raw_characters(out, "standard output") + raw_characters(err, "standard error")
    odd += ["a traceback: " + err.strip().splitlines()[-1][:200]] if "Traceback (most recent call last)" in err else []
    said = [line for line in err.splitlines() if line.startswith("casebook: ")]
    if status == 0:
        return odd + ([f"exit 0, and {said[0][:100]!r}"] if said else [])
    if status not in {1, 2}:
        odd.append(f"exit {status}: {err.strip()[-200:]}")
    elif len(said) != 1:
        odd.append(f"exit {status}, {len(said)} sentences: {err.strip()[-200:]!r}")
    elif err.strip().splitlines()[-1] != said[0]:
        odd.append(f"more behind the sentence: {err.strip()[-200:]!r}")
    elif len(said[0]) > LONGEST_SENTENCE:
        odd.append(f"a sentence of {len(said[0]):,} characters")
    return odd


def outside(places: list[Path], below: Path, apart: Path) -> list[str]:
    """Return the files that a planted path would have led to.

    Args:
        places: folders that are looked at without what lies below them.
        below: a folder that is looked at as a whole.
        apart: where in it the input itself lies.
    """
    found = [item for place in places for item in place.glob(f"*{MARK}*")]
    home = [item for item in below.rglob(f"*{MARK}*") if apart not in item.parents and item != apart]
    return [f"written outside: {item}" for item in {*found, *home}]
