"""What may a line of payments hold? What both engines keep to, so that they agree to the cent.

A record is a line: a line break inside quotation marks is no part of the format, so that one stray quotation mark costs
one line, and so that a file can be read from many places at once. Every line that is neither blank nor the header
again is a row, read or put aside for the first of `REASONS` that fits. Patterns are written in what RE2 (Arrow) and
java.util.regex (Spark) have in common.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

LONGEST_HEADER = 65_536  # bytes
LONGEST_LINE = 4_000  # bytes; an export's line has about 200
LARGEST = 10  # digits before the decimal point: sums of many such amounts, in cents, fit into 64 bits
MOST_LISTED = 2_000  # rows of the quarantine that are shown; all are counted
LONGEST_SHOWN = 300  # characters of a line in the quarantine
BLANKS = " \t\u00a0"  # taken from both ends of every field

NEEDED = {
    "quarter": "Quarter Ending",
    "department": "Department",
    "vendor": "Vendor Number",
    "name": "Vendor",
    "amount": "Amount",
    "account": "Account",
}

REASONS = {
    "long": f"The line has at most {LONGEST_LINE:,} bytes.",
    "encoding": "The line is UTF-8.",
    "control": "The line holds no control characters.",
    "fields": "The line has the header's number of fields, and its quotation marks match.",
    "quarter": "Quarter Ending is the last day of a quarter.",
    "department": "There is a department.",
    "vendor": "There is a vendor number.",
    "blank": "There is an amount.",
    "amount": "The amount is a number.",
    "large": f"The amount has at most {LARGEST} digits before the decimal point.",
}

CONTROL = r"[\x00-\x08\x0a-\x1f\x7f]"
PAIR = "\x01"  # stands for two quotation marks in a row; java.util.regex would run out of stack on a loop over them
_FIELD = r'(?:[^",\x01]*|\x01*"[^"]*"|\x01+)'
MOST_FIELDS = 200
US_QUARTER = r"\A(0?3/31|0?6/30|0?9/30|12/31)/((?:19|20)[0-9]{2})(?: 12:00:00 AM)?\z"
ISO_QUARTER = r"\A((?:19|20)[0-9]{2})-(03-31|06-30|09-30|12-31)(?:[T ]00:00:00(?:\.0+)?)?\z"
_DIGITS = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3}){1,9}|[0-9]+)(?:\.[0-9]{0,12})?|\.[0-9]{1,12})"
AMOUNT = rf"\A(?:\(\$?{_DIGITS}\)|-?\$?{_DIGITS}|\$-{_DIGITS})\z"
PLAIN_AMOUNT = r"\A-?[0-9]{1,10}(?:\.[0-9]{1,2})?\z"


class Header(NamedTuple):
    """The first line of a file: its text, how many fields it has, and where the needed ones stand."""

    text: str
    fields: int
    places: dict[str, int]


def line_pattern(fields: int) -> str:
    """Return the pattern of a line of `fields` fields by RFC 4180; fields without quotes hold no quotation marks.

    It is for lines in which each two quotation marks in a row, from the left, have been replaced by `PAIR`.
    """
    return rf"\A{_FIELD}(?:,{_FIELD}){{{fields - 1}}}\z"


def read_header(file: Path) -> Header:
    """Read the first line of an export and find the needed columns, whatever their order and the case of their names.

    Raises:
        ContractError: no header, or a column is missing or there twice.
    """
    import csv

    with file.open("rb") as stream:
        raw = stream.readline(LONGEST_HEADER)
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    if "\r" in text:
        raise ContractError(f"{file.name} ends its lines with a carriage return alone; save it with line feeds.")
    names = [_plain(name) for name in next(csv.reader([text.replace("\0", "")]), [])]
    wanted = {key: _plain(name) for key, name in NEEDED.items()}
    absent = [NEEDED[key] for key, name in wanted.items() if name not in names]
    if absent:
        raise ContractError(
            f"{file.name} has no column {', '.join(absent)} in its first line ({shorten(text, 120) or 'empty'});"
            f" give an export with the columns {', '.join(NEEDED.values())}."
        )
    twice = [NEEDED[key] for key, name in wanted.items() if names.count(name) > 1]
    if twice:
        raise ContractError(f"{file.name} has the column {twice[0]} more than once; leave one of them.")
    if len(names) > MOST_FIELDS:
        raise ContractError(f"{file.name} has {len(names):,} columns; give a file of at most {MOST_FIELDS}.")
    return Header(text, len(names), {key: names.index(name) for key, name in wanted.items()})


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
