"""Which cells are numbers: those that the readers can make numbers of, and no others."""

import pandas as pd

from tasks.ingestion.numbers import decimal_comma, is_numeric, without_comma


def test_digits_of_other_scripts_are_text_for_every_reader_alike() -> None:
    odd = pd.Series(["٣٤٥", "１２３", "१२३"])  # Python calls them digits, pandas makes no numbers of them
    assert not is_numeric(odd)
    mixed = pd.concat([pd.Series(["1,5"] * 30), odd], ignore_index=True)
    assert is_numeric(mixed)
    assert decimal_comma([mixed])
    assert without_comma(mixed).tolist() == ["1.5"] * 30 + odd.tolist()
