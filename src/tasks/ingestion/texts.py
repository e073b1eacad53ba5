"""Which documents are there? Text files, in whatever encoding they have, cut into chapters where they have any.

Project Gutenberg's preamble and licence are left out. A table of contents repeats the headings: of two chapters with
the same number in one file, the longer one counts.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from tasks.ingestion.files import Source, locate_files
from tasks.platform.progress import progress
from tasks.platform.stage import stage
from tasks.platform.text import shorten
from tasks.samples.keywords import write_keywords

ORIGINALS = ("moby_dick", "tom_sawyer")
LARGEST = 256 * 2**20  # bytes of one file
FEWEST_WORDS = 20  # a document with fewer has no key words to tell
START = re.compile(r"^\*\*\* ?START OF .*$", re.MULTILINE | re.IGNORECASE)
END = re.compile(r"^(?:\*\*\* ?END OF|End of (?:the )?Project Gutenberg).*$", re.MULTILINE | re.IGNORECASE)
HEADING = re.compile(
    r"^[ \t]*(?:(?:CHAPTER|Chapter|KAPITEL|Kapitel)[ \t]+(?P<number>\d{1,4}|[IVXLCDM]{1,9})\b"
    r"[.:]?[ \t]*(?P<title>[^\n]*)"
    r"|(?P<named>PROLOGUE|Prologue|EPILOGUE|Epilogue|CONCLUSION|Conclusion|PREFACE|Preface)\.?)[ \t]*$",
    re.MULTILINE,
)
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


class Texts(NamedTuple):
    """Documents: `document` (name), `file`, `number` (chapter, 0 for none), `title`, `text`; and what was put aside."""

    documents: pd.DataFrame
    quarantine: pd.DataFrame


@stage(phase="Data understanding", live=True)
def locate_texts(source: str) -> Source:
    """Find the texts: `sample`, `public` (Moby-Dick and Tom Sawyer), a .txt file, a folder of them, or an address.

    Raises:
        UsageError: there is no such file or folder, or no text in it.
    """
    return locate_files(source, write_keywords, ORIGINALS, (".txt",), several=True)


@stage(phase="Data understanding")
def read_texts(files: list[Path], split: Literal["auto", "chapters", "files"] = "auto") -> Texts:
    """Read documents out of text files.

    Args:
        files: UTF-8 (with or without a mark), UTF-16 with a mark, or Latin-1.
        split: `chapters` makes a document of each chapter, `files` of each file; `auto` cuts files with three or more.

    Returns:
        The documents by file and place, and the files and chapters that hold no text to speak of.
    """
    rows: list[dict[str, object]] = []
    aside: list[dict[str, str]] = []
    for path in progress(files, "reading", len(files), "file"):
        text, problem = _decoded(path)
        if problem:
            aside.append({"path": path.name, "reason": problem[0], "detail": problem[1]})
            continue
        for row in _documents(path, text, split):
            words = len(str(row["text"]).split())
            if words < FEWEST_WORDS:
                detail = f"{words} words, at least {FEWEST_WORDS} are wanted"
                aside.append({"path": str(row["document"]), "reason": "too-short", "detail": detail})
            else:
                rows.append(row)
    columns = ["document", "file", "number", "title", "text"]
    quarantine = pd.DataFrame(aside, columns=["path", "reason", "detail"], dtype=str)
    return Texts(pd.DataFrame(rows, columns=columns).astype({"number": "int64"}), quarantine)


def _decoded(path: Path) -> tuple[str, tuple[str, str] | None]:
    """Return a file's text, or why it is none."""
    size = path.stat().st_size
    if size > LARGEST:
        return "", ("too-large", f"{size:,} bytes, at most {LARGEST:,} are read")
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), None
        except UnicodeDecodeError as error:
            return "", ("not-text", f"byte {error.start:,} is no UTF-16")
    if b"\0" in content:
        return "", ("not-text", f"byte {content.index(0):,} is zero")
    if not content.strip():
        return "", ("empty", "the file holds no text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n"), None


def _documents(path: Path, text: str, split: str) -> Iterator[dict[str, object]]:
    """Yield the documents of one file."""
    start, end = START.search(text), END.search(text)
    body = text[start.end() if start else 0 : end.start() if end and (not start or end.start() > start.end()) else None]
    chapters = [] if split == "files" else _chapters(body)
    if len(chapters) >= (1 if split == "chapters" else 3):
        for number, title, part in chapters:
            name = f"{path.stem} {number if number else title.lower()}"
            yield {"document": name, "file": path.name, "number": number, "title": title, "text": part}
    else:
        yield {"document": path.stem, "file": path.name, "number": 0, "title": "", "text": body.strip()}


def _chapters(body: str) -> Sequence[tuple[int, str, str]]:
    """Return number, title and text of the chapters of a book, in order; of those with one number, the longest."""
    found = list(HEADING.finditer(body))
    longest: dict[object, tuple[int, str, str]] = {}
    ends = [*(heading.start() for heading in found[1:]), len(body)]
    for heading, end in zip(found, ends, strict=False):
        text = body[heading.end() : end].strip()
        number = _number(heading["number"]) if heading["number"] else 0
        title = shorten((heading["title"] or heading["named"] or "").strip(" ."), 80)
        key = number or title.lower()
        if key not in longest or len(text) >= len(longest[key][2]):
            longest.pop(key, None)
            longest[key] = (number, title, text)
    return list(longest.values())


def _number(text: str) -> int:
    """Return the value of a number in digits or Roman numerals."""
    if text.isdigit():
        return int(text)
    values = [ROMAN[letter] for letter in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
