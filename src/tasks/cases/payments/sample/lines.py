"""How do payments become the lines of an export, and what is wrong with some of them? Arrow does the work."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.payments.sample.names import ACCOUNTS, DEPARTMENTS, FUNDS, TOWNS

if TYPE_CHECKING:
    import pyarrow as pa

ENDS = {1: "03/31", 2: "06/30", 3: "09/30", 4: "12/31"}
ISO_FROM = 2018  # the year from which the export writes dates as its interface does
NOTES = ("n/a", "pending", "see note", "1.234,56")
KINDS = {"blank": 5e-4, "text": 3e-4, "cut": 2e-4, "quote": 1e-4, "quarter": 2e-4}


class Dirt(NamedTuple):
    """What is wrong with each row: its kind of damage ("" for none), and how its amount is written."""

    damage: np.ndarray
    style: np.ndarray  # 0 plain, 1 with dollar sign and commas, 2 negative in brackets

    @property
    def unreadable(self) -> np.ndarray:
        """Which rows nobody can read."""
        return self.damage != ""

    def counts(self) -> dict[str, int]:
        """Return how many rows suffer each kind of damage."""
        return {kind: int((self.damage == kind).sum()) for kind in KINDS}


def damaged(part: pd.DataFrame, chance: np.random.Generator) -> Dirt:
    """Choose the rows that are hard or impossible to read; planted rows stay readable."""
    edges = np.cumsum(list(KINDS.values()))
    drawn = np.searchsorted(edges, chance.random(len(part)), side="right")
    damage = np.array([*KINDS, ""], dtype="U8")[np.where(part["planted"], len(KINDS), drawn)]
    styled = chance.random(len(part))
    brackets = (part["cents"].to_numpy() < 0) & (styled < 0.3)
    return Dirt(damage, np.where(brackets, 2, np.where(styled > 0.99, 1, 0)))


def _quoted(names: list[str]) -> "pa.Array":
    """Return names as CSV fields, quoted where they have to be."""
    import pyarrow as pa

    special = [name if not set(name) & set(',"') else '"' + name.replace('"', '""') + '"' for name in names]
    return pa.array(special)


def _amounts(cents: np.ndarray, dirt: Dirt) -> "pa.Array":
    """Return amounts as the export writes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole, rest = np.divmod(np.abs(cents), 100)
    plain = pc.binary_join_element_wise(
        pc.cast(pa.array(whole), pa.string()), pc.utf8_lpad(pc.cast(pa.array(rest), pa.string()), 2, "0"), "."
    )
    signed = pc.if_else(pa.array(cents < 0), pc.binary_join_element_wise("-", plain, ""), plain)
    odd = np.flatnonzero((dirt.style > 0) | (dirt.damage == "blank") | (dirt.damage == "text"))
    texts = [_odd_amount(int(cents[row]), int(dirt.style[row]), str(dirt.damage[row]), int(row)) for row in odd]
    mask = np.zeros(len(cents), bool)
    mask[odd] = True
    return pc.replace_with_mask(signed, pa.array(mask), pa.array(texts, pa.string()))


def _odd_amount(cents: int, style: int, damage: str, row: int) -> str:
    """Return one amount as only some rows have it, as a CSV field."""
    if damage in {"blank", "text"}:
        note = "" if damage == "blank" else NOTES[row % len(NOTES)]
        return f'"{note}"' if "," in note else note
    if style == 2:
        return f"({-cents / 100:.2f})"
    text = f"{'-' if cents < 0 else ''}${abs(cents) / 100:,.2f}"
    return f'"{text}"' if "," in text else text


def _ending(year: int, quarter: int) -> str:
    month, day = ENDS[quarter].split("/")
    return f"{year}-{month}-{day}T00:00:00.000" if year >= ISO_FROM else f"{month}/{day}/{year}"


def csv_lines(part: pd.DataFrame, people: pd.DataFrame, year: int, quarter: int, dirt: Dirt) -> bytes:
    """Return the rows of one quarter as lines of the export."""
    import pyarrow as pa
    import pyarrow.compute as pc

    department, vendor, account = (part[name].to_numpy() for name in ("department", "vendor", "account"))
    rows = len(part)

    def chosen(names: "pa.Array", numbers: np.ndarray) -> "pa.Array":
        return names.take(pa.array(numbers))

    ending = np.where(dirt.damage == "quarter", f"13/45/{year}", _ending(year, quarter))
    units = [f"{1000 + 110 * number:05d}" for number in range(len(DEPARTMENTS))]
    fields = [
        pa.array(ending),
        chosen(_quoted(list(DEPARTMENTS)), department),
        chosen(pa.array(units), department),
        chosen(pa.array(people["number"]), vendor),
        chosen(_quoted(list(people["name"])), vendor),
        chosen(pa.array([town for town, _ in TOWNS]), vendor % len(TOWNS)),
        chosen(pa.array([state for _, state in TOWNS]), vendor % len(TOWNS)),
        chosen(_quoted([f"{name} - Operations" for name in DEPARTMENTS]), department),
        chosen(pa.array([f"{unit}00001" for unit in units]), department),
        _amounts(part["cents"].to_numpy(), dirt),
        chosen(_quoted([name for name, _ in ACCOUNTS]), account),
        chosen(pa.array([number for _, number in ACCOUNTS]), account),
        chosen(pa.array([name for name, _ in FUNDS]), department % len(FUNDS)),
        chosen(pa.array([number for _, number in FUNDS]), department % len(FUNDS)),
    ]
    lines = _torn(pc.binary_join_element_wise(*fields, ","), dirt)
    whole = pa.ListArray.from_arrays(pa.array([0, rows], pa.int32()), lines.cast(pa.large_string()))
    return bytes(pc.binary_join(whole, pa.scalar("\n", pa.large_string()))[0].as_buffer()) + b"\n"


def _torn(lines: "pa.Array", dirt: Dirt) -> "pa.Array":
    """Cut the lines that are to be cut, and leave a quotation mark open in others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = (dirt.damage == "cut") | (dirt.damage == "quote")
    texts = lines.filter(pa.array(mask)).to_pylist()
    torn = [
        line[: len(line) // 2] if kind == "cut" else f'{line},"'
        for line, kind in zip(texts, dirt.damage[mask], strict=True)
    ]
    return pc.replace_with_mask(lines, pa.array(mask), pa.array(torn, pa.string()))
