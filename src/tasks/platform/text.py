"""Text from strangers (file names, labels, error messages): how is it shown without doing harm?

A file name may hold anything but a slash: bytes that are no UTF-8, control characters, marks that turn the reading
direction round so that `gpj.exe` reads as `exe.jpg`. Shown text keeps every letter of every script and makes the rest
visible.
"""

_REPLACEMENT = "\ufffd"
_DIRECTION_MARKS = frozenset(range(0x202A, 0x202F)) | frozenset(range(0x2066, 0x206A))


def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF or 0x80 <= code < 0xA0 or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return _REPLACEMENT
    if code in _DIRECTION_MARKS:
        return f"[U+{code:04X}]"
    if character in "\n\t":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return " " if code in (0x2028, 0x2029) else character


def printable(text: str) -> str:
    """Return `text` with everything visible that is not: control characters, direction marks, stray bytes.

    The result is valid UTF-8 and valid in XML and HTML; line breaks and tabs stay.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def capital(text: str) -> str:
    """Return `text` with its first letter large, and all others as they are."""
    return text[:1].upper() + text[1:]


def encodable(text: str) -> str:
    """Return `text` with only the characters changed that UTF-8 cannot carry (lone surrogates)."""
    if text.isascii():
        return text
    return "".join(_shown(character) if 0xD800 <= ord(character) <= 0xDFFF else character for character in text)


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters; the middle gives way, as names differ at their ends."""
    line = " ".join(printable(text).split())
    if len(line) <= limit:
        return line
    head = limit // 2
    return f"{line[:head].rstrip()}…{line[len(line) - (limit - 1 - head) :].lstrip()}"
