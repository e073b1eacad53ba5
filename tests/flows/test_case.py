"""Cases: late runs are skipped, folders are the run's own, and the form comes from the signature."""

import json
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pytest
from pydantic import Field

from tasks.ingestion.files import Data, Source
from tasks.platform.case import case
from tasks.platform.run import current_run
from tasks.platform.stage import stage
from tasks.publishing import publish  # noqa: F401 - it writes the report of a run that breaks

pytestmark = pytest.mark.usefixtures("prefect_server")
seen: list[Any] = []
SOURCE = Source(name="numbers", source="sample", files=[], sha256="")


@case
def demo(
    neighbours: Annotated[int, Field(ge=1, le=9)] = 3, names: list[str] | None = None, output: str | None = None
) -> Path:
    """Which one is it?

    Args:
        neighbours: how many to show
        names: some names
        output: folder of the reports
    """
    run = current_run()
    assert run is not None
    seen.append(run)
    run.folder.mkdir(parents=True)
    return run.folder / "report.html"


def test_each_run_has_a_folder_and_a_command_of_its_own(tmp_path: Path) -> None:
    seen.clear()
    first, second = (demo(neighbours=5, output=str(tmp_path / "out")) for _ in range(2))
    assert first != second
    assert Path(first).parent.parent == tmp_path / "out" / "demo"
    assert seen[0].command == f"python flows/demo.py --neighbours 5 --output {tmp_path / 'out'}"
    assert current_run() is None


def test_the_form_has_bounds_defaults_and_descriptions() -> None:
    form = demo.parameters.model_dump()["properties"]
    assert form["neighbours"]["minimum"] == 1
    assert form["neighbours"]["maximum"] == 9
    assert form["neighbours"]["default"] == 3
    assert form["neighbours"]["description"] == "how many to show"


def test_the_form_refuses_what_is_out_of_bounds() -> None:
    with pytest.raises(Exception, match="less than or equal to 9"):
        demo(neighbours=10)


@pytest.mark.parametrize(
    ("late", "scheduled", "skipped"),
    [(timedelta(hours=2), True, True), (timedelta(minutes=30), True, False), (timedelta(hours=2), False, False)],
)
def test_a_scheduled_run_that_is_late_is_skipped(
    monkeypatch: pytest.MonkeyPatch, late: timedelta, scheduled: bool, skipped: bool
) -> None:
    from prefect.context import FlowRunContext

    run = types.SimpleNamespace(
        auto_scheduled=scheduled,
        expected_start_time=datetime.now(UTC) - late,
        deployment_id=None,
        run_count=1,
    )
    monkeypatch.setattr(FlowRunContext, "get", classmethod(lambda cls: types.SimpleNamespace(flow_run=run)))
    found = demo.fn()
    assert isinstance(found, str) != skipped
    if skipped:
        assert found.name == "Skipped"
        assert "2.0 hours ago" in found.message


@stage(phase="Data understanding")
def numbers() -> pd.DataFrame:
    return pd.DataFrame({"n": [1, 2]})


@stage(phase="Deployment")
def broken(frame: pd.DataFrame) -> dict[str, int]:
    raise ZeroDivisionError("nothing \x1b[31m to divide")


@case
def breaking(output: str | None = None) -> Path:
    """Does it break?"""
    run = current_run()
    assert run is not None
    frame = numbers()
    run.read.append(Data(SOURCE, frame, None, frame, 2))
    broken(frame)
    return run.folder


def test_a_run_that_breaks_leaves_a_report_of_how_far_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        breaking(output=str(tmp_path))
    (folder,) = (tmp_path / "breaking").glob("2*")
    told = json.loads((folder / "result.json").read_text("utf-8"))
    assert told["answer"].startswith(
        "No answer yet: ZeroDivisionError: nothing ␛[31m to divide. What the stages before"
    )
    assert told["verdict"]["sentence"] == "The run broke in the stage broken."
    assert [(row["name"], row["state"]) for row in told["stages"]] == [("numbers", "ran"), ("broken", "failed")]
    assert f"How far the run came: {folder / 'report.html'}" in capsys.readouterr().err
