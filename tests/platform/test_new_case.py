"""`make case`: what it writes is in order as it stands, and a name that cannot be one is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tasks.platform.errors import UsageError
from tasks.platform.new_case.__main__ import DEPLOYMENTS, QUESTION, main, rendered, write_case

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """\
import os
import pytest

@pytest.fixture
def prefect_server() -> str:
    return os.environ["PREFECT_API_URL"]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An empty checkout: nothing but the deployments."""
    folder = tmp_path / "checkout"
    (folder / "deployments").mkdir(parents=True)
    shutil.copy(ROOT / DEPLOYMENTS, folder / DEPLOYMENTS)
    return folder


def python(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a checkout, with the packages of that checkout."""
    variables = os.environ | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}"} | environment
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_the_new_case_runs_and_passes_its_test(checkout: Path, tmp_path: Path, prefect_server: str) -> None:
    shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("*.egg-info", "ices"))
    for name in ("pyproject.toml", "flows/__init__.py"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    write_case("ices", root=checkout)
    (checkout / "tests" / "conftest.py").write_text(CONFTEST)
    for words in (["check"], ["format", "--check"]):
        checked = python(checkout, "-m", "ruff", *words, "flows", "src/tasks/cases/ices", "tests/flows")
        assert checked.returncode == 0, checked.stdout
    places = {
        "PREFECT_API_URL": prefect_server,
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "out"),
    }
    tested = python(checkout, "-m", "pytest", "-o", "addopts=--import-mode=importlib", "tests", **places)
    assert tested.returncode == 0, tested.stdout
    ran = python(checkout, "flows/ices.py", **places)  # the command finds what the test has stored
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.splitlines()[-1]).is_file()


def test_the_files_are_few_and_the_deployment_asks_the_question(checkout: Path) -> None:
    question = "Who's there: a # or a ‘quote’?"
    files = write_case("sunsets", question, checkout)
    assert len(files) == 8  # seven new ones, and the list of deployments
    entry = yaml.safe_load((checkout / DEPLOYMENTS).read_text("utf-8"))["deployments"][-1]
    assert (entry["entrypoint"], entry["description"]) == ("flows/sunsets.py:sunsets", question)
    assert entry["schedules"][0]["cron"] == "0 2 * * *"
    assert f'"""{question}\n' in (checkout / "flows" / "sunsets.py").read_text("utf-8")
    with pytest.raises(UsageError, match="a case sunsets already"):
        write_case("sunsets", question, checkout)


@pytest.mark.parametrize(("name", "question"), [("ab", QUESTION), ("z" * 30, "n" * 99 + "?")])
def test_short_and_long_names_are_formatted(name: str, question: str, tmp_path: Path) -> None:
    for path, text in rendered(name, question).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        compile(text, path, "exec")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert python(tmp_path, "-m", "ruff", "format", "--check", ".").returncode == 0
    assert python(tmp_path, "-m", "ruff", "check", "--select", "E501", ".").returncode == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Ices", "lower-case"),
        ("2ices", "lower-case"),
        ("../ices", "lower-case"),
        ("a" * 31, "lower-case"),
        ("lambda", "Python uses"),
        ("match", "Python uses"),
        ("list", "Python uses"),
        ("contest", "flows use"),
        ("json", "a Python module"),
        ("pandas", "a Python module"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name: str, why: str, checkout: Path) -> None:
    before = (checkout / DEPLOYMENTS).read_bytes()
    with pytest.raises(UsageError, match=why):
        write_case(name, root=checkout)
    assert (checkout / DEPLOYMENTS).read_bytes() == before
    assert [path.name for path in checkout.iterdir()] == ["deployments"]


@pytest.mark.parametrize("question", ["Why", 'Who said "no"?', "back\\slash?", "w" * 101, "a\x00b\x00c\x00d"])
def test_a_question_that_a_docstring_cannot_hold_is_refused(question: str, checkout: Path) -> None:
    with pytest.raises(UsageError, match="QUESTION="):
        write_case("sunsets", question, checkout)


def test_a_taken_name_is_refused_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["movies"]) == 2
    assert "There is a case movies already" in capsys.readouterr().err
