"""How may JSON, texts and a warehouse's files be hostile? Each attack changes a folder and says what to read then."""

import json
import random
from collections.abc import Callable
from pathlib import Path

from hardy.hostile_outputs import MARK
from hardy.hostile_texts import EVERYTHING, FILE_NAME, HUGE, LEVELS

MB = 2**20
Attack = Callable[[Path, random.Random], Path]


def _answers(folder: Path) -> list[Path]:
    return sorted(folder.glob("facilities-*.json"))


def nested_json(folder: Path, _: random.Random) -> Path:
    """Let saved answers be nested 100,000 levels deep, in lists and in objects."""
    for file, text in zip(
        _answers(folder)[3:6], ("[" * LEVELS + "]" * LEVELS, '{"a":' * LEVELS, "[" * LEVELS), strict=True
    ):
        file.write_text(text)
    whole = json.loads(_answers(folder)[8].read_text())
    text = json.dumps(whole)[:-1] + ', {"equipmentnumber": ' + "[" * LEVELS + "]" * LEVELS + "}]"
    _answers(folder)[8].write_text(text)
    return folder


def odd_json(folder: Path, chance: random.Random) -> Path:
    """Let saved answers hold huge numbers, NaN, other types, keys that come twice, and lone surrogates."""
    odd: list[object] = [None, True, [], {}, "x", -1, 0, 1e308, "9" * 400, [[1]], {"a": {}}]
    for file in _answers(folder)[2:12]:
        rows = json.loads(file.read_text())
        for row in chance.sample(rows, 3):
            row[chance.choice(sorted(row))] = chance.choice(odd)
        text = json.dumps(rows)
        number = chance.choice(("1e999", "9" * 4_400, "NaN", "-Infinity", '"\\ud800"', "1" * 30))
        file.write_text(
            text.replace('"equipmentnumber": 1', f'"equipmentnumber": {number}, "equipmentnumber": 1', 1).replace(
                '"geocoordX": 13', f'"geocoordX": {number}, "old": 13', 2
            )
        )
    return folder


def told_json(folder: Path, chance: random.Random) -> Path:
    """Let descriptions, explanations, operators and names of stations be hostile."""
    for file in sorted(folder.glob("*.json")):
        rows = json.loads(file.read_text())
        for row in rows:
            row |= {
                key: chance.choice(EVERYTHING)
                for key in ("description", "operatorname", "name", "stateExplanation")
                if key in row
            }
        file.write_text(json.dumps(rows, ensure_ascii=False), "utf-8", "surrogatepass")
    return folder


def huge_json(folder: Path, _: random.Random) -> Path:
    """Let an answer hold a text of 60 MB, and another a million lifts."""
    files = _answers(folder)
    files[4].write_text('[{"equipmentnumber": 1, "type": "ELEVATOR", "description": "' + "<b>" * (20 * MB) + '"}]')
    files[5].write_text("[" + ",".join(f'{{"equipmentnumber": {number}}}' for number in range(1_000_000)) + "]")
    return folder


def named_json(folder: Path, _: random.Random) -> Path:
    """Let a folder and the files in it bear hostile names."""
    for number, file in enumerate(_answers(folder)[:6]):
        file.rename(file.with_name(f"{FILE_NAME}{file.name if number % 2 else f'{number}.json'}"))
    return folder.rename(folder.with_name(f"{FILE_NAME}answers"))


def one_bad(folder: Path, chance: random.Random) -> Path:
    """Let one answer of all be cut, the next be empty, and the last be no JSON."""
    files = _answers(folder)
    content = files[7].read_bytes()
    files[7].write_bytes(content[: chance.randrange(len(content))])
    files[8].write_bytes(b"")
    files[-1].write_bytes(EVERYTHING[1].encode() + b"\x00\xff\xfe")
    return folder


JSON: dict[str, Attack] = {
    "nested-json": nested_json,
    "odd-json": odd_json,
    "told-json": told_json,
    "huge-json": huge_json,
    "named-json": named_json,
    "one-bad": one_bad,
}


def _text(folder: Path) -> Path:
    return sorted(folder.glob("the-*.txt"))[0]


def told_text(folder: Path, chance: random.Random) -> Path:
    """Put hostile words and headings into a book."""
    file = _text(folder)
    lines = file.read_text("utf-8-sig").split("\n")
    for number in range(len(lines)):
        if "CHAPTER" in lines[number].upper()[:10]:
            lines[number] += " " + chance.choice(EVERYTHING).replace("\r", "").replace("\n", "")
        elif number % 40 == 0:
            lines[number] += " " + chance.choice(EVERYTHING) * 3
    file.write_text("\n".join(lines), "utf-8", "replace")
    return folder


def endless_word(folder: Path, _: random.Random) -> Path:
    """Add a text of one word of 30 MB, one of a million different words, and one of 20 MB of one letter a line."""
    (folder / "word.txt").write_text("a" * (30 * MB))
    (folder / "words.txt").write_text(" ".join(f"x{number:x}y" for number in range(1_000_000)))
    (folder / "lines.txt").write_text("b\n" * (10 * MB))
    return folder


def odd_bytes(folder: Path, chance: random.Random) -> Path:
    """Add texts with NUL, half of an UTF-16, bytes of no encoding, and thousands of combining marks."""
    text = _text(folder).read_text("utf-8-sig")
    (folder / "nul.txt").write_bytes(text.encode().replace(b" ", b"\0"))
    (folder / "half.txt").write_bytes(text.encode("utf-16")[:-1])
    (folder / "surrogates.txt").write_bytes(b"\xff\xfe" + b"\x00\xd8" * 3_000)
    (folder / "noise.txt").write_bytes(bytes(chance.randrange(1, 256) for _ in range(200_000)))
    (folder / "marks.txt").write_text("Z" + "\u0335\u0489\u0301" * 100_000 + text)
    return folder


def named_text(folder: Path, _: random.Random) -> Path:
    """Give texts hostile names."""
    text = _text(folder).read_text("utf-8-sig")
    for number, name in enumerate(EVERYTHING):
        if number % 3 == 0:
            (folder / f"{name.replace('/', '∕')}{number}.txt").write_text(text[: len(text) // 2 + number * 50])
    return folder.rename(folder.with_name(f"{FILE_NAME}texts"))


def chapters(folder: Path, _: random.Random) -> Path:
    """Add a text of 200,000 headings, and one whose numbers of chapters are huge."""
    (folder / "headings.txt").write_text("".join(f"CHAPTER {n}. <b>planted</b>\n" for n in range(200_000)))
    (folder / "numbers.txt").write_text("".join(f"CHAPTER {'M' * 9}\n\n{'word ' * 200}\n\n" for n in range(5)))
    return folder


TEXT: dict[str, Attack] = {
    "told-text": told_text,
    "endless-word": endless_word,
    "odd-bytes": odd_bytes,
    "named-text": named_text,
    "chapters": chapters,
}


def _births(folder: Path) -> Path:
    return folder / "births.parquet"


def sql_names(folder: Path, _: random.Random) -> Path:
    """Give the file a name that ends a string of SQL."""
    return _births(folder).rename(folder / f"x'); COPY (SELECT 1) TO '{MARK}'; --{FILE_NAME}.parquet")


def sql_columns(folder: Path, chance: random.Random) -> Path:
    """Add columns whose names end identifiers of SQL, and hostile texts in them; a state of two letters too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(_births(folder))
    for name in (f"x\"; COPY (SELECT 1) TO '{MARK}'; --", *EVERYTHING[:6]):
        table = table.append_column(name, pa.array([chance.choice(EVERYTHING) for _ in range(len(table))]))
    at = table.column_names.index("state")
    table = table.set_column(at, "state", pa.array([chance.choice(EVERYTHING) for _ in range(len(table))]))
    pq.write_table(table, _births(folder))
    return _births(folder)


def cut(folder: Path, chance: random.Random) -> Path:
    """Flip bits in the pages of the file, or cut it."""
    content = bytearray(_births(folder).read_bytes())
    for _ in range(300):
        content[chance.randrange(4, len(content) - 8)] ^= 1 << chance.randrange(8)
    _births(folder).write_bytes(content)
    return _births(folder)


def other_types(folder: Path, _: random.Random) -> Path:
    """Hold the numbers as texts, lists and structures."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(_births(folder))
    for name, values in {
        "weight_pounds": [EVERYTHING[number % 20] for number in range(len(table))],
        "mother_age": [[number % 40] for number in range(len(table))],
        "year": [{"a": 1990} for _ in range(len(table))],
    }.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, _births(folder))
    return _births(folder)


def wide_numbers(folder: Path, chance: random.Random) -> Path:
    """Be a CSV file whose numbers no machine holds, with a quotation mark that has no end."""
    import pyarrow.parquet as pq

    frame = pq.read_table(_births(folder)).to_pandas().head(5_000).astype(object)
    for row in range(0, len(frame), 97):
        frame.loc[row, chance.choice(["weight_pounds", "mother_age", "year", "plurality"])] = chance.choice(HUGE)
    target = folder / "births.csv"
    frame.to_csv(target, index=False)
    with target.open("a") as stream:
        stream.write('"' + "1,2,3\n" * (5 * MB))
    _births(folder).unlink()
    return target


def bomb(folder: Path, _: random.Random) -> Path:
    """Be a Parquet file of one megabyte with 300 million equal rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(_births(folder)).slice(0, 1)
    block = pa.concat_tables([table.slice(0, 1)] * 1_000).combine_chunks()
    block = pa.concat_tables([block] * 1_000).combine_chunks()
    with pq.ParquetWriter(_births(folder), table.schema, compression="zstd") as writer:
        for _block in range(20):
            writer.write_table(block, row_group_size=1_000_000)
    return _births(folder)


WAREHOUSE: dict[str, Attack] = {
    "sql-names": sql_names,
    "sql-columns": sql_columns,
    "cut": cut,
    "other-types": other_types,
    "wide-numbers": wide_numbers,
    "many-rows": bomb,
}
