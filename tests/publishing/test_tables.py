"""What the report says of a table's data and of the rows that were put aside."""

from pathlib import Path

import pandas as pd

from tasks.ingestion.files import Source
from tasks.publishing.tables import broken_rows, data_record, figure_block
from tasks.validation.contract import Contract, Rule, check_table
from tasks.validation.tables import validate_table

CONTRACT = Contract(
    name="prices",
    max_quarantined=0.5,
    rules=[
        Rule(
            rule="A price is positive.",
            expectation="ExpectColumnValuesToBeBetween",
            arguments={"column": "price", "min_value": 0.01},
            quarantine=True,
        )
    ],
)


def test_rows_in_quarantine_are_named_with_rule_and_values():
    frame = pd.DataFrame({"name": ["flat <b>", "house", "x" * 500], "price": [-1.0, 20, float("nan")]}, index=[4, 7, 9])
    aside = check_table(frame, CONTRACT).quarantine
    rows = broken_rows(aside, "name")
    assert rows[0].path == "row 4 (flat <b>)"
    assert rows[0].reason == "A price is positive."
    assert rows[0].detail == "name=flat <b>, price=-1.0"
    assert "price" not in rows[1].detail  # a missing value is not told
    assert len(rows[1].path) < 120
    assert len(rows[1].detail) <= 200
    assert broken_rows(aside)[1].path == "row 9"


def test_rows_that_stay_are_numbered_anew():
    frame = pd.DataFrame({"name": list("abc"), "price": [-1.0, 20, 30]})
    checked = validate_table.fn(frame, CONTRACT)
    assert checked.frame.index.tolist() == [0, 1]
    assert checked.quarantine.index.tolist() == [0]
    assert checked.report.quarantined == 1


def test_the_data_are_told_with_their_digest():
    source = Source(name="sample", source="sample", files=[Path("a.csv")], sha256="0" * 64, note="made here")
    record = data_record(source, 12)
    assert (record.rows, record.sha256, record.note) == (12, "0" * 64, "made here")


def test_a_figure_says_what_it_shows():
    from tasks.figures.style import new_figure

    figure, axes = new_figure(4, 2)
    axes.plot([1, 2], [3, 4])
    block = figure_block(figure, "a line that rises", "rises")
    assert block.svg.lstrip().startswith("<?xml") or "<svg" in block.svg
    assert block.alt == "a line that rises"
