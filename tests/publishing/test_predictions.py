"""A champion is asked about new rows: which one answers, what is refused, and what is said where it guesses."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from pydantic import Field

from tasks.evaluation.champions import Champion, crown, reigning
from tasks.features.support import told, unlike
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.store import Stored, store
from tasks.publishing import predictions
from tasks.publishing.predictions import Answered, file_given, main, predict, whose


def _double(champion: Champion, given: str, *, factor: Annotated[int, Field(ge=1, le=9)] = 2) -> Answered:
    """Multiply.

    Args:
        champion: that answers.
        given: path of a CSV with a column x.
        factor: to multiply by.
    """
    table = pd.read_csv(file_given(given))
    weight = float(champion.artifacts["weight"].load(np.ndarray)[0]) if champion.artifacts else 1.0
    return Answered(table.assign(y=table["x"] * factor * weight), "Multiplied.", ["a warning \x1b[31m"])


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> str:
    """A case that can be asked; no champion yet."""
    module = ModuleType("tasks.cases.doubling.predictions")
    module.predict = _double  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(predictions, "answering", lambda: ["doubling"])
    return "doubling"


def champion(model: str, artifacts: dict[str, Stored] | None = None, days: int = 0) -> Champion:
    since = datetime.now(UTC) - timedelta(days=days)
    record = Champion(model=model, version=1, run="r", since=since, artifacts=artifacts or {})
    crowned = crown(record, None)
    assert crowned
    return crowned


@pytest.mark.parametrize(
    "rows", [{"x": 3}, [{"x": 3}], pd.DataFrame({"x": [3]})], ids=["a mapping", "a list of them", "a frame"]
)
def test_rows_are_given_in_any_way(case: str, rows: object) -> None:
    champion("doubling-sample")
    found = predict(case, rows, factor=3)
    assert found.table["y"].tolist() == [9]
    assert (found.model, found.version) == ("doubling-sample", 1)


def test_the_newest_answers_unless_one_is_named(case: str) -> None:
    champion("doubling-old", days=3)
    champion("doubling-new")
    champion("doublings-of-another-case")
    assert whose(case).model == "doubling-new"
    assert whose(case, "doubling-old").model == "doubling-old"
    assert [record.model for record in reigning("doubling-")] == ["doubling-new", "doubling-old"]


def test_texts_of_rows_reach_the_case_as_they_are(case: str) -> None:
    champion("doubling-sample")
    texts = ["one\rtwo", "\r=1+1", 'a "b",\nc']
    found = predict(case, [{"text": text, "x": 1} for text in texts])
    assert found.table["text"].tolist() == texts


def test_what_cannot_be_asked_is_one_sentence(case: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no champion that could answer; run `python flows/doubling\.py`"):
        predict(case, {"x": 1})
    champion("doubling-sample")
    with pytest.raises(UsageError, match="no champion doubling-none that could answer; there are doubling-sample"):
        predict(case, {"x": 1}, model="doubling-none")
    with pytest.raises(UsageError, match="no model of doubling"):
        predict(case, {"x": 1}, model="../../secrets")
    with pytest.raises(UsageError, match="no option 'wrong'"):
        predict(case, {"x": 1}, wrong=1)
    with pytest.raises(UsageError, match="--factor 10"):
        predict(case, {"x": 1}, factor=10)
    with pytest.raises(UsageError, match="nothing to answer"):
        predict(case, [])
    with pytest.raises(UsageError, match="no such file"):
        predict(case, tmp_path / "none.csv")
    with pytest.raises(UsageError, match="cannot be asked"):
        predict("nonsense", {"x": 1})


def test_a_champion_whose_results_are_gone_says_so(case: str) -> None:
    weight = store().put(np.array([2.0]))
    champion("doubling-sample", {"weight": weight})
    assert predict(case, {"x": 1}).table["y"].tolist() == [4]
    path = store().path(weight)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-4] + b"oops")
    with pytest.raises(CasebookError, match=r"gone or damaged.*run `python flows/doubling.py`"):
        predict(case, {"x": 1})
    path.unlink()
    with pytest.raises(CasebookError, match="gone or damaged"):
        predict(case, {"x": 1})


def test_the_command_prints_answer_table_and_file(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    champion("doubling-sample")
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    pd.DataFrame({"x": range(30)}).to_csv(rows, index=False)
    assert main([case, str(rows), "--factor", "5", "--csv", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "Multiplied."
    assert printed.out.splitlines()[-1] == str(out)
    assert "10 rows more" in printed.out
    assert "By doubling-sample, champion version 1." in printed.err
    assert "\x1b" not in printed.err
    assert pd.read_csv(out)["y"].tolist() == [5.0 * x for x in range(30)]
    with pytest.raises(UsageError, match="there is no folder"):
        main([case, str(rows), "--csv", str(tmp_path / "none" / "out.csv")])


@drawn(
    learned=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    rows=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20),
)
def test_what_lies_outside_the_learned_range_is_told_and_nothing_else(learned: list[float], rows: list[float]) -> None:
    before = pd.DataFrame({"x": learned, "kind": "a"})
    reasons = unlike(pd.DataFrame({"x": rows, "kind": "a"}), before, ["x"], ["kind"])
    assert [bool(reason) for reason in reasons] == [not min(learned) <= value <= max(learned) for value in rows]
    assert len(told(reasons, "row")) <= 4


def test_a_text_that_was_never_seen_is_told_and_a_missing_number_is_not() -> None:
    before = pd.DataFrame({"x": [1.0, 2.0], "kind": ["a", "b"]})
    rows = pd.DataFrame({"x": [np.nan, 1.5], "kind": ["a", "c"]})
    assert unlike(rows, before, ["x"], ["kind"]) == ["", "kind 'c' (never seen)"]
