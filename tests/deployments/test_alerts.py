"""Schedules make runs; somebody is told, once, when a run fails, crashes or is late, or figures drift; then nobody."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from deployments.alerts import main, notification_block, read_automations
from tasks.platform import keys
from tasks.platform.errors import UsageError
from tasks.platform.server import Child, note_file
from tasks.platform.settings import settings

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60  # within which an alert has to arrive


class Receiver(http.server.BaseHTTPRequestHandler):
    """Notes what is posted to it."""

    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("R", (Receiver,), {"got": got}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook-with-a-secret-token", got
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, Path]]:
    """A server with its services, its note, and its home."""
    home = tmp_path_factory.mktemp("services") / "home"
    shutil.copytree(prefect_home, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        settings.cache_clear()
        child = Child("prefect", home.with_name("prefect.log"), boot="b00t")
        child.wait()
        keys.write_private(note_file(), json.dumps({"url": child.url, "api_url": child.api_url, "pid": "1"}))
    settings.cache_clear()
    yield child, home
    child.stop()


@pytest.fixture
def served(server: tuple[Child, Path], monkeypatch: pytest.MonkeyPatch) -> Child:
    """That server, whose home is the one of the test."""
    child, home = server
    monkeypatch.setenv("CASEBOOK_HOME", str(home))
    settings.cache_clear()
    return child


def alerts(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "deployments/alerts.py", *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def alerts_here(capsys: pytest.CaptureFixture[str], *words: str, **environment: str) -> tuple[int, str]:
    """The same command in this process, which has imported Prefect already: its status and what it says."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", os.environ | environment)
        patch.setattr(sys, "argv", ["alerts.py", *words])
        return main(), capsys.readouterr().out


@pytest.mark.slow
def test_each_trouble_reaches_the_webhook_once(
    served: Child, webhook: tuple[str, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    address, got = webhook
    done = alerts(CASEBOOK_ALERT_URL=address)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Told from now on: casebook-failed, casebook-late, casebook-drift.\n"
    from prefect.client.orchestration import get_client
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
    from prefect.states import Completed, Crashed, Failed, Running, State
    from pydantic import SecretStr

    own = {PREFECT_API_URL: served.api_url, PREFECT_API_AUTH_STRING: SecretStr(keys.auth_string())}
    EventsWorker.drain_all(timeout=5)  # one that an earlier test has left tells another server
    with temporary_settings(own), get_client(sync_client=True) as client:
        from prefect import flow

        assert alerts_here(capsys, CASEBOOK_ALERT_URL=address)[0] == 0  # a second call replaces them

        @flow(name="movies")
        def movies() -> None:
            return None

        def end(state: State[Any], tags: list[str]) -> None:
            run = client.create_flow_run(movies, name=f"run-{state.name}", tags=tags)
            client.set_flow_run_state(run.id, Running(), force=True)
            client.set_flow_run_state(run.id, state, force=True)

        time.sleep(3)  # the server's triggers are read again when an automation is made
        end(Failed(message="The data break their contract: 54 % of the rows."), ["casebook"])
        end(Crashed(message="The process died."), ["casebook"])
        end(Failed(message="of somebody else"), ["other"])
        end(Completed(message="all is well"), ["casebook"])
        payload = {"sentence": "Drifted: rmse of movies.", "figures": 1}
        emit_event("casebook.drift", {"prefect.resource.id": "casebook.drift"}, payload=payload)
        EventsWorker.drain_all(timeout=5)
        wait_for(got, 3)
        time.sleep(5)  # none comes twice, and none too many
        assert sorted(item["subject"] for item in got) == [
            "Casebook: movies crashed",
            "Casebook: movies failed",
            "Casebook: something has drifted",
        ]
        said = " ".join(item["body"] for item in got)
        for words in ("break their contract: 54 %", "The process died", "Drifted: rmse of movies."):
            assert words in said
        blocks = client.read_block_documents(include_secrets=False)
        assert "secret-token" not in str([block.data for block in blocks])
        assert alerts_here(capsys, "--off")[1].startswith("Nobody is told")
        assert [item.name for item in client.read_automations()] == []


def wait_for(got: list[dict[str, Any]], count: int) -> None:
    for _ in range(SECONDS * 10):
        if len(got) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{len(got)} of {count} alerts came: {got}")


def test_without_an_address_a_block_or_a_server_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASEBOOK_ALERT_URL", raising=False)
    with pytest.raises(UsageError, match="Set CASEBOOK_ALERT_URL to an https address"):
        notification_block("")
    done = alerts()
    assert done.returncode == 1
    assert done.stderr == "casebook: No Prefect server is known: start `make serve`, or set PREFECT_API_URL.\n"


def test_every_text_is_a_template_that_prefect_takes() -> None:
    from prefect.server.events.actions import SendNotification

    for entry in read_automations():
        for field in ("subject", "body"):
            assert SendNotification.validate_template(entry[field], field) == entry[field]


@pytest.mark.slow
def test_a_crashed_run_of_a_deployment_is_taken_up_again_and_no_other(
    served: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
    from prefect.states import Crashed, Running
    from pydantic import SecretStr

    own = {PREFECT_API_URL: served.api_url, PREFECT_API_AUTH_STRING: SecretStr(keys.auth_string())}
    with temporary_settings(own), get_client(sync_client=True) as client:
        from prefect import flow

        @flow(name="movies")
        def movies() -> None:
            return None

        turned = alerts_here(capsys, "--recovery", "on")
        assert turned == (0, "Crashed runs are taken up again from now on.\n")
        made = client.create_deployment(client.create_flow(movies), "sample", tags=["casebook"], paused=True)
        ours = client.create_flow_run_from_deployment(made)
        theirs = client.create_flow_run(movies, tags=["casebook"])  # of a command: no worker could take it up
        time.sleep(3)  # the server's triggers are read again when an automation is made
        for run in (ours, theirs):
            client.set_flow_run_state(run.id, Running(), force=True)
            client.set_flow_run_state(run.id, Crashed(message="The process died."), force=True)
        for _ in range(SECONDS * 2):
            state = client.read_flow_run(ours.id).state
            if state is not None and state.is_scheduled():
                break
            time.sleep(0.5)
        assert state is not None
        assert (state.name, state.message) == ("AwaitingRetry", "Its process was gone; it goes on from the store.")
        other = client.read_flow_run(theirs.id).state
        assert other is not None
        assert other.is_crashed()
        assert sorted(item.name for item in client.read_automations()) == [
            "casebook-recovery-again",
            "casebook-recovery-silent",
        ]
        assert alerts_here(capsys, "--off")[0] == 0  # takes away what tells, and not what mends
        assert len(client.read_automations()) == 2
        assert alerts_here(capsys, "--recovery", "off")[0] == 0
        assert client.read_automations() == []


@pytest.mark.slow
def test_a_schedule_makes_runs(served: Child) -> None:
    """With SQLAlchemy 2.1 the scheduler of Prefect 3.8 failed in its log, and no night ever came."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
    from pydantic import SecretStr

    @flow(name="nightly")
    def nightly() -> None:
        return None

    own = {PREFECT_API_URL: served.api_url, PREFECT_API_AUTH_STRING: SecretStr(keys.auth_string())}
    with temporary_settings(own), get_client(sync_client=True) as client:
        schedule = CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin")
        made = client.create_deployment(
            client.create_flow(nightly), "all-cases", schedules=[DeploymentScheduleCreate(schedule=schedule)]
        )
        ours, due = DeploymentFilter(id=DeploymentFilterId(any_=[made])), []
        for _ in range(3 * SECONDS):
            due = [run.expected_start_time for run in client.read_flow_runs(deployment_filter=ours)]
            if due:
                break
            time.sleep(0.5)
        client.delete_deployment(made)
    assert due, served.log.read_text("utf-8")[-2000:]
    assert {moment.astimezone(ZoneInfo("Europe/Berlin")).hour for moment in due if moment} == {2}


def test_a_silent_run_is_not_taken_for_dead_before_three_heartbeats() -> None:
    import tomllib

    beat = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["prefect"]["flows"][
        "heartbeat_frequency"
    ]
    [silent, again] = read_automations("recovery")
    assert silent["trigger"]["within"] >= 3 * beat
    assert silent["trigger"]["after"] == ["prefect.flow-run.heartbeat"]
    assert {"prefect.flow-run.heartbeat", "prefect.flow-run.Completed"} <= set(silent["trigger"]["expect"])
    assert again["actions"][0]["state"] == "SCHEDULED"
