"""The command line: one signature gives the options, their bounds and the text."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from tasks.platform.command import build_parser, check, command_line, parse_arguments
from tasks.platform.errors import UsageError


def demo(
    source: str = "sample",
    neighbours: Annotated[int, Field(ge=1, le=100)] = 12,
    index: Literal["lsh", "exact"] = "lsh",
    share: Annotated[float, Field(gt=0, le=1)] = 0.5,
    merge: Annotated[list[str], Field(max_length=3)] = [],  # noqa: B006 - only read
    docs: bool = False,
    query: str | None = None,
) -> Path:
    """Which pictures look like this one?

    A longer word about it, 100 % of it.

    Args:
        source: where the pictures are
        neighbours: how many to show
        index: how to search
        share: how much
        merge: labels to merge
        docs: write documents
        query: a picture
    """
    return Path()


def test_only_what_was_given_is_handed_on() -> None:
    assert parse_arguments(demo, []) == {}
    given_ = parse_arguments(demo, ["--neighbours", "7", "--merge", "a=b", "c=d", "--docs", "--query", "x.jpg"])
    assert given_ == {"neighbours": 7, "merge": ["a=b", "c=d"], "docs": True, "query": "x.jpg"}
    assert parse_arguments(demo, ["--no-docs"]) == {"docs": False}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--neighbours", "0"], "--neighbours 0: input should be greater than or equal to 1"),
        (["--neighbours", "many"], "--neighbours many: input should be a valid integer"),
        (["--index", "tree"], "--index tree: input should be 'lsh' or 'exact'"),
        (["--share", "nan"], "--share nan"),
        (["--merge", "a", "b", "c", "d"], "at most 3"),
    ],
)
def test_a_wrong_value_names_the_option_and_the_rule(argv: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_arguments(demo, argv)


def test_an_unknown_option_and_an_abbreviation_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["--bogus"], ["--neigh", "3"]):
        with pytest.raises(SystemExit) as stop:
            parse_arguments(demo, argv)
        assert stop.value.code == 2
    assert "--bogus" in capsys.readouterr().err


def test_help_tells_question_bounds_and_defaults() -> None:
    text = " ".join(build_parser(demo).format_help().split())
    for words in (
        "Which pictures look like this one?",
        "how many to show (1 to 100; default: 12)",
        "{lsh,exact}",
        "100 % of it",
    ):
        assert words in text


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "source": st.text(min_size=1).filter(lambda text: not text.startswith("-") and "\0" not in text),
            "neighbours": st.integers(1, 100),
            "index": st.sampled_from(["lsh", "exact"]),
            "docs": st.booleans(),
        },
    )
)
def test_the_command_that_repeats_a_run_means_the_same_run(arguments: dict[str, Any]) -> None:
    import shlex

    words = shlex.split(command_line(demo, "demo", arguments))
    assert words[:2] == ["python", "flows/demo.py"]
    defaults = {"source": "sample", "neighbours": 12, "index": "lsh", "docs": False}
    assert defaults | parse_arguments(demo, words[2:]) == defaults | arguments


PROGRAM = '''
import os, sys
from pathlib import Path
from tasks.platform.case import case, main
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
import tasks.platform.server as server

@stage(phase="Modelling")
def work(n: int) -> int:
    return n + 1

@case
def demo(n: int = 1, fault: str = "", output: str | None = None) -> Path:
    """Does it work?"""
    if fault == "contract":
        raise ContractError("Row 3 breaks the rule; mend it.")
    if fault == "usage":
        raise UsageError("No such folder.")
    if fault == "disk":
        raise OSError(28, "No space left on device", "/store")
    if fault == "server":
        import os, subprocess
        words = ["pgrep", "-P", str(os.getpid()), "-f", "tasks.platform.hosting"]
        for number in subprocess.run(words, capture_output=True, text=True, check=True).stdout.split():
            os.kill(int(number), 9)
    return Path(f"/report/{work(n).load()}")

if __name__ == "__main__":
    main(demo)
'''


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "demo.py"
    file.write_text(PROGRAM)
    return file


def run(program: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, str(program), *argv], capture_output=True, text=True, timeout=120, env=os.environ | environment
    )


def test_help_and_wrong_arguments_do_not_pay_for_prefect(program: Path) -> None:
    probe = "import runpy, sys\nsys.argv = ['demo.py', sys.argv[1]]\ntry:\n    runpy.run_path('%s', run_name='__main__')\nfinally:\n    print(sorted({m.split('.')[0] for m in sys.modules} & {'prefect', 'tensorflow', 'mlflow', 'great_expectations', 'sklearn', 'matplotlib'}))"  # noqa: E501
    for argument in ("--help", "--bogus"):
        done = subprocess.run(
            [sys.executable, "-c", probe % program, argument], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("contract", 1, "Row 3 breaks the rule; mend it."),
        ("usage", 2, "No such folder."),
        ("disk", 1, "The disk of /store is full"),
    ],
)
def test_a_fault_is_one_sentence_and_a_status(
    program: Path, prefect_server: str, fault: str, status: int, words: str
) -> None:
    done = run(program, "--fault", fault, PREFECT_API_URL=prefect_server)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_prefect_compiles_no_grammar_of_addresses(home: Path) -> None:
    code = (
        "import sys; from tasks.platform.settings import apply_prefect_settings as apply; apply(); import prefect.flows"
    )
    code += "; sys.exit('rfc3987_syntax.syntax_helpers' in sys.modules or 'jsonschema' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_a_command_without_a_server_starts_its_own_and_leaves_nothing(
    program: Path, home: Path, prefect_home: Path, prefect_server: str
) -> None:
    import shutil

    shutil.copytree(prefect_home, home)
    (home / "store" / "records").mkdir(parents=True)  # a first run would import ahead what this one does not need
    done = run(program, "--n", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "/report/5"
    assert "ran" in done.stderr
    again = run(program, "--n", "4", PREFECT_API_URL=prefect_server)
    assert again.stdout == done.stdout
    assert "cached" in again.stderr
    left = subprocess.run(["pgrep", "-f", "tasks.platform.hosting"], capture_output=True, text=True).stdout.split()
    mine = [pid for pid in left if str(home) in _environment(pid)]
    assert mine == []


@pytest.mark.slow
def test_a_killed_server_is_one_sentence_that_names_it(program: Path, home: Path, prefect_home: Path) -> None:
    import shutil

    shutil.copytree(prefect_home, home)
    (home / "store" / "records").mkdir(parents=True)
    done = run(program, "--n", "4", "--fault", "server", PREFECT_CLIENT_MAX_RETRIES="0")
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("casebook: ")]
    assert len(told) == 1, done.stderr
    assert re.match(r"casebook: The Prefect server at http://127\.0\.0\.1:\d+/api went away under the run", told[0])
    for noise in ("Traceback", "Error logging", "EventsWorker", "APILogWorker"):
        assert noise not in done.stderr


def _environment(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


def test_a_name_that_is_no_text_is_refused_in_one_sentence() -> None:
    def flow(source: str = "", words: list[str] = []) -> None:  # noqa: B006
        """Ask."""

    for arguments in ({"source": "/tmp/caf\udce9"}, {"words": ["plain", "caf\udce9"]}):
        with pytest.raises(UsageError, match="no text in UTF-8"):
            check(flow, arguments)
    assert check(flow, {"source": "/tmp/café"}) == {"source": "/tmp/café"}
