"""`casebook`: what it lists, what it runs, what it says to a word that it does not know."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from publishing.run_folders import leave

from flows.__main__ import COMMANDS, main
from tasks.platform.errors import UsageError
from tasks.platform.questions import cases, known, questions
from tasks.platform.settings import settings

ROOT = Path(__file__).resolve().parents[2]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_every_file_of_flows_is_a_case_with_a_question() -> None:
    found = questions()
    assert set(found) == {file.stem for file in (ROOT / "flows").glob("[!_]*.py")}
    assert all(question.endswith("?") for question in cases().values())
    assert "nightly" not in cases()


def test_what_is_no_case_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def broken(:")
    (tmp_path / "helper.py").write_text("def helper() -> None: ...")
    (tmp_path / "odd.py").write_bytes(b"\xff\x00")
    (tmp_path / "good.py").write_text('@case\ndef good() -> None:\n    """Is it good?\n\n    Yes."""\n')
    assert questions(tmp_path) == {"good": "Is it good?"}


def test_list_tells_the_last_answer_of_each_case(capsys: pytest.CaptureFixture[str]) -> None:
    leave(settings().output, "rentals", 0, answer="The old answer.")
    leave(settings().output, "rentals", 1, answer="The \x1b[31m new answer.", verdict={"met": False, "sentence": ""})
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert "rentals: What should a flat cost a night?\n  2026-10-02 01:00 UTC, criterion not met\n" in told
    assert "  The ␛[31m new answer." in told
    assert "old answer" not in told
    assert f"movies: {cases()['movies']}\n  no run yet" in told
    assert main(["list", "--json"]) == 0
    rows = {row["case"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["rentals"]["met"] is False
    assert rows["movies"]["answer"] is None
    assert set(rows) == set(questions())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lst"], "There is no command 'lst'; did you mean list?"),
        (["run", "similarty"], "There is no case 'similarty'; did you mean similarity?"),
        (["run", "consumer-prices"], "did you mean consumer_prices?"),
        (["run", "zzzzz"], "There is no case 'zzzzz'; there are "),
        (["\x1b[31m"], "There is no command '\\x1b[31m'"),
    ],
)
def test_an_unknown_word_gets_the_nearest_and_status_2(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"casebook: {said}") or said in captured.err
    assert not captured.out


def test_usage_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"casebook {name}" in told for name in COMMANDS)
    assert main([]) == 2
    assert main(["run"]) == 2
    assert main(["run", "--help"]) == 0


def test_home_is_made_anew(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    leave(tmp_path / "out", "rentals", answer="An answer.")
    assert main(["home", "--output", str(tmp_path / "out")]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert "An answer." in path.read_text("utf-8")
    (tmp_path / "file").write_text("")
    assert main(["home", "--output", str(tmp_path / "file")]) == 1


def test_names_are_matched_exactly_before_nearly() -> None:
    assert known("rentals", ["rentals", "rental"]) == "rentals"
    with pytest.raises(UsageError):
        known("Rentals", ["rentals"])


def test_help_imports_nothing_heavy() -> None:
    done = command("-X", "importtime", "-m", "flows", "--help")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert not {"numpy", "pandas", "prefect", "pydantic", "jinja2"} & imported
    assert "flows.__main__" not in {name for name in imported if name.startswith("tasks")}


def test_a_case_runs_as_its_file_does() -> None:
    ours, direct = command("-m", "flows", "run", "rentals", "--help"), command("flows/rentals.py", "--help")
    assert ours.returncode == direct.returncode == 0
    assert ours.stdout == direct.stdout
    assert "What should a flat cost a night?" in ours.stdout
    wrong = command("-m", "flows", "run", "rentals", "--engine", "abacus")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("casebook: --engine abacus:")


def test_the_package_installs_the_command() -> None:
    script = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]["casebook"]
    file, _, function = script.partition(":")
    tree = ast.parse((ROOT / f"{file.replace('.', '/')}.py").read_text("utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
