"""The nightly flow on two small cases: what Prefect shows of them, and what the night says when one fails."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.nightly import nightly
from tasks.cases.nightly import commands, plan
from tasks.platform import questions
from tasks.platform.errors import CasebookError
from tasks.platform.settings import settings

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]

CASE = '''
from pathlib import Path

from tasks.platform.case import case, main
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage
from tasks.publishing.publish import publish
from tasks.publishing.report import Findings


@stage(phase="Deployment")
def describe_{name}() -> Findings:
    """Say something."""
    return Findings(answer="It is so.")


@case
def {name}(source: str = "sample") -> Path:
    """Is {name} so?"""
    if {name!r} == "wrong":
        raise ContractError("prices.csv: no price; mend it.")
    return publish(describe_{name}())


if __name__ == "__main__":
    main({name})
'''


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout" / "flows"
    folder.mkdir(parents=True)
    for name in ("right", "wrong"):
        (folder / f"{name}.py").write_text(CASE.format(name=name))
    for module in (plan, commands, questions):
        monkeypatch.setattr(module, "flows_folder", lambda: folder)
    return folder


def runs_of(names: list[str]) -> dict[str, Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows(limit=200)}
        found = {flows[run.flow_id]: run for run in client.read_flow_runs(limit=200) if flows[run.flow_id] in names}
        for run in found.values():
            if run.parent_task_run_id:
                task = client.read_task_run(run.parent_task_run_id)
                assert task.state is not None
                assert (task.flow_run_id, task.state.type) == (found["nightly"].id, run.state.type)
    return found


def test_a_night_with_a_case_that_fails(flows: Path, tmp_path: Path) -> None:
    with pytest.raises(CasebookError, match=r"1 of 2 cases failed \(wrong; wrong: prices.csv: no price; mend it"):
        nightly(minutes=10)
    output = settings().output
    (folder,) = (output / "nightly").glob("2*")
    told = json.loads((folder / "result.json").read_text("utf-8"))
    assert "1 of 2 cases answered" in told["answer"]
    assert (folder / "wrong.log").is_file()
    assert not (folder / "right.log").exists()
    assert {row["name"]: row["state"] for row in told["stages"]}["right"] == "ran"
    page = (output / "index.html").read_text("utf-8")
    assert page.index("Did every case answer") < page.index("Is right so?")

    found = runs_of(["nightly", "right", "wrong"])
    right, wrong, night = found["right"], found["wrong"], found["nightly"]
    assert right.name.startswith("right sample 2")
    assert {"casebook", "right", "sample", "nightly"} <= set(right.tags)
    assert (right.state.type.value, right.state.message) == ("COMPLETED", "It is so.")
    assert wrong.state.type.value == "FAILED"
    assert night.state.type.value == "FAILED"
    assert right.parent_task_run_id
    assert wrong.parent_task_run_id
    answer = json.loads(next((output / "right").glob("*/result.json")).read_text("utf-8"))
    assert UUID(answer["prefect"]) == right.id


def test_a_name_that_is_no_case_is_refused(flows: Path) -> None:
    with pytest.raises(CasebookError, match="did you mean right"):
        nightly(cases=["rigth"])
