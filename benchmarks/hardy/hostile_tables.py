"""How may a table be hostile? Each attack changes the copy of a case's clean table and says what to read then."""

import gzip
import json
import os
import random
import zipfile
import zlib
from pathlib import Path

from hardy import hostile_books
from hardy.hostile_books import Attack, Table
from hardy.hostile_outputs import MARK
from hardy.hostile_texts import ESCAPES, EVERYTHING, FILE_NAME, HUGE, KINDS, LEVELS

MB = 2**20


def _filled(table: Table, column: str, texts: tuple[str, ...], every: int, chance: random.Random) -> Path:
    """Put hostile texts into a column of every so many rows; without a name into a further one."""
    rows = table.rows()
    at = table.place(column) if column else -1
    for number, row in enumerate(rows):
        if number == table.header and at < 0:
            row.append("Remark")
        elif number > table.header and at < 0:
            row.append(chance.choice(texts) if number % every == 0 else "")
        elif number > table.header + 1 and number % every == 0 and len(row) > at:
            row[at] = chance.choice(texts)
    table.write(rows)
    return table.file


def beside(kind: str) -> Attack:
    """Put texts of a kind where they decide nothing."""
    return lambda table, chance: _filled(table, table.aside, KINDS[kind], 5, chance)


def within(kind: str) -> Attack:
    """Put texts of a kind into a few cells of a column that decides."""
    return lambda table, chance: _filled(table, table.decides, KINDS[kind], 400, chance)


def huge_numbers(table: Table, chance: random.Random) -> Path:
    """Put numbers that no machine holds into a few cells of a column that decides."""
    return _filled(table, table.decides, HUGE, 150, chance)


def hostile_names(table: Table, chance: random.Random) -> Path:
    """Add columns whose names are hostile."""
    rows, names = table.rows(), chance.sample(EVERYTHING, 8)
    for number, row in enumerate(rows[table.header :]):
        row += names if not number else [chance.choice(EVERYTHING) if number % 50 == 0 else "1"] * len(names)
    table.write(rows)
    return table.file


def renamed(table: Table, chance: random.Random) -> Path:
    """Give the column that decides a hostile name, so that the refusal has to show what is there."""
    rows, at = table.rows(), table.place(table.decides)
    rows[table.header] = [chance.choice(EVERYTHING) for _ in rows[table.header]]
    rows[table.header][at] = "<b>" + table.decides + "\x1b[31m\u202e\nsecond line"
    table.write(rows)
    return table.file


def twice(table: Table, chance: random.Random) -> Path:
    """Let columns come twice, with other values."""
    rows = table.rows()
    for row in rows[table.header :]:
        row += row[: len(row)]
    chance.shuffle(rows[-1])
    table.write(rows)
    return table.file


def million_columns(table: Table, _: random.Random) -> Path:
    """Append a million columns to the header, and cells to a row."""
    lines = table.text().split("\n")
    lines[table.header] += table.mark + table.mark.join(f"c{number}" for number in range(1_000_000))
    lines[table.header + 1] += table.mark * 1_000_000
    table.file.write_text("\n".join(lines))
    return table.file


def endless_quote(table: Table, chance: random.Random) -> Path:
    """Open a quotation mark in the middle that nothing closes, and let 60 MB follow."""
    text = table.text()
    at = text.index("\n", chance.randrange(len(text) // 4, len(text) // 2)) + 1
    with table.file.open("w") as stream:
        stream.write(text[:at] + '"')
        rest = text[at:].replace('"', "")
        for _ in range(60 * MB // len(rest) + 1):
            stream.write(rest)
    return table.file


def huge_cell(table: Table, _: random.Random) -> Path:
    """Put 50 MB into one cell."""
    rows = table.rows()
    at = table.place(table.aside) if table.aside else table.place(table.decides)
    rows[table.header + 3][at] = "<script>planted()</script>\x1b[31m" * (50 * MB // 31)
    table.write(rows)
    return table.file


def long_line(table: Table, _: random.Random) -> Path:
    """Be 80 MB without a line break."""
    with table.file.open("w") as stream:
        for _block in range(80):
            stream.write(f"a{table.mark}" * (MB // 2))
    return table.file


def nul(table: Table, chance: random.Random) -> Path:
    """Scatter NUL bytes over the cells."""
    content = bytearray(table.file.read_bytes())
    for _ in range(50):
        content.insert(chance.randrange(len(content) // 4, len(content)), 0)
    table.file.write_bytes(content)
    return table.file


def stray_bytes(table: Table, chance: random.Random) -> Path:
    """Scatter bytes that are no UTF-8: continuations, overlong forms, surrogates."""
    content = bytearray(table.file.read_bytes())
    for _ in range(60):
        at = chance.randrange(len(content) // 4, len(content))
        content[at:at] = chance.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xc2"))
    table.file.write_bytes(content)
    return table.file


def half_utf16(table: Table, _: random.Random) -> Path:
    """Be UTF-16 that ends within a character, with lone surrogates before."""
    content = table.text().encode("utf-16")
    middle = len(content) // 4 * 2
    table.file.write_bytes(content[:middle] + b"\x00\xd8" * 20 + content[middle:-1])
    return table.file


def gzip_bomb(table: Table, _: random.Random) -> Path:
    """Be a gzip file of 4 MB that unpacks to 4 GB of rows."""
    text = table.file.read_bytes()
    member = gzip.compress(text.partition(b"\n")[2] * (64 * MB // len(text)), 1)
    zeros = gzip.compress(b"0" * (64 * MB), 9)
    with table.file.open("wb") as stream:
        stream.write(gzip.compress(text) + member[: len(member)])
        for _number in range(64):
            stream.write(zeros)
    return table.file


def zip_escapes(table: Table, chance: random.Random) -> Path:
    """Be a zip whose members lead out, link out, and hold the table and a bomb."""
    text = table.file.read_bytes()
    with zipfile.ZipFile(table.file, "w", zipfile.ZIP_DEFLATED) as archive:
        for pattern in ESCAPES:
            archive.writestr(pattern.format(MARK), "planted")
        link = zipfile.ZipInfo(f"link-{MARK}.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(chance.choice(ESCAPES).format(f"{MARK}.csv"), text)
        archive.writestr(table.file.name, text)
        archive.writestr("bomb.csv", bytes(300 * MB))
    return table.file


def deep_json(table: Table, chance: random.Random) -> Path:
    """Put JSON of 100,000 levels into cells."""
    texts = ("[" * LEVELS + "]" * LEVELS, '{"a":' * LEVELS + "1" + "}" * LEVELS)
    return _filled(table, table.aside, texts, 300, chance)


def ragged(table: Table, chance: random.Random) -> Path:
    """Let rows have any number of cells."""
    rows = table.rows()
    table.write(
        [
            row if number <= table.header or number % 9 else row[: chance.randrange(len(row))] + EVERYTHING * 3
            for number, row in enumerate(map(tuple, rows))
        ]
    )  # type: ignore[misc]
    return table.file


def quotes(table: Table, _: random.Random) -> Path:
    """Follow the table with 20 MB of quotation marks."""
    with table.file.open("a") as stream:
        for _number in range(20):
            stream.write('"' * MB)
    return table.file


def nothing(table: Table, chance: random.Random) -> Path:
    """Be a file of a byte order mark, of line breaks, or of nothing."""
    table.file.write_bytes(chance.choice((b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n" * 3_000_000, b"\x00" * MB)))
    return table.file


def named(table: Table, _: random.Random) -> Path:
    """Bear a hostile name."""
    return table.file.rename(table.file.with_name(f"{FILE_NAME}{table.file.name}"))


def device(table: Table, chance: random.Random) -> Path:
    """Be a link to a device, or a pipe that nobody writes."""
    table.file.unlink()
    if chance.random() < 0.5:
        table.file.symlink_to("/dev/zero")
    else:
        os.mkfifo(table.file)
    return table.file


def deep_file(table: Table, _: random.Random) -> Path:
    """Be JSON of 100,000 levels under the name of a table."""
    table.file.write_text(json.dumps({"a": 1})[:-1] + ',"b":' + "[" * LEVELS + "]" * LEVELS + "}")
    return table.file


def raw_deflate(table: Table, _: random.Random) -> Path:
    """Be a gzip file whose content is damaged behind a whole beginning."""
    packed = bytearray(gzip.compress(table.file.read_bytes()))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = zlib.compress(b"x" * 100)[:40].ljust(40, b"\0")
    table.file.write_bytes(packed)
    return table.file


BESIDE: dict[str, Attack] = {f"beside-{kind}": beside(kind) for kind in KINDS}  # the answer stays
PLAIN: dict[str, Attack] = {
    **{f"within-{kind}": within(kind) for kind in KINDS},
    "huge-numbers": huge_numbers,
    "hostile-names": hostile_names,
    "renamed": renamed,
    "twice": twice,
    "million-columns": million_columns,
    "endless-quote": endless_quote,
    "huge-cell": huge_cell,
    "long-line": long_line,
    "nul": nul,
    "stray-bytes": stray_bytes,
    "half-utf16": half_utf16,
    "gzip-bomb": gzip_bomb,
    "zip-escapes": zip_escapes,
    "deep-json": deep_json,
    "ragged": ragged,
    "quotes": quotes,
    "nothing": nothing,
    "named": named,
    "device": device,
    "deep-file": deep_file,
    "damaged-gzip": raw_deflate,
}
ATTACKS = BESIDE | PLAIN | hostile_books.ATTACKS
