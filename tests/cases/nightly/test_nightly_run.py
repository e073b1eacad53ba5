"""A night: its order and time, and that a case which fails, crashes, hangs or is killed ends alone."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from publishing.run_folders import leave

from tasks.cases.nightly import commands, plan
from tasks.cases.nightly.commands import Outcome, refuse_failed, run_night
from tasks.cases.nightly.plan import Planned, deployed_parameters, options
from tasks.platform import questions
from tasks.platform.command import parse_arguments
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.run import Run
from tasks.platform.settings import apply_prefect_settings

HEAD = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
def case(fn): return fn
@case
def {name}():
    '''Does {name} work?'''
output = sys.argv[sys.argv.index("--output") + 1]
folder = Path(output) / "{name}" / "20261101-020000-0001"
"""
GOOD = """
folder.mkdir(parents=True)
(folder / "result.json").write_text(json.dumps({"answer": " ".join(sys.argv[1:]), "started": "2026-11-01T02:00:00"}))
print("noise\\n" + str(folder / "report.html"))
"""
BODIES = {
    "good": GOOD,
    "refused": """
print("casebook: prices.csv: no price; mend it.", file=sys.stderr)
print("bye", file=sys.stderr)
sys.exit(1)
""",
    "broken": "raise ValueError('odd \\x1b[31m value')",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "crashed": "os.kill(os.getpid(), signal.SIGSEGV)",
    "silent": "sys.exit(0)",
    "hangs": """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(output).mkdir(parents=True, exist_ok=True)
(Path(output) / "pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
""",
}


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout" / "flows"
    folder.mkdir(parents=True)
    for name, body in BODIES.items():
        (folder / f"{name}.py").write_text(HEAD.replace("{name}", name) + body)
    for module in (plan, commands, questions):
        monkeypatch.setattr(module, "flows_folder", lambda: folder)
    monkeypatch.setattr(commands, "GRACE", 0.5)
    return folder


@pytest.fixture
def night(tmp_path: Path) -> Run:
    apply_prefect_settings()
    return Run("nightly", tmp_path / "out" / "nightly" / "20261101-015900-0000", datetime.now(UTC))


def gone(process: int) -> bool:
    for _ in range(50):
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def test_a_case_that_fails_ends_alone_and_says_why(flows: Path, night: Run) -> None:
    names = ["refused", "broken", "killed", "crashed", "silent", "good"]
    outcomes = {item.case: item for item in run_night([Planned(case=name) for name in names], 5, night)}
    assert {name: item.state for name, item in outcomes.items()} == dict.fromkeys(names, "failed") | {
        "good": "answered"
    }
    assert outcomes["refused"].reason == "prices.csv: no price; mend it. (exit status 1)"
    assert outcomes["broken"].reason == "ValueError: odd ␛[31m value (exit status 1)"
    assert "memory" in outcomes["killed"].reason
    assert outcomes["crashed"].reason == "its process crashed (SIGSEGV)"
    assert outcomes["good"].run == "20261101-020000-0001"
    assert {path.name for path in night.folder.glob("*.log")} == {f"{name}.log" for name in names[:-1]}
    assert [(row.name, row.state) for row in night.stages][-2:] == [("silent", "failed"), ("good", "ran")]
    with pytest.raises(CasebookError, match=r"5 of 6 cases failed \(refused, broken.*no price.*report.html"):
        refuse_failed(list(outcomes.values()), night.folder / "report.html")


def test_a_case_that_hangs_is_stopped_with_all_that_it_started(flows: Path, night: Run, tmp_path: Path) -> None:
    first, late = run_night([Planned(case="hangs"), Planned(case="good")], 3 / 60, night)
    assert (first.state, late.state) == ("failed", "left out")
    assert first.reason.startswith("stopped after ")
    assert late.reason == "the time was up"
    processes = [int(word) for word in (tmp_path / "out" / "pids").read_text().split()]
    assert all(gone(process) for process in processes)


def test_what_would_not_fit_is_not_begun(flows: Path, night: Run) -> None:
    late, good = run_night([Planned(case="hangs", expected=7200), Planned(case="good", expected=1)], 5, night)
    assert (late.state, good.state) == ("left out", "answered")
    assert "it took 2 h 00 min last time" in late.reason


def test_the_quickest_of_last_time_comes_first(flows: Path, tmp_path: Path) -> None:
    for name, seconds in (("good", 90.0), ("broken", 5.0), ("killed", 30.0)):
        leave(tmp_path / "out", name, 0, seconds=1.0)
        leave(tmp_path / "out", name, 1, seconds=seconds)
    planned = plan.plan(None, tmp_path / "out", {"good": {"source": "public"}})
    assert [item.case for item in planned][:3] == ["broken", "killed", "good"]
    assert [item.expected is None for item in planned] == [False] * 3 + [True] * (len(BODIES) - 3)
    assert planned[2].parameters == {"source": "public"}
    assert [item.case for item in plan.plan(["good", "killed", "good"], tmp_path / "out", {})] == ["killed", "good"]
    with pytest.raises(UsageError, match="did you mean good"):
        plan.plan(["goood"], tmp_path / "out", {})


def test_a_case_gets_the_parameters_of_its_deployment(flows: Path, night: Run) -> None:
    (flows.parent / "deployments").mkdir()
    (flows.parent / "deployments" / "prefect.yaml").write_text(
        "deployments:\n  - {entrypoint: 'flows/good.py:good', parameters: {source: -odd.csv, rows: 7}}\n"
    )
    (item,) = plan.plan(["good"], night.folder.parents[1], deployed_parameters(flows))
    (outcome,) = run_night([item], 5, night)
    told = (night.folder.parents[1] / "good" / outcome.run / "result.json").read_text()
    assert "--source=-odd.csv --rows=7 --output" in told
    assert deployed_parameters(flows / "none") == {}


def test_options_say_what_the_parameters_say() -> None:
    def demo(source: str = "", names: list[str] | None = None, rows: int = 1, docs: bool = True) -> None:
        """Do nothing."""

    given = {"source": "--odd", "names": ["a", "b"], "rows": 3, "docs": False}
    assert parse_arguments(demo, options(given)) == given
    assert options({"names": None}) == []


def test_a_night_without_failures_is_not_refused(tmp_path: Path) -> None:
    outcomes = [Outcome(case="a", state="answered"), Outcome(case="b", state="left out")]
    refuse_failed(outcomes, tmp_path)
