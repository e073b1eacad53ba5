"""How may an Excel workbook or a Parquet file be hostile? And what a table is that is to be spoilt."""

import csv
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hardy.hostile_texts import EVERYTHING

MB = 2**20


class Table(NamedTuple):
    """A clean table that is to be spoilt."""

    file: Path
    mark: str  # between columns
    header: int  # on which row, from 0
    aside: str  # a column that does not decide the answer; "" where there is none
    decides: str  # one that does
    further: bool  # whether further columns change nothing

    def rows(self) -> list[list[str]]:
        """Return all cells, those above the header too."""
        csv.field_size_limit(2**30)
        return list(csv.reader(io.StringIO(self.text(), newline=""), delimiter=self.mark))

    def text(self) -> str:
        """Return all of it."""
        content = self.file.read_bytes()
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("cp1252")

    def write(self, rows: list[list[str]]) -> None:
        """Write the cells back."""
        with self.file.open("w", encoding="utf-8", newline="", errors="surrogateescape") as stream:
            csv.writer(stream, delimiter=self.mark, lineterminator="\r\n").writerows(rows)  # it quotes what is in it

    def place(self, column: str) -> int:
        """Return where a column stands."""
        return [cell.strip().rstrip(";") for cell in self.rows()[self.header]].index(column)


Attack = Callable[[Table, random.Random], Path]
"""Spoils the table, and returns the file that now stands for it."""


def _workbook(table: Table, texts: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Return the parts of an Excel workbook of the first rows of a table."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("=cmd|<script>planted()"[:31])
    rows = table.rows()[table.header :][:2_000]
    for number, row in enumerate(rows):
        further = ["Remark" if not number else texts[number % len(texts)]] if texts else []
        sheet.append([cell[:30_000] for cell in row] + further)
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(table: Table, parts: dict[str, bytes]) -> Path:
    target = table.file.with_suffix(".xlsx")
    table.file.unlink()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target


def _declared(content: bytes, doctype: str, use: str) -> bytes:
    """Return XML with a document type, whose entity stands in its first text."""
    text = content.decode()
    start = text.index("?>") + 2 if text.startswith("<?xml") else 0
    body = text[start:].replace("<t>", f"<t>{use}", 1)
    return f'<?xml version="1.0"?>\n{doctype}\n{body}'.encode()


SHEET = "xl/worksheets/sheet1.xml"


def laughs(table: Table, _: random.Random) -> Path:
    """Be a workbook whose sheet laughs a billion times."""
    parts = _workbook(table)
    lines = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    doctype = '<!DOCTYPE x [<!ENTITY l0 "laugh">' + "".join(lines) + "]>"
    return _packed(table, parts | {SHEET: _declared(parts[SHEET], doctype, "&l9;")})


def entity(table: Table, _: random.Random) -> Path:
    """Be a workbook whose sheet wants a file of the machine."""
    parts = _workbook(table)
    doctype = '<!DOCTYPE x [<!ENTITY leak SYSTEM "file:///etc/passwd">]>'
    return _packed(table, parts | {SHEET: _declared(parts[SHEET], doctype, "&leak;")})


def sheet_bomb(table: Table, chance: random.Random) -> Path:
    """Be a workbook that unpacks to 400 MB; perhaps one that lies about it."""
    parts = _workbook(table)
    at = parts[SHEET].index(b"</sheetData>")
    bomb = parts[SHEET][:at] + b"<row/>" * (400 * MB // 6) + parts[SHEET][at:]
    target = _packed(table, parts | {SHEET: bomb})
    if chance.random() < 0.5:  # the sizes in the archive's directory are then those of a small sheet
        size = len(bomb).to_bytes(4, "little")
        target.write_bytes(target.read_bytes().replace(size, (50_000).to_bytes(4, "little")))
    return target


def far_cells(table: Table, _: random.Random) -> Path:
    """Be a workbook with a cell in the last row and column that Excel knows."""
    parts = _workbook(table)
    far = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>planted</t></is></c></row></sheetData>'
    return _packed(table, parts | {SHEET: parts[SHEET].replace(b"</sheetData>", far)})


def hostile_book(table: Table, _: random.Random) -> Path:
    """Be a workbook of hostile cells, as far as XML can hold them."""
    return _packed(table, _workbook(table, tuple(text for text in EVERYTHING if text.isprintable())))


def _parquet(table: Table, extra: dict[str, object]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = table.rows()[table.header :]
    header, width = [cell.strip().rstrip(";") for cell in rows[0]], len(rows[0])
    cells = [[cell.rstrip(";") for cell in row[:width]] for row in rows[1:] if len(row) >= width]
    columns = {name: pa.array([row[at] for row in cells]) for at, name in enumerate(header)}
    index = pa.array([0] * len(cells), pa.int32())  # one value for all rows is held once
    columns |= {
        name: pa.DictionaryArray.from_arrays(index, pa.array([value]))
        if isinstance(value, str)
        else pa.array([value] * len(cells))
        for name, value in extra.items()
    }
    target = table.file.with_suffix(".parquet")
    table.file.unlink()
    pq.write_table(pa.table(columns), target)
    return target


def hostile_parquet(table: Table, _: random.Random) -> Path:
    """Be a Parquet file of hostile names and cells, with text, bytes and lists."""
    return _parquet(
        table,
        dict(zip(EVERYTHING, reversed(EVERYTHING), strict=True))
        | {"bytes": b"\x1b[31m\xff\x00", "list": ["<script>planted()</script>"] * 3},
    )


def parquet_bomb(table: Table, _: random.Random) -> Path:
    """Be a Parquet file of a few MB in which a text of 2 MB stands in every row."""
    return _parquet(table, {"long": "<b>" * (2 * MB // 3)})


def cut_parquet(table: Table, chance: random.Random) -> Path:
    """Be a Parquet file with a hole, cut off, or with flipped bits."""
    target = _parquet(table, {})
    content = bytearray(target.read_bytes())
    way = chance.randrange(3)
    for _ in range(200 if way == 0 else 0):
        content[chance.randrange(4, len(content) - 8)] ^= 1 << chance.randrange(8)
    half = len(content) // 2
    target.write_bytes(content if way == 0 else content[:half] if way == 1 else content[:4] + content[half:])
    return target


ATTACKS: dict[str, Attack] = {
    "laughs": laughs,
    "entity": entity,
    "sheet-bomb": sheet_bomb,
    "far-cells": far_cells,
    "hostile-book": hostile_book,
    "hostile-parquet": hostile_parquet,
    "cut-parquet": cut_parquet,
    "parquet-bomb": parquet_bomb,
}
