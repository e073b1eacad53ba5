"""A flow is read at one glance: the stages of one question, and no more lines than that takes."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST, MOST_WITH_WORDS = 80, 120  # lines of signature and body; with the docstring


def cases_in(source: str) -> list[ast.FunctionDef]:
    """Return the functions of a file that are cases."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if "case" in map(ast.unparse, node.decorator_list)]


def lines_of(flow: ast.FunctionDef) -> tuple[int, int]:
    """Return how many lines a flow has without its docstring, and with it."""
    whole, words = _count(flow), flow.body[0]
    told = isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant) and isinstance(words.value.value, str)
    return whole - (_count(words) if told else 0), whole


def _count(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("file", sorted((ROOT / "flows").glob("[!_]*.py")), ids=lambda file: file.stem)
def test_a_flow_is_short(file: Path) -> None:
    (flow,) = cases_in(file.read_text("utf-8"))
    without, whole = lines_of(flow)
    assert without <= MOST, f"{file.name}: {without} lines of signature and body; let a stage take whole results"
    assert whole <= MOST_WITH_WORDS, f"{file.name}: {whole} lines with the docstring"


@pytest.mark.parametrize("file", sorted((ROOT / "flows").glob("*.py")), ids=lambda file: file.stem)
def test_nothing_is_kept_from_the_formatter(file: Path) -> None:
    assert "# fmt:" not in file.read_text("utf-8")


def test_lines_are_counted_from_the_signature_to_the_last_one() -> None:
    source = (
        '@case\ndef one(\n    a: int,\n) -> int:\n    """Why?\n\n    Because.\n    """\n    b = a\n\n    return b\n'
    )
    assert lines_of(*cases_in(source)) == (6, 10)
    assert lines_of(*cases_in("@case\ndef one() -> int:\n    return 1\n")) == (2, 2)
    assert cases_in("def one() -> int:\n    return 1\n") == []
