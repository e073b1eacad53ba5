"""Names of other people's columns: for files of one's own only, and only of columns that the case reads."""

import pytest

from tasks.cases.births.ingestion import read_births
from tasks.ingestion.warehouse.bigquery import Limits
from tasks.platform.errors import UsageError


@pytest.mark.parametrize(
    ("source", "columns", "words"),
    [
        ("sample", "mother_age=Age", "--columns is for files of your own"),
        ("bigquery:a.b.c", "mother_age=Age", "--columns is for files of your own"),
        ("b.csv", "age=Age", "ours may be year, weight_pounds, mother_age"),
        ("b.csv", "mother_age=", "mother_age is to be one column"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(source: str, columns: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_births(source, "auto", 20_000, (1900, 2100), "", Limits(), columns)
