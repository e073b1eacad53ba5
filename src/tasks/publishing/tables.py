"""Parts of a report that every case about tables needs: its data, its quarantine, a figure."""

from typing import TYPE_CHECKING

import pandas as pd

from tasks.figures.style import figure_to_svg
from tasks.ingestion.files import Source
from tasks.platform.text import shorten
from tasks.publishing.blocks import Figure
from tasks.publishing.report import DataRecord, QuarantineRow
from tasks.validation.contract import BROKEN_RULES

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

LONGEST_DETAIL = 200  # characters


def figure_block(drawing: "Drawing", alt: str, caption: str = "", dots_per_inch: int = 150) -> Figure:
    """Return a figure of `tasks.figures` as a part of the report; `alt` says what it shows."""
    return Figure(svg=figure_to_svg(drawing, dots_per_inch), alt=alt, caption=caption)


def data_record(source: Source, rows: int | None) -> DataRecord:
    """Say what data the run rests on."""
    return DataRecord(source=source.source, sha256=source.sha256, rows=rows, note=source.note)


def broken_rows(quarantine: pd.DataFrame, key: str = "") -> list[QuarantineRow]:
    """Return the rows that a contract has put aside: which row, which rule, which values.

    Args:
        quarantine: as `tasks.validation.contract.check_table` returns it.
        key: the column that tells a reader which row is meant; the row's number when empty.
    """
    values = quarantine.drop(columns=BROKEN_RULES)
    rows = []
    for label, record, reason in zip(
        quarantine.index, values.to_dict("records"), quarantine[BROKEN_RULES], strict=True
    ):
        name = f"row {label} ({shorten(str(record[key]), 80)})" if key else f"row {label}"
        told = ", ".join(f"{column}={value}" for column, value in record.items() if pd.notna(value))
        rows.append(QuarantineRow(path=name, reason=str(reason), detail=shorten(told, LONGEST_DETAIL)))
    return rows
