"""What every test stands on: a home of its own, one Prefect server for the session, the real files where they are."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

os.environ.update({"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "GX_ANALYTICS_ENABLED": "false"})
# Two test processes share the cores: threads of their linear algebra would only wait for each other.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Short jobs: what Java spends on optimising them, and on collecting garbage in parallel, it never earns back.
os.environ["SPARK_SUBMIT_OPTS"] = os.environ["SPARK_DAEMON_JAVA_OPTS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="casebook-tests-")  # never the user's
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)
for name in [name for name in os.environ if name.startswith("CASEBOOK_") or name == "PREFECT_API_AUTH_STRING"]:
    del os.environ[name]
os.environ["CASEBOOK_SERVER_MINUTES"] = "0"  # no server outlives its test

from tasks.platform.settings import settings  # noqa: E402 - after the environment is set

hypothesis_settings.register_profile("casebook", deadline=None)  # no test asserts a time
hypothesis_settings.load_profile("casebook")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest, so that no process waits at the end for the other."""
    items.sort(key=lambda item: (item.path.name != "test_cluster.py", item.get_closest_marker("slow") is None))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test an empty home, so that none sees the store of another or of the user."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CASEBOOK_HOME", str(folder))
    monkeypatch.setenv("CASEBOOK_OUTPUT", str(tmp_path / "reports"))
    monkeypatch.setenv("CASEBOOK_TRACKING", "off")
    monkeypatch.delenv("PREFECT_HOME")
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose Prefect database has been created; copy it, its migrations take long."""
    folder = tmp_path_factory.mktemp("prefect") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(folder))
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        settings.cache_clear()
        import subprocess
        import sys

        subprocess.run([sys.executable, "-m", "tasks.platform.server", "prepare"], check=True, timeout=180)
    settings.cache_clear()
    return folder


@pytest.fixture(scope="session")
def prefect_server(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect API for all flow tests of this process."""
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from tasks.platform import keys
    from tasks.platform.server import TemporaryServer

    folder = tmp_path_factory.mktemp("server") / "home"
    shutil.copytree(prefect_home, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(folder))
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        settings.cache_clear()
        server = TemporaryServer()
        server.wait()
        key = keys.auth_string()
    settings.cache_clear()
    with (
        pytest.MonkeyPatch.context() as patch,
        temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_API_AUTH_STRING: key}),
    ):
        patch.setenv("PREFECT_API_AUTH_STRING", key)  # for the commands that tests start
        yield server.api_url
        APILogWorker.drain_all(timeout=5)
    server.stop()


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Spark session for all tests of this process; a flow that finds it there leaves it running."""
    from tasks.platform.spark import spark_session, stop_spark

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(tmp_path_factory.mktemp("spark") / "home"))
        patch.setenv("CASEBOOK_SPARK_MEMORY", "1g")
        settings.cache_clear()
        session = spark_session()
    settings.cache_clear()
    yield session
    stop_spark()


@pytest.fixture
def shared() -> Path:
    """The folder of real files beside the checkout; the test is skipped where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real files are not here: no folder `shared` beside the checkout")
    return SHARED
