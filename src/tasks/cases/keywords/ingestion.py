"""Which documents are there? Text files, in whatever encoding they have, cut into chapters where they have any.

Project Gutenberg's preamble and licence are left out, those of its oldest etexts too. A table of contents repeats the
headings: a heading with hardly a word below it, whose number comes again with a text, is an entry of it. Other repeats
are chapters in their own right (each book of a novel may start again at 1) and get names of their own.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from tasks.cases.keywords.originals import ORIGINALS
from tasks.cases.keywords.sample import write_keywords
from tasks.features.text.words import tokenise
from tasks.ingestion.encodings import Decoded, checked_encoding, decoded
from tasks.ingestion.files import Data, Ways, read
from tasks.platform.progress import progress
from tasks.platform.stage import stage
from tasks.platform.text import shorten

LARGEST = 256 * 2**20  # bytes of one file
FEWEST_WORDS = 20  # a document with fewer has no key words to tell
HEAD = 10_000  # characters that tell of most texts whether they hold that many words
CONTENTS = 2  # bare headings one after the other are a table of contents, and the next number belongs to it
START = re.compile(r"^\*\*\* ?START OF .*$", re.MULTILINE | re.IGNORECASE)
END = re.compile(r"^(?:\*\*\* ?END OF|End of (?:the |this )?Project Gutenberg).*$", re.MULTILINE | re.IGNORECASE)
SMALL_START = re.compile(r"^\*+ *START[* ]*THE SMALL PRINT.*$", re.MULTILINE | re.IGNORECASE)
SMALL_END = re.compile(r"^\*+ *END[* ]*THE SMALL PRINT.*$", re.MULTILINE | re.IGNORECASE)
HEADING = re.compile(
    r"^[ \t]*(?:(?:CHAPTER|Chapter|KAPITEL|Kapitel)[ \t]+(?P<number>\d{1,4}|[IVXLCDM]{1,9})\b"
    r"[.:]?[ \t]*(?P<title>[^\n]*)"
    r"|(?P<named>PROLOGUE|Prologue|EPILOGUE|Epilogue|CONCLUSION|Conclusion|PREFACE|Preface)\.?)[ \t]*$",
    re.MULTILINE,
)
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


class Chapter(NamedTuple):
    """A chapter of a book; `contents` tells that it is the end of a table of contents, with what stands behind it."""

    number: int  # 0 for none
    title: str
    text: str
    contents: bool = False

    @property
    def name(self) -> str:
        """What it is called within its book."""
        return str(self.number) if self.number else self.title.lower()


class Texts(NamedTuple):
    """What was read, and what was put aside."""

    frame: pd.DataFrame  # document (name), file, number (chapter, 0 for none), title, text, encoding
    quarantine: pd.DataFrame  # path, reason, detail


def read_documents(source: str, split: str, encoding: str = "auto") -> Data:
    """Find and read the documents of a source (`sample`, `public`, a .txt file, a folder of them, or an address)."""
    return read(
        source, Ways(write_keywords, ORIGINALS, (".txt",), several=True), read_texts, split, checked_encoding(encoding)
    )


@stage(phase="Data understanding")
def read_texts(
    files: list[Path], split: Literal["auto", "chapters", "files"] = "auto", encoding: str = "auto"
) -> Texts:
    """Read documents out of text files.

    Args:
        files: UTF-8 (with or without a mark), UTF-16 with a mark, or in another encoding.
        split: `chapters` makes a document of each chapter, `files` of each file; `auto` cuts files with three or more.
        encoding: of files that are neither UTF-8 nor marked as UTF-16; `auto` finds it (`tasks.ingestion.encodings`),
            by the other files where a text could be in several.

    Returns:
        The documents by file and place, and the files and chapters that hold no text to speak of. A second chapter 1 in
        a file is called `<file> 1 (2)`.
    """
    rows: list[dict[str, object]] = []
    aside: list[dict[str, str]] = []
    sure: set[str] = set()
    for path in progress(files, "decoding", len(files), "file"):
        if encoding == "auto":
            sure.add(_decoded(path, encoding).encoding)
    for path in progress(files, "reading", len(files), "file"):
        found = _decoded(path, encoding, sure)
        if found.problem:
            aside.append({"path": path.name, "reason": found.problem[0], "detail": found.problem[1]})
            continue
        for row in _documents(path, _with_plain_ends(found.text), split):
            body = str(row["text"])
            if row.pop("contents", False):
                detail = f"{_words(body):,} words between the table of contents and the text that it lists"
                aside.append({"path": f"{path.stem} (contents)", "reason": "contents", "detail": detail})
            elif not _enough(body):
                detail = f"{_words(body)} words, at least {FEWEST_WORDS} are wanted"
                aside.append({"path": str(row["document"]), "reason": "too-short", "detail": detail})
            else:
                rows.append({**row, "encoding": found.encoding})
    columns = ["document", "file", "number", "title", "text", "encoding"]
    quarantine = pd.DataFrame(aside, columns=["path", "reason", "detail"], dtype=str)
    return Texts(pd.DataFrame(rows, columns=columns).astype({"number": "int64"}), quarantine)


def _words(text: str) -> int:
    """Return the number of words as the features count them."""
    return len(tokenise(text))


def _enough(text: str) -> bool:
    """Tell whether there are `FEWEST_WORDS` words, mostly without a look beyond the beginning."""
    return _words(text[:HEAD]) > FEWEST_WORDS or _words(text) >= FEWEST_WORDS


def _decoded(path: Path, encoding: str, others: Set[str] = frozenset()) -> Decoded:
    size = path.stat().st_size
    if size > LARGEST:
        return Decoded("", "", ("too-large", f"{size:,} bytes, at most {LARGEST:,} are read"))
    return decoded(path.read_bytes(), encoding, others)


def _with_plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _documents(path: Path, text: str, split: str) -> Iterator[dict[str, object]]:
    """Yield the documents of one file."""
    body = _without_licence(text)
    chapters = [] if split == "files" else _chapters(body)
    if sum(not chapter.contents for chapter in chapters) >= (1 if split == "chapters" else 3):
        seen: Counter[str] = Counter()
        for chapter in chapters:
            name = f"{path.stem} {chapter.name}"
            if not chapter.contents:
                seen[name] += 1
                name += f" ({seen[name]})" if seen[name] > 1 else ""
            yield {"document": name, "file": path.name, **chapter._asdict()}
    else:
        yield {"document": path.stem, "file": path.name, "number": 0, "title": "", "text": body.strip()}


def _without_licence(text: str) -> str:
    """Return what stands between Project Gutenberg's preamble and licence; the whole text of other files.

    The small print of before 2003 mostly stands before the text, and now and then behind it: on the shorter side of it.
    """
    small, small_end = SMALL_START.search(text), SMALL_END.search(text)
    if small_end:
        before, behind = text[: small.start() if small else 0], text[small_end.end() :]
        text = behind if len(behind) >= len(before) else before
    start = START.search(text)
    body = text[start.end() if start else 0 :]
    end = END.search(body)
    return body[: end.start() if end else None]


def _chapters(body: str) -> Sequence[Chapter]:
    """Return the chapters of a book, in order, without the bare headings of a table of contents.

    A heading that comes again is bare when it has fewer than `FEWEST_WORDS` words below it; of bare headings with one
    name and no chapter, the longest stays. The last heading of the contents may have a preface below it: it is returned
    with `contents` set.
    """
    found = list(HEADING.finditer(body))
    ends = [*(heading.start() for heading in found[1:]), len(body)]
    chapters = []
    for heading, end in zip(found, ends, strict=False):
        number = _number(heading["number"]) if heading["number"] else 0
        title = shorten((heading["title"] or heading["named"] or "").strip(" ."), 80)
        chapters.append(Chapter(number, title, body[heading.end() : end].strip()))
    full = [_enough(chapter.text) for chapter in chapters]
    last_full = {chapter.name: place for place, chapter in enumerate(chapters) if full[place]}
    longest: dict[str, int] = {}
    for place, chapter in enumerate(chapters):
        if chapter.name not in longest or len(chapter.text) >= len(chapters[longest[chapter.name]].text):
            longest[chapter.name] = place
    kept = []
    listed: list[Chapter] = []  # bare headings directly before this one
    for place, chapter in enumerate(chapters):
        comes_again = last_full.get(chapter.name, -1) > place
        if full[place]:
            kept.append(chapter._replace(contents=comes_again and _goes_on(listed, chapter)))
        elif chapter.name not in last_full and longest[chapter.name] == place:
            kept.append(chapter)
        listed = [*listed[-CONTENTS:], chapter] if comes_again and not full[place] else []
    return kept


def _goes_on(listed: Sequence[Chapter], chapter: Chapter) -> bool:
    """Tell whether a chapter is the next entry of a table of contents rather than the first chapter after it."""
    if len(listed) < CONTENTS:
        return False
    return chapter.number == listed[-1].number + 1 if chapter.number else listed[-1].number > 0


def _number(text: str) -> int:
    """Return the value of a number in digits or Roman numerals."""
    if text.isdigit():
        return int(text)
    values = [ROMAN[letter] for letter in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
