"""`make serve` as a user meets it: the server, the flows with their schedule, a run from the form, a clean end."""

import ast
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.platform import keys
from tasks.platform.server import free_port

ROOT = Path(__file__).resolve().parents[2]
KEY: dict[str, str] = {}
ENTRIES = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text("utf-8"))["deployments"]


def call(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **KEY})
    for attempt in range(20):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != 503 or attempt == 19:  # a busy database: any client of Prefect asks again
                raise
            error.close()
            time.sleep(1)
    raise AssertionError("unreachable")


@pytest.fixture(scope="module")
def served(
    prefect_home: Path, empty_registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    import shutil

    folder = tmp_path_factory.mktemp("serve")
    shutil.copytree(prefect_home, folder / "home")
    shutil.copytree(empty_registry, folder / "home" / "mlflow")
    secret = bytes.fromhex((folder / "home" / "key").read_text())
    KEY["Authorization"] = keys.Key(secret).authorization
    port, reports, mlflow = free_port(), free_port(), free_port()
    environment = os.environ | {
        "CASEBOOK_HOME": str(folder / "home"),
        "CASEBOOK_OUTPUT": str(folder / "reports"),
        "CASEBOOK_OFFLINE": "true",
    }
    environment.pop("PREFECT_API_URL", None)
    log = (folder / "log").open("w")
    command = [sys.executable, "deployments/serve.py", "--port", str(port), "--reports-port", str(reports)]
    command += ["--mlflow-port", str(mlflow)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    api = f"http://127.0.0.1:{port}/api"
    try:
        wait_for(lambda: process.poll() or call(f"{api}/deployments/name/marathon/sample"), 240)
        assert process.poll() is None, (folder / "log").read_text()[-3000:]
        yield api, f"http://127.0.0.1:{reports}", folder
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        log.close()
    for number in (port, reports, mlflow):  # nothing is left that listens
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", number)) != 0


def wait_for(question: Any, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := question():
                return answer
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < deadline, "no answer in time"
        time.sleep(0.5)


@pytest.mark.slow
def test_a_run_from_the_form_ends_completed_with_readable_artifacts(served: tuple[str, str, Path]) -> None:
    api, reports, folder = served
    deployment = call(f"{api}/deployments/name/marathon/sample")
    night = call(f"{api}/deployments/name/nightly/all-cases")["schedules"][0]
    assert (night["schedule"]["cron"], night["schedule"]["timezone"]) == ("0 2 * * *", "Europe/Berlin")
    assert (night["active"], deployment["schedules"][0]["active"]) == (True, False)
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert deployment["parameter_openapi_schema"]["properties"]["shuffles"]["maximum"] == 2000
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(f"{api}/deployments/{deployment['id']}/create_flow_run", {"parameters": {"shuffles": 3000}})
    with refused.value as answer:
        assert answer.code in (409, 422)
    run = call(f"{api}/deployments/{deployment['id']}/create_flow_run", {"parameters": {"shuffles": 2}})

    def ended() -> Any:
        state = call(f"{api}/flow_runs/{run['id']}")["state"]
        return state if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

    last = wait_for(ended, 240)
    assert last["type"] == "COMPLETED", (folder / "log").read_text()[-3000:]
    found = call(f"{api}/flow_runs/{run['id']}")
    assert found["name"].startswith("marathon sample 20")
    assert {"casebook", "marathon", "sample"} <= set(found["tags"])
    artifacts = call(f"{api}/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {item["type"] for item in artifacts} >= {"markdown", "table"}
    answer = next(item["data"] for item in artifacts if item["key"] == "marathon-answer")
    link = answer.partition("[Report](")[2].partition(")")[0]
    assert link.startswith(reports)
    with urllib.request.urlopen(urllib.request.Request(link, headers=KEY), timeout=30) as page:
        assert b"<html" in page.read()
    result = json.loads(next((folder / "reports" / "marathon").glob("*/result.json")).read_text())
    assert result["parameters"]["shuffles"] == 2
    assert (result["prefect"], last["message"][:40]) == (run["id"], result["answer"][:40])


def test_the_results_come_first_among_the_addresses() -> None:
    serve = runpy.run_path(str(ROOT / "deployments" / "serve.py"), run_name="serve")
    note = {"url": "http://127.0.0.1:1", "reports_url": "http://127.0.0.1:2", "mlflow_url": "http://127.0.0.1:3"}
    lines = serve["links"](note | {"boot": "b"}).splitlines()
    assert [line.split()[0] for line in lines] == ["Results", "Prefect", "MLflow"]
    assert lines[0].split()[1].startswith("http://127.0.0.1:2/?key=")


def test_deployments_of_the_earlier_release_go_and_others_stay(prefect_server: str) -> None:
    from prefect.client.orchestration import get_client

    serve = runpy.run_path(str(ROOT / "deployments" / "serve.py"), run_name="serve")
    with get_client(sync_client=True) as client:
        made = {}
        for flow, name, tags in (
            ("similarity", "nightly", ["casebook"]),
            ("similarity", "mine", ["casebook"]),
            ("similarity", "sample", ["casebook"]),
            ("rentals", "nightly", []),
            ("of_another", "nightly", ["casebook"]),
        ):
            flow_id = client.create_flow_from_name(flow)
            made[flow, name] = client.create_deployment(flow_id=flow_id, name=name, tags=tags)
        serve["retire"](serve["read_deployments"]())
        left = {item.id for item in client.read_deployments(limit=200)}
        gone = {key for key, identity in made.items() if identity not in left}
        for identity in left & set(made.values()):
            client.delete_deployment(identity)
    assert gone == {("similarity", "nightly")}


def test_one_schedule_is_on() -> None:
    on = [entry["name"] for entry in ENTRIES if any(item["active"] for item in entry["schedules"])]
    assert on == ["all-cases"]


def test_every_flow_is_deployed_once() -> None:
    files = [entry["entrypoint"].partition(":")[0] for entry in ENTRIES]
    assert sorted(files) == sorted(f"flows/{path.name}" for path in (ROOT / "flows").glob("[!_]*.py"))


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["entrypoint"].partition(":")[2] for entry in ENTRIES])
def test_a_deployment_asks_the_question_of_its_flow(entry: dict[str, Any]) -> None:
    file, _, name = entry["entrypoint"].partition(":")
    [flow] = [
        node
        for node in ast.parse((ROOT / file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    question = (ast.get_docstring(flow) or "").partition("\n")[0]
    assert entry["description"] == question, f"write it into deployments/prefect.yaml: {question}"
