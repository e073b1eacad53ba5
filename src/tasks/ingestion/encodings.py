"""In which encoding is a text? UTF-8 and UTF-16 say it themselves; charset-normalizer tells what others look like.

Where a text looks as well in another encoding, with other letters, nothing is guessed: what texts beside it are in
decides, else the file is put aside, and the user can say what it is.
"""

import codecs
from collections.abc import Set
from itertools import pairwise
from typing import Any, NamedTuple

from tasks.platform.errors import UsageError

LOOKED_AT = 200_000  # bytes that tell the encoding
WESTERN = "cp1252"  # what Windows wrote for Western languages; contains Latin-1
CHAOS, COHERENCE = 0.05, 0.08  # how much worse a reading may look and still be a rival


class Decoded(NamedTuple):
    """A text and its encoding, or why it is none: a reason and a detail."""

    text: str
    encoding: str
    problem: tuple[str, str] | None = None


def checked_encoding(name: str) -> str:
    """Return the name of an encoding of texts; `auto` stays.

    Raises:
        UsageError: there is no such encoding.
    """
    if name == "auto":
        return name
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
    except (LookupError, ValueError):
        raise UsageError(f"There is no encoding {name!r}; name one such as utf-8, cp1251, gb18030 or big5.") from None
    return found.name


def decoded(content: bytes, wanted: str = "auto", others: Set[str] = frozenset()) -> Decoded:
    """Decode a text.

    Args:
        content: of the file.
        wanted: the encoding of a text that is neither UTF-8 nor marked as UTF-16; `auto` finds it.
        others: encodings of texts beside it, which decide where it could be in several.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _strictly(content, "utf-16", "UTF-16")
    if wanted == "auto" and b"\0" in content:
        return Decoded("", "", ("not-text", f"byte {content.index(0):,} is zero"))
    if not content.strip():
        return Decoded("", "", ("empty", "the file holds no text"))
    try:
        return Decoded(content.decode("utf-8-sig"), "utf-8")
    except UnicodeDecodeError:
        pass
    if wanted != "auto":
        return _strictly(content, wanted, wanted)
    name, rivals = _looks_like(content)
    shared = [rival for rival in rivals if rival and rival in others]  # "" is that of texts that were put aside
    if len(shared) == 1:
        return _strictly(content, shared[0], shared[0])
    if rivals:
        detail = f"it could be {' or '.join(rivals)}; say which (encoding)" if rivals[0] else "say it (encoding)"
        return Decoded("", "", ("unknown-encoding", detail))
    return _strictly(content, name, name)


def _strictly(content: bytes, encoding: str, shown: str) -> Decoded:
    try:
        return Decoded(content.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        return Decoded("", "", ("not-text", f"byte {error.start:,} is no {shown}"))


def _looks_like(content: bytes) -> tuple[str, list[str]]:
    """Return the encoding that a text looks to be in; or those that it could be in as well, [""] where in none."""
    from charset_normalizer import from_bytes

    end = content.rfind(b"\n", 0, LOOKED_AT) + 1 if len(content) > LOOKED_AT else 0
    found = from_bytes(content[: end or len(content)])
    best = found.best()
    if best is None:
        return "", [""]
    near = [
        match for match in found if match.chaos <= best.chaos + CHAOS and match.coherence >= best.coherence - COHERENCE
    ]
    odd = [_odd_capitals(str(match)) for match in near]
    near = [match for match, count in zip(near, odd, strict=True) if count <= 2 * min(odd)]
    best = near[0]
    if any(WESTERN in match.could_be_from_charset for match in near) and not _foreign(best):
        return WESTERN, []
    letters = _letters(best)
    others = [match.encoding for match in near if _letters(match) != letters]
    return ("", [best.encoding, *others[:2]]) if others else (best.encoding, [])


def _odd_capitals(text: str) -> int:
    """Count capitals behind small letters: Russian of Windows read as KOI8 has small and capital letters exchanged."""
    return sum(left.islower() and right.isupper() for left, right in pairwise(text))


def _foreign(match: Any) -> bool:
    """Tell whether a reading has letters of another alphabet than the Latin one."""
    return any(letter > "\u024f" for letter in _letters(match))


def _letters(match: Any) -> set[str]:
    return {letter for letter in str(match) if letter.isalpha()}
