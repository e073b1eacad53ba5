"""Tables of any columns: what is read, what each column is taken for, and what is refused in words."""

from pathlib import Path

import pandas as pd
import pytest
from quality_products import process, roles_of

from tasks.cases.quality.ingestion.roles import AI4I_MODES, encode_target
from tasks.cases.quality.ingestion.table import NO_PUBLIC, read_products, read_table
from tasks.cases.quality.sample import GIVEAWAY, ROWS, sample_products, write_products
from tasks.cases.quality.validation import quality_contract
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import ContractError, UsageError
from tasks.validation.contract import check_table


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "products.csv"
    file.write_text(text, encoding=encoding)
    return file


def test_the_sample_comes_back_as_it_was_drawn(tmp_path: Path) -> None:
    write_products(tmp_path)
    products = read_table.fn(tmp_path / "products.csv")
    drawn = sample_products()
    assert len(products.frame) == ROWS - 2
    assert products.quarantine["reason"].tolist() == ["Injection pressure [bar] is no number"] * 2
    assert products.quarantine["path"].tolist() == ["products.csv, line 9", "products.csv, line 1205"]
    left = drawn.frame.drop(index=[7, 1203])
    assert products.frame["Melt temperature [°C]"].tolist() == left["Melt temperature [°C]"].tolist()
    roles = roles_of(products.frame)
    assert (roles.target, roles.kind, roles.faulty) == ("Result", "faulty", ["faulty"])
    assert set(roles.left_out) == {"Part", "Finished"}
    assert GIVEAWAY in roles.inputs  # its values, not its name, have to give it away


def test_there_is_no_public_original() -> None:
    with pytest.raises(UsageError, match="no public original"):
        locate.fn("public", Ways(write_products, no_public=NO_PUBLIC))
    assert callable(read_products)


def test_odd_names_and_missing_values_are_read(tmp_path: Path) -> None:
    file = written(tmp_path, '"a, b [°C]","x=y",none,ok?\n1,u,,yes\nNA,v,,no\n2e3,u,,yes\n')
    frame = read_table.fn(file).frame
    assert frame["a, b [°C]"].isna().tolist() == [False, True, False]
    assert frame["none"].isna().all()
    roles = roles_of(frame, target="ok?", faulty="no", leave_out="x=y", keep="a, b [°C]")
    assert roles.inputs == ["a, b [°C]"]
    assert roles.left_out["none"] == "empty"
    assert encode_target(frame, roles).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("a,b\n", "utf-8", "0 rows"),
        ("a\n1\n", "utf-8", "1 columns"),
        ("a,b\n1,é\n", "latin-1", "no table of comma-separated values"),
        ("a,b\n1,2,3\n", "utf-8", "no table of comma-separated values"),
        ("", "utf-8", "no table of comma-separated values"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, encoding: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        read_table.fn(written(tmp_path, text, encoding))


def test_two_rows_are_too_few_for_the_contract() -> None:
    frame = process(600).head(2).assign(failure=[0.0, 1.0])
    frame["x"] = [1.0, 2.0]
    report = check_table(frame, quality_contract(roles_of(frame, keep="x"), 0.1)).report
    assert not report.passed


def test_a_product_without_a_result_is_put_aside() -> None:
    frame = process(200)
    frame.loc[3, "failure"] = None
    checked = check_table(frame, quality_contract(roles_of(frame), 0.1))
    assert checked.quarantine.index.tolist() == [3]


def test_targets_are_told_from_their_values_or_asked_for() -> None:
    frame = process(100).assign(size=lambda table: table["heat [K]"] + 0.5)
    assert roles_of(frame).faulty == ["1"]
    assert roles_of(frame, target="size").kind == "number"
    frame["grade"] = (["a", "b", "c"] * 34)[:100]
    assert roles_of(frame, target="grade").classes == ["a", "b", "c"]
    assert roles_of(frame, target="grade", faulty="b,c").faulty == ["b", "c"]
    frame["state"] = ["red", "green"] * 50
    with pytest.raises(UsageError, match=r"Which values of state count as faulty.*green, red"):
        roles_of(frame, target="state")
    with pytest.raises(UsageError, match="name some"):
        roles_of(frame, target="state", faulty="blue")
    with pytest.raises(UsageError, match="nothing is no column"):
        roles_of(frame, target="nothing")
    with pytest.raises(UsageError, match="name it by --target"):
        roles_of(frame.assign(result=1.0))
    with pytest.raises(UsageError, match="name it by --target"):
        roles_of(frame.drop(columns="failure"))
    with pytest.raises(UsageError, match="No column is left"):
        roles_of(pd.DataFrame({"failure": [0.0, 1.0] * 5, "constant": 1.0}))


def test_the_failure_modes_of_ai4i_are_no_inputs_unless_one_is_the_target() -> None:
    frame = process(100).assign(UID=range(1, 101), **dict.fromkeys(AI4I_MODES, [0.0, 1.0] * 50))
    frame = frame.rename(columns={"failure": "Machine failure"})
    assert not set(AI4I_MODES) & set(roles_of(frame).inputs)
    assert "UID" not in roles_of(frame).inputs
