"""Eight secrets are planted: in an address, the environment, a header, a Secret block. A run leaves none anywhere."""

import contextlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_commands import end_server, leaked

from tasks.cases.marathon.sample import write_marathon
from tasks.platform.masking import conceal, reveal

ROOT = Path(__file__).resolve().parents[2]
TOKEN, SIGNATURE, USER, PASSWORD = "tok-5ecret-1a", "sig-5ecret-2b", "usr5ecret3c", "pwd5ecret4d"
LASTFM, CLIENT, KEY, BEARER = "5ecret5e" * 4, "5ecret-6f-client", "5ecret-7g-key", "5ecret8h" * 3
PLANTED = (TOKEN, SIGNATURE, USER, PASSWORD, LASTFM, CLIENT, KEY, BEARER)


class Table(http.server.BaseHTTPRequestHandler):
    """Serves a table to whoever knows the token."""

    content = b""

    def do_GET(self) -> None:
        good = TOKEN in self.path and SIGNATURE in self.path
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(self.content) if good else 0))
        self.send_header("Set-Cookie", f"session={BEARER}")
        self.end_headers()
        if good:
            self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    write_marathon(folder)
    Table.content = (folder / "marathon.csv").read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Table)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/marathon.csv?token={TOKEN}&X-Amz-Signature={SIGNATURE}"
    finally:
        server.shutdown()
        server.server_close()


def run(tmp_path: Path, source: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
        "CASEBOOK_TRACKING": "wait",
        "CASEBOOK_SERVER_MINUTES": "5",
        "CASEBOOK_LASTFM_KEY": LASTFM,
        "CASEBOOK_DB_CLIENT_ID": CLIENT,
        "CASEBOOK_DB_API_KEY": KEY,
    }
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "flows/marathon.py", "--source", source, "--shuffles", "2"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=280)


@pytest.mark.slow
def test_neither_a_run_nor_a_failure_leaves_a_secret_anywhere(
    tmp_path: Path, prefect_home: Path, empty_registry: Path
) -> None:
    """Two commands on one home and one server, which ends before everything that they left is searched."""
    shutil.copytree(prefect_home, tmp_path / "home")
    shutil.copytree(empty_registry, tmp_path / "home" / "mlflow")
    try:
        with serving(tmp_path) as source:
            done = run(tmp_path, source)
        refused = run(tmp_path, f"https://{USER}:{PASSWORD}@127.0.0.1:9/marathon.csv?token={TOKEN}&sig={SIGNATURE}")
    finally:
        end_server(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert b"patterns" in Path(done.stdout.decode().splitlines()[-1]).read_bytes()
    assert refused.returncode == 2
    assert b"inner network" in refused.stderr
    said = done.stdout + done.stderr + refused.stdout + refused.stderr
    assert leaked(tmp_path, said, PLANTED) == []


def test_what_is_concealed_is_revealed_and_only_that() -> None:
    address = f"https://{USER}:{PASSWORD}@data.example/x.csv?token={TOKEN}&page=3"
    shown = conceal(address)
    assert not any(secret in shown for secret in PLANTED)
    assert "page=3" in shown
    assert reveal(shown) == address
    assert conceal(["sample", 3, address]) == ["sample", 3, shown]
    assert reveal("https://data.example/x.csv") == "https://data.example/x.csv"
