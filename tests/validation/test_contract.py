"""The contract engine against bad tables: every row that breaks a rule is found, and no other."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.platform.errors import ContractError
from tasks.validation.contract import BROKEN_RULES, Checked, Contract, Rule, RuleResult, check_table, enforce
from tasks.validation.data_docs import write_data_docs

BETWEEN = "ExpectColumnValuesToBeBetween"
UNIQUE = "ExpectColumnValuesToBeUnique"
REGEX = "ExpectColumnValuesToMatchRegex"
NOT_NULL = "ExpectColumnValuesToNotBeNull"


def between(column: str = "a", low: float | None = 0, high: float | None = 10, **more: object) -> Rule:
    bounds = {"column": column, "min_value": low, "max_value": high}
    return Rule(rule="It is between the bounds.", expectation=BETWEEN, arguments=bounds, **more)


def of(column: str, expectation: str, **more: object) -> Rule:
    return Rule(rule="It is as it should be.", expectation=expectation, arguments={"column": column}, **more)


def contract(*rules: Rule, **more: object) -> Contract:
    return Contract(name="the table", rules=list(rules), **more)


def only(checked: Checked) -> RuleResult:
    """The result of the only rule; the first is that there are rows."""
    assert checked.report.results[0].rule.startswith("There are at least")
    return checked.report.results[1]


TABLE = [
    # name, frame, rule, broken rows
    ("good", pd.DataFrame({"a": [0, 5, 10]}), between(), []),
    ("out of range", pd.DataFrame({"a": [-1, 5, 11]}), between(), [0, 2]),
    ("null", pd.DataFrame({"a": [1, None, 3]}), between(), [1]),
    ("null allowed", pd.DataFrame({"a": [1, None, 30]}), between(missing_ok=True), [2]),
    ("all null", pd.DataFrame({"a": [np.nan, np.nan]}), between(), [0, 1]),
    ("null text", pd.DataFrame({"a": ["x", None, ""]}), of("a", NOT_NULL), [1]),
    ("NaN and infinity", pd.DataFrame({"a": [1, np.nan, np.inf, -np.inf]}), between(), [1, 2, 3]),
    ("infinity, no upper bound", pd.DataFrame({"a": [1, np.inf, -np.inf]}), between(high=None), [2]),
    ("duplicates", pd.DataFrame({"a": [1, 2, 1, 3, 2]}), of("a", UNIQUE), [0, 1, 2, 4]),
    ("lists", pd.DataFrame({"a": [[1], [2], [1]]}), of("a", UNIQUE), [0, 2]),
    ("text among numbers", pd.DataFrame({"a": [1, "x", 30, None, "5"]}), between(), [1, 2, 3, 4]),
    ("text among numbers, null allowed", pd.DataFrame({"a": [1, "x", None]}), between(missing_ok=True), [1]),
    ("only texts", pd.DataFrame({"a": ["1", "2"]}), between(), [0, 1]),
    ("repeated index labels", pd.DataFrame({"a": [1, 99, 2]}, index=[7, 7, 7]), between(), [1]),
    ("nullable integers", pd.DataFrame({"a": pd.array([1, None, 99], dtype="Int64")}), between(), [1, 2]),
    ("uint64", pd.DataFrame({"a": np.array([1, 2**64 - 1], np.uint64)}), between(high=2**63), [1]),
    ("mostly", pd.DataFrame({"a": [1, 2, 3, 99]}), between(), [3]),
]


@pytest.mark.parametrize(("frame", "rule", "broken"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("severity", ["critical", "warning", "quarantine"])
def test_finds_exactly_the_rows_that_break_the_rule(frame, rule, broken, severity):
    change = {"quarantine": True} if severity == "quarantine" else {"severity": severity}
    before = frame.copy(deep=True)
    checked = check_table(frame, contract(rule.model_copy(update=change), min_rows=0, max_quarantined=1))
    result = only(checked)
    assert (result.severity, result.passed, result.broken) == (severity, not broken, len(broken))
    assert checked.report.passed == (severity != "critical" or not broken)
    assert len(result.examples) == min(5, len(broken))
    gone = broken if severity == "quarantine" else []
    assert checked.frame.index.tolist() == [label for row, label in enumerate(frame.index) if row not in gone]
    assert checked.quarantine.index.tolist() == [frame.index[row] for row in gone]
    pd.testing.assert_frame_equal(frame, before)


def test_examples_name_the_row_the_key_and_the_value():
    frame = pd.DataFrame({"a": [1, -3], "path": ["x.jpg", "y/z.jpg"]})
    result = only(check_table(frame, contract(between(), key="path")))
    assert result.examples == ["row 1 (y/z.jpg): a=-3"]
    assert result.detail == "1 of 2 rows break it"


def test_checked_leaves_out_what_is_allowed_to_be_missing():
    frame = pd.DataFrame({"a": [1, None, 3]})
    assert only(check_table(frame, contract(between(missing_ok=True)))).checked == 2
    assert only(check_table(frame, contract(between()))).checked == 3


@pytest.mark.parametrize("rule", [between("zz"), between("zz", severity="warning"), between("zz", quarantine=True)])
def test_missing_column_is_a_critical_break_that_lists_the_columns(rule):
    checked = check_table(pd.DataFrame({"a": [1], "b": [2]}), contract(rule))
    result = only(checked)
    assert (result.severity, result.passed) == ("critical", False)
    assert result.detail == "column 'zz' is missing; there are a, b"
    with pytest.raises(ContractError, match=r"column 'zz' is missing; there are a, b"):
        enforce(checked.report)


def test_rule_that_cannot_be_evaluated_is_a_critical_break():
    result = only(check_table(pd.DataFrame({"a": ["x", "y"]}), contract(of("a", "ExpectColumnMeanToBeBetween"))))
    assert (result.severity, result.passed, result.broken) == ("critical", False, 1)
    assert result.detail.startswith("it cannot be checked: ")


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": pd.Series([], dtype=float)}), pd.DataFrame()])
def test_empty_table_is_a_critical_break(frame):
    checked = check_table(frame, contract(between()))
    first = checked.report.results[0]
    assert not checked.report.passed
    assert (first.passed, first.checked, first.broken, first.detail) == (False, 1, 1, "found 0")


@pytest.mark.parametrize("names", [["a", "a"], [1, "a"], [("a", "b"), "c"], ["a\x1b[31m", "a\x1b[31m"]])
def test_column_names_that_are_no_texts_or_repeat_are_a_critical_break(names):
    checked = check_table(pd.DataFrame([[1, 2]], columns=pd.Index(names, tupleize_cols=False)), contract(between()))
    assert not checked.report.passed
    assert len(checked.report.results) == 1
    assert "\x1b" not in str(checked.report.results[0].examples)


HOSTILE = [
    "<script>alert(1)</script>",
    "{{7*7}} ${HOME} $x %s {0}",
    "\x1b[31mred\x00",
    "\u202egpj.exe",
    "x" * 10**6,
    "\n\n",
    "’",
]


def test_hostile_texts_stay_short_and_harmless():
    frame = pd.DataFrame({"a": HOSTILE})
    rule = Rule(rule="Letters only.", expectation=REGEX, arguments={"column": "a", "regex": r"\A[a-w]+\Z"})
    checked = check_table(frame, contract(rule, key="a"))
    result = only(checked)
    assert result.broken == len(HOSTILE)
    assert all(len(example) <= 200 and example.isprintable() for example in result.examples)
    with pytest.raises(ContractError) as caught:
        enforce(checked.report)
    assert len(str(caught.value)) < 1500
    assert str(caught.value).isprintable()


def test_trailing_line_break_does_not_pass_an_anchored_pattern():
    frame = pd.DataFrame({"a": ["abc", "abc\n", "zabc", "ABC"]})
    rule = Rule(rule="It is abc.", expectation=REGEX, arguments={"column": "a", "regex": r"\Aabc\Z"})
    assert [text[:5] for text in only(check_table(frame, contract(rule))).examples] == ["row 1", "row 2", "row 3"]


def test_results_keep_the_order_of_the_rules():
    frame = pd.DataFrame({"a": [1, 99], "b": ["x", "x"]})
    rules = [
        of("b", UNIQUE, severity="warning"),
        between(quarantine=True),
        of("b", NOT_NULL),
        of("zz", NOT_NULL),
        of("a", NOT_NULL),
    ]
    report = check_table(frame, contract(*rules, max_quarantined=1)).report
    assert [result.passed for result in report.results[1:6]] == [True, False, True, False, True]


def test_other_rules_see_the_rows_that_quarantine_leaves():
    frame = pd.DataFrame({"a": [1, 99, 2], "b": ["x", "x", "y"]})
    checked = check_table(frame, contract(between(quarantine=True), of("b", UNIQUE), max_quarantined=0.5))
    assert checked.report.passed
    assert checked.report.quarantined == 1
    assert checked.quarantine[BROKEN_RULES].tolist() == ["It is between the bounds."]


def test_row_in_quarantine_names_every_rule_that_it_breaks():
    frame = pd.DataFrame({"a": [1, 99], "b": [1, None]})
    other = of("b", NOT_NULL, quarantine=True).model_copy(update={"rule": "B is there."})
    checked = check_table(frame, contract(between(quarantine=True), other, max_quarantined=1))
    assert checked.quarantine[BROKEN_RULES].tolist() == ["It is between the bounds.; B is there."]
    assert len(checked.quarantine) == 1


@pytest.mark.parametrize(("bad", "passed"), [(0, True), (3, True), (4, False)])
def test_share_in_quarantine_is_limited(bad, passed):
    frame = pd.DataFrame({"a": [99] * bad + [1] * (30 - bad)})
    report = check_table(frame, contract(between(quarantine=True), max_quarantined=0.1)).report
    assert (report.passed, report.quarantined) == (passed, bad)
    assert report.results[-1].detail.partition(":")[0] == f"{bad} of 30 rows are in quarantine"


@pytest.mark.parametrize(("unreadable", "passed"), [(2, True), (4, False)])
def test_rows_that_cannot_be_read_count_as_quarantined(unreadable, passed):
    frame = pd.DataFrame({"a": [99] + [1] * 29})
    aside = pd.DataFrame({"path": "x", "reason": ["no number"] * unreadable + ["no date"], "detail": ""})
    report = check_table(frame, contract(between(quarantine=True), max_quarantined=0.1), aside.head(unreadable)).report
    assert report.passed is passed
    told = (
        f"{1 + unreadable} of {30 + unreadable} rows are in quarantine, {unreadable} of them put aside when they were"
    )
    assert report.results[-1].detail.startswith(f"{told} read: no number ({unreadable}); ")
    without_sieve = check_table(frame.iloc[1:], contract(between(), max_quarantined=0.1), aside).report
    assert without_sieve.passed is passed


def test_too_few_rows_after_quarantine_stop_it():
    report = check_table(pd.DataFrame({"a": [99, 99]}), contract(between(quarantine=True), max_quarantined=1)).report
    assert not report.passed


def test_error_is_one_sentence_with_every_broken_rule():
    frame = pd.DataFrame({"a": [99], "b": [None]})
    warned = of("b", NOT_NULL, severity="warning").model_copy(update={"rule": "Only warned of."})
    with pytest.raises(ContractError) as caught:
        enforce(check_table(frame, contract(between(), of("b", NOT_NULL), warned)).report, "mend it")
    assert str(caught.value) == (
        "The data break the contract of the table: “It is between the bounds” (1 of 1 rows break it; row 0: a=99), and"
        " “It is as it should be” (1 of 1 rows break it; row 0: b=(empty)); mend it."
    )


def test_passing_report_is_not_enforced():
    enforce(check_table(pd.DataFrame({"a": [1]}), contract(between())).report)


@pytest.mark.parametrize(
    "wrong",
    [
        {"expectation": "ExpectTableRowCountToBeBetween", "quarantine": True},
        {"expectation": "os.system"},
        {"expectation": BETWEEN, "arguments": {"column": "a", "row_condition": "a > 1"}},
        {"expectation": BETWEEN, "severity": "fatal"},
    ],
)
def test_impossible_rules_are_refused_when_they_are_written(wrong):
    with pytest.raises(ValidationError):
        Rule(rule="It is impossible.", **wrong)


def test_unknown_expectation_is_named():
    with pytest.raises(ValueError, match="ExpectMiracles"):
        check_table(pd.DataFrame({"a": [1]}), contract(of("a", "ExpectMiracles")))


def test_hundred_thousand_rows_of_which_all_break_a_rule():
    n = 100_000
    frame = pd.DataFrame({"a": np.arange(n), "b": np.arange(n).astype(str)})
    checked = check_table(frame, contract(between(quarantine=True), of("b", UNIQUE), max_quarantined=1))
    assert len(checked.frame) == 11
    assert checked.report.quarantined == n - 11


values = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-20, 20), st.text(max_size=3))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(values, st.sampled_from(["x", "y", None, ""])), min_size=1, max_size=12))
def test_rows_are_kept_or_in_quarantine_never_both_never_lost(rows):
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype=object)
    filled = of("b", NOT_NULL, quarantine=True)
    checked = check_table(frame, contract(between(quarantine=True), filled, min_rows=0, max_quarantined=1))
    good = [isinstance(a, int | float) and not isinstance(a, bool) and 0 <= a <= 10 and b is not None for a, b in rows]
    assert checked.frame.index.tolist() == [row for row, keeps in enumerate(good) if keeps]
    assert checked.quarantine.index.tolist() == [row for row, keeps in enumerate(good) if not keeps]
    assert checked.report.quarantined + len(checked.frame) == len(frame)
    assert all(result.broken <= result.checked for result in checked.report.results)


def test_data_docs_show_values_as_text_and_load_nothing(tmp_path):
    frame = pd.DataFrame({"a": [1, 99, 2], "b": ['<img src=x onerror="alert(1)">', "${x} $y", "<script>1</script>"]})
    rule = Rule(rule="It begins with q.", expectation=REGEX, arguments={"column": "b", "regex": r"\Aq"})
    frame["<b>c</b>"] = 1
    columns = Rule(
        rule="Columns are a, b.", expectation="ExpectTableColumnsToMatchSet", arguments={"column_set": ["a", "b"]}
    )
    first = write_data_docs(frame, contract(between(), rule, columns, between("zz")), tmp_path / "docs")
    assert first == tmp_path / "docs" / "index.html"
    pages = {page: page.read_text("utf-8") for page in (tmp_path / "docs").rglob("*.html")}
    assert len(pages) == 3
    text = "".join(pages.values())
    assert "&lt;img src=x onerror=" in text
    for harm in ("<img src=x", "<script", "<b>c", "Traceback", 'src="http', "link href=", str(Path.home())):
        assert harm not in text
    assert all("default-src 'none'" in page for page in pages.values())
    result = next((tmp_path / "docs" / "validations").rglob("*.html")).relative_to(tmp_path / "docs")
    assert result.as_posix() in pages[first]


def test_data_docs_of_an_older_run_are_replaced(tmp_path):
    for _ in range(2):
        write_data_docs(pd.DataFrame({"a": [1]}), contract(between()), tmp_path)
    assert len(list((tmp_path / "validations").rglob("*.html"))) == 1


def test_great_expectations_stays_silent_and_out_of_the_home(tmp_path):
    code = (
        "import pandas as pd, sys\n"
        "from tasks.validation.contract import *\n"
        "rule = Rule(rule='It is small.', expectation='ExpectColumnValuesToBeBetween',"
        " arguments={'column': 'a', 'max_value': 1})\n"
        "assert 'great_expectations' not in sys.modules\n"
        "print(check_table(pd.DataFrame({'a': [1, 2]}), Contract(name='x', rules=[rule])).report.passed)\n"
    )
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
    assert list(tmp_path.iterdir()) == []


def test_checking_a_table_makes_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed there would leave it for ever."""

    def refuse(*args: object, **more: object) -> str:
        raise AssertionError("a temporary folder")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert only(check_table(pd.DataFrame({"a": [1, 20]}), contract(between(), key="a"))).broken == 1
