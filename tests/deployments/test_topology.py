"""The topology as processes: begins, is known again, keeps its passwords to itself, ends with all it has started."""

import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import databases, members
from deployments.processes import Noted, Service, began, end, start, tree
from deployments.site import Site, installed
from deployments.topology import Topology
from tasks.platform.errors import CasebookError
from tasks.platform.settings import settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc, which Linux has")
ROOT = Path(__file__).resolve().parents[2]
# A parent, and a child in a session of its own, as workers start their runs.
FAMILY = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True); {rest}"
)
SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def service(code: str, ready: Path | None = None, **rest: object) -> Service:
    environment = {"PATH": os.environ["PATH"]}
    made = Service("x", [sys.executable, "-c", code], environment, lambda: ready is None or ready.exists())
    for name, value in rest.items():
        setattr(made, name, value)
    return made


def family(pid: int) -> list[Noted]:
    """Wait for the child of a process, and return both."""
    for _ in range(600):
        if len(found := tree(pid)) > 1:
            return found
        time.sleep(0.05)
    raise AssertionError("no child")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("child", [SLEEP, STUBBORN])
def test_a_process_ends_with_its_children_in_other_sessions(tmp_path: Path, number: signal.Signals, child: str) -> None:
    noted = start(service(FAMILY.format(child=child, rest="time.sleep(600)")), tmp_path / "log")
    whole = family(noted.pid)
    assert [one.alive() for one in whole] == [True, True]
    end(noted, number, grace=3)
    assert [one.alive() for one in whole] == [False, False]
    end(noted)  # a second time is nothing


def test_a_number_that_was_given_to_another_process_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        end(Noted(other.pid, began(other.pid) - 1), signal.SIGKILL)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    assert began(other.pid) == 0


def test_what_does_not_start_names_its_log_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CasebookError, match=f"x does not start; its log {tmp_path}/log says why"):
        start(service("raise SystemExit('no licence')", tmp_path / "never"), tmp_path / "log")
    assert "no licence" in (tmp_path / "log").read_text()
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600
    with pytest.raises(CasebookError):
        start(service(SLEEP, tmp_path / "never", patience=0.5), tmp_path / "log")
    assert not [one for one in tree(os.getpid())[1:] if SLEEP in Path(f"/proc/{one.pid}/cmdline").read_text()]


def test_secrets_go_by_standard_input(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = (
        f"import sys, pathlib; pathlib.Path({str(done)!r}).write_text(sys.stdin.read()); import time; time.sleep(600)"
    )
    noted = start(service(code, done, given="requirepass x\n"), tmp_path / "log")
    assert done.read_text() == "requirepass x\n"
    end(noted, signal.SIGKILL)


@pytest.fixture
def site(home: Path) -> Site:
    made = Topology().site
    return Site(made.folder, made.ports, made.passwords)


def test_passwords_are_made_once_and_kept_from_others(site: Site) -> None:
    assert Topology().site == site
    assert all(len(word) >= 32 for word in site.passwords.values())
    assert len(set(site.passwords.values())) == len(site.passwords)
    for file in (site.folder / "site.json", site.client_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    listing = stat.S_IMODE(site.folder.stat().st_mode) & 0o066
    assert listing == 0  # others may pass, as PostgreSQL's user has to, and neither read nor write


def test_a_shell_reads_the_file_of_clients(site: Site) -> None:
    said = subprocess.run(
        ["/bin/sh", "-c", f'set -a; . "{site.client_file}"; exec env'],
        capture_output=True,
        text=True,
        check=True,
        env={},
    ).stdout
    lines = set(said.splitlines())
    assert {f"{name}={value}" for name, value in site.environment().items()} <= lines


@pytest.mark.parametrize("name", ["prefect_services", "prefect", "mlflow", "spark", "worker", "redis"])
def test_no_password_stands_in_a_list_of_processes(site: Site, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_needs", lambda module: None)
    monkeypatch.setattr(databases, "installed", lambda name, package: name)
    monkeypatch.setattr(databases, "_owned", lambda folder, user: folder)
    arguments = {"spark": (site, 1), "worker": (site, "worker-1")}.get(name, (site,))
    made = (databases.redis if name == "redis" else getattr(members, name))(*arguments)
    line = " ".join(made.command)
    assert not [word for word in site.passwords.values() if word in line]
    assert "0.0.0.0" not in line + made.given
    for file in site.folder.rglob("*"):
        if file.is_file() and any(word in file.read_text("utf-8") for word in site.passwords.values()):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_what_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CasebookError, match="needs no-such-server; on Debian and Ubuntu: apt install redis-server"):
        installed("no-such-server", "redis-server")
    with pytest.raises(CasebookError, match="needs the package no_such_module"):
        members._needs("no_such_module")


def command(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "deployments/topology.py", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=550,
        env=os.environ | {"CASEBOOK_HOME": str(home)},
    )


def test_status_of_what_was_never_started(home: Path) -> None:
    done = command("status", home=home)
    assert done.returncode == 1
    assert [line.split()[1:3] for line in done.stdout.splitlines()] == [["not", "started"]] * 8
    assert command("down", home=home).stdout == "All have ended.\n"


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A home that the user of PostgreSQL can get through to; pytest's own folders are closed."""
    folder = Path(tempfile.mkdtemp(prefix="casebook-topology-"))
    folder.chmod(0o711)
    yield folder
    command("down", home=folder)
    shutil.rmtree(folder)


@pytest.mark.long
@pytest.mark.skipif(
    not (shutil.which("redis-server") and list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))),
    reason="PostgreSQL or Redis is not installed: apt install postgresql redis-server",
)
@pytest.mark.skipif(importlib.util.find_spec("prefect_redis") is None, reason="the extra `cluster` is not installed")
def test_up_and_down_and_up_again(open_home: Path) -> None:
    done = command("up", home=open_home)
    assert done.returncode == 0, done.stderr
    noted = json.loads((open_home / "topology" / "processes.json").read_text())
    assert list(noted) == [
        "postgres",
        "redis",
        "prefect",
        "prefect-services",
        "mlflow",
        "spark",
        "worker-1",
        "worker-2",
    ]
    owners = {name: Path(f"/proc/{entry['pid']}").stat().st_uid for name, entry in noted.items()}
    assert owners["postgres"] != 0
    assert owners["redis"] != 0
    assert command("status", home=open_home).returncode == 0
    whole = [one for entry in noted.values() for one in tree(entry["pid"])]
    end(Noted(**noted["worker-1"]), signal.SIGKILL)
    assert "worker-1         died" in command("status", home=open_home).stdout
    assert command("down", home=open_home).returncode == 0
    assert not [one for one in whole if one.alive()]


def test_a_home_closed_to_the_database_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() != 0:
        pytest.skip("only root starts the database as another user")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    settings.cache_clear()
    done = command("up", home=home)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("casebook: The user postgres, who runs the database, cannot get")
