"""A schedule makes runs: with SQLAlchemy 2.1 the scheduler of Prefect 3.8 failed in its log, and no night ever came."""

import shutil
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tasks.platform import keys
from tasks.platform.server import Child
from tasks.platform.settings import settings

SECONDS = 90  # until the scheduler has looked


@pytest.mark.slow
def test_a_schedule_makes_runs(home: Path, prefect_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(prefect_home, home, dirs_exist_ok=True)
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    settings.cache_clear()
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
    from pydantic import SecretStr

    @flow(name="nightly")
    def nightly() -> None:
        return None

    server = Child("prefect", tmp_path / "prefect.log")
    try:
        server.wait()
        own = {PREFECT_API_URL: server.api_url, PREFECT_API_AUTH_STRING: SecretStr(keys.auth_string())}
        with temporary_settings(own), get_client(sync_client=True) as client:
            schedule = CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin")
            client.create_deployment(
                client.create_flow(nightly), "all-cases", schedules=[DeploymentScheduleCreate(schedule=schedule)]
            )
            due = []
            for _ in range(SECONDS):
                due = [run.expected_start_time for run in client.read_flow_runs()]
                if due:
                    break
                time.sleep(1)
        assert due, (tmp_path / "prefect.log").read_text("utf-8")[-2000:]
        assert {moment.astimezone(ZoneInfo("Europe/Berlin")).hour for moment in due if moment} == {2}
    finally:
        server.stop()
