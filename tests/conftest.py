"""What every test stands on: a home of its own, one Prefect server for the session, the real files where they are."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
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
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type] # as apply_prefect_settings, whoever is first

from tasks.platform.locks import alone  # noqa: E402 - after the environment is set
from tasks.platform.settings import python_path, settings  # noqa: E402

hypothesis_settings.register_profile("casebook", deadline=None)  # no test asserts a time
hypothesis_settings.load_profile("casebook")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest, so that no process waits at the end for the other.

    What needs Spark lies together, so that one process starts a session for all of it.
    """

    def place(item: pytest.Item) -> tuple[bool, bool, bool]:
        with_spark = "spark" in getattr(item, "fixturenames", ())
        return item.path.name != "test_cluster.py", not with_spark, item.get_closest_marker("slow") is None

    items.sort(key=place)


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


def made_once(name: str, *modules: str, factory: pytest.TempPathFactory) -> Path:
    """Return a home made by `python -m` of the modules, once for all test processes of a run; to be copied."""
    base = factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = place / name
    with alone(place / f"{name}.lock", 300):
        if not folder.exists():
            scratch = Path(tempfile.mkdtemp(dir=place))
            environment = os.environ | {"CASEBOOK_HOME": str(scratch), "PREFECT_HOME": str(scratch / "prefect")}
            for module in modules:
                command = [sys.executable, "-m", *module.split()]
                subprocess.run(command, check=True, timeout=180, env=environment | {"PYTHONPATH": python_path()})
            scratch.rename(folder)
    return folder


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose Prefect database has been created; copy it, its migrations take long."""
    return made_once("prefect", "tasks.platform.server prepare", factory=tmp_path_factory)


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow folder whose database has been created; copy it, its migrations take long."""
    return made_once("registry", "tasks.publishing.registry", factory=tmp_path_factory) / "mlflow"


@pytest.fixture(scope="session")
def server_folder(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `home` is that of the server below."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(prefect_home, folder / "home")
    return folder


@pytest.fixture(scope="session")
def prefect_server(server_folder: Path) -> Iterator[str]:
    """One Prefect API for all flow tests of this process."""
    from prefect import flow_engine
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from tasks.platform import keys
    from tasks.platform.server import TemporaryServer

    folder = server_folder / "home"
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
        # At the end of each flow Prefect waits up to a second for the thread that tells that it lives.
        unwaited = functools.partial(flow_engine._send_heartbeats, join_on_exit=False)
        patch.setattr(flow_engine, "_send_heartbeats", unwaited)
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
