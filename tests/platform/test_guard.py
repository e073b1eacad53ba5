"""Pages of other origins and other users of the machine get nothing from the servers that Casebook starts."""

import http.client
import http.server
import json
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployments.serve import reports_server
from tasks.platform import keys
from tasks.platform.errors import UsageError
from tasks.platform.server import Child, is_ours
from tasks.platform.settings import settings
from tests.platform.browser import WRONG_HOST, Browser, browser, executable

BOOT = "b00t"
SECRET = "the-secret-of-a-block"
SHELL = {"prefect.deployments.steps.run_shell_script": {"script": "id > pwned"}}


@dataclass
class Server:
    """One guarded server, and how its owner talks to it."""

    url: str
    key: keys.Key
    log: Path | None = None
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def request(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, str]:
        """Send a request as a program with the key does; a header given as None is left out, `_` stands for `-`."""
        wanted = {"Authorization": self.key.authorization, "Content-Type": "application/json"}
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {name: value for name, value in wanted.items() if value is not None})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        for _ in range(20):
            status, text = self.request(method, path, body)
            if status != 503:  # a busy database: any client of Prefect asks again
                break
            time.sleep(1)
        assert status < 300, (status, text)
        return json.loads(text or "null")


@pytest.fixture(scope="module")
def servers(
    prefect_home: Path, empty_registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    """All five: the temporary one of a command, the three of `make serve`, and the data app."""
    import shutil

    folder = tmp_path_factory.mktemp("guard")
    shutil.copytree(prefect_home, folder / "home")
    shutil.copytree(empty_registry, folder / "home" / "mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(folder / "home"))
        patch.setenv("CASEBOOK_OUTPUT", str(folder / "reports"))
        patch.setenv("PREFECT_HOME", str(folder / "home" / "prefect"))
        settings.cache_clear()
        key = keys.key()
        children = {kind: Child(kind, folder / f"{kind}.log", boot=BOOT) for kind in ("prefect", "mlflow", "app")}
        children["temporary"] = Child("temporary", folder / "temporary.log")
        try:
            with reports_server(0, BOOT) as reports:
                (folder / "reports" / "report.html").write_text(f"<p>{SECRET}</p>", "utf-8")
                for child in children.values():
                    child.wait()
                settings.cache_clear()
                found = {kind: Server(child.url, key, child.log) for kind, child in children.items()}
                found["reports"] = Server(reports, key)
                yield found
        finally:
            for child in children.values():
                assert child.process.stdin
                child.process.stdin.close()
            for child in children.values():
                child.stop()
    settings.cache_clear()


def furnish(server: Server) -> None:
    """Make a deployment of its own and a Secret block, for an attack to change and to read."""
    name = uuid.uuid4().hex[:12]
    flow = server.json("POST", "/api/flows/", {"name": f"victim-{name}"})["id"]
    deployment = server.json("POST", "/api/deployments/", {"name": "victim", "flow_id": flow})["id"]
    kind = server.json("GET", "/api/block_types/slug/secret")["id"]
    wanted = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = server.json("POST", "/api/block_schemas/filter", wanted)[0]["id"]
    block = {"name": f"victim-{name}", "block_type_id": kind, "block_schema_id": schema, "data": {"value": SECRET}}
    server.json("POST", "/api/block_documents/", block)
    server.ids = {"deployment": deployment}


def state_of(server: Server) -> dict[str, Any]:
    """Return what the attack tries to change."""
    deployment = server.json("GET", f"/api/deployments/{server.ids['deployment']}")
    runs = server.json("POST", "/api/flow_runs/count", {"deployments": {"id": {"any_": [deployment["id"]]}}})
    return {"pull_steps": deployment["pull_steps"] or [], "paused": deployment["paused"], "runs": runs}


UNTOUCHED = {"pull_steps": [], "paused": False, "runs": 0}
TAKEN = {"pull_steps": [SHELL], "paused": True, "runs": 1}


def attack(page: Browser, server: Server) -> dict[str, Any]:
    """Do in the page that is open what a hostile page would do to a Prefect server, and return what came of it."""
    base, one = server.url, f"{server.url}/api/deployments/{server.ids['deployment']}"
    text = "{headers: {'Content-Type': 'application/json'}, method: '%s', body: JSON.stringify(%s)}"
    scripts = {
        "patch": f"fetch('{one}', {text % ('PATCH', json.dumps({'pull_steps': [SHELL]}))}).then(r => r.status)",
        "no-cors": f"fetch('{one}/create_flow_run', {{mode: 'no-cors', method: 'POST', body: new Blob(['{{}}'])}})"
        ".then(r => r.type)",
        "form": f"""new Promise(done => {{
            const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), {{name: 'f'}}));
            const form = Object.assign(document.createElement('form'),
                {{method: 'POST', action: '{one}/pause_deployment', target: 'f'}});
            document.body.append(form); setTimeout(() => done('waited'), 500);
            frame.onload = () => done('loaded'); form.submit()}})""",
        "secrets": f"fetch('{base}/api/block_documents/filter', {text % ('POST', '{include_secrets: true}')})"
        f".then(r => r.text()).then(t => t.includes('{SECRET}'))",
        "socket": f"""new Promise(done => {{
            const socket = new WebSocket('{base.replace("http", "ws")}/api/events/in');
            socket.onopen = () => {{ socket.close(); done('open') }}; socket.onerror = () => done('refused')}})""",
    }
    return {name: page.run(script) for name, script in scripts.items()}


class Evil(http.server.BaseHTTPRequestHandler):
    """The page of the attacker, on another port."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<body>evil</body>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    if executable() is None:
        pytest.skip("no Chromium on this machine: chromium, chromium-browser or google-chrome")
    with browser() as opened:
        yield opened


def assert_nothing_came_of_it(found: dict[str, Any]) -> None:
    assert str(found["patch"]).startswith("error"), found
    assert str(found["secrets"]).startswith("error"), found
    assert found["socket"] == "refused", found


def read(url: str) -> str:
    return f"fetch('{url}').then(r => r.text())"


@pytest.mark.slow
def test_a_page_of_another_origin_reads_and_changes_nothing(servers: dict[str, Server], page: Browser, evil: str):
    experiment = "api/2.0/mlflow/experiments/create"
    for kind in ("prefect", "temporary"):
        furnish(servers[kind])
    for logged_in in (False, True):  # a cookie goes to every port of the host, and must not help
        if logged_in:
            page.open(f"{servers['reports'].url}/?key={servers['reports'].key.link(servers['reports'].port, BOOT)}")
            assert "report.html" in page.run("document.body.innerText")
        for origin in (evil,) if logged_in else (evil, evil.replace("127.0.0.1", WRONG_HOST)):
            page.open(origin)
            for kind in ("prefect", "temporary"):
                assert_nothing_came_of_it(attack(page, servers[kind]))
                assert state_of(servers[kind]) == UNTOUCHED
            assert page.run(read(f"{servers['reports'].url}/report.html")).startswith("error")
            create = f"fetch('{servers['mlflow'].url}/{experiment}', {{mode: 'no-cors', method: 'POST',"
            page.run(create + ' body: new Blob([\'{"name": "evil"}\'])})')
            assert page.run(read(f"{servers['mlflow'].url}/version")).startswith("error")
        assert servers["mlflow"].request("GET", f"/{experiment[:-6]}get-by-name?experiment_name=evil")[0] == 404
        for server in servers.values():  # DNS rebinding: the name is the attacker's, the address is ours
            page.open(f"http://{WRONG_HOST}:{server.port}/report.html")
            assert "another name" in page.run("document.body.innerText")
            if server.ids:
                rebound = Server(f"http://{WRONG_HOST}:{server.port}", server.key, ids=server.ids)
                found = attack(page, rebound)
                assert (found["patch"], found["secrets"], found["socket"]) == (403, False, "refused")
                assert state_of(server) == UNTOUCHED


@pytest.mark.slow
def test_the_own_page_with_the_key_can_do_all_of_it(servers: dict[str, Server], page: Browser):
    """The same scripts, so that the test above can fail."""
    server = servers["prefect"]
    furnish(server)
    page.open(f"{server.url}/?key={server.key.link(server.port, BOOT)}")
    found = attack(page, server)
    assert found.pop("form") in ("loaded", "waited")
    assert found == {"patch": 204, "no-cors": "basic", "secrets": True, "socket": "open"}
    page.run("new Promise(done => setTimeout(done, 1000))")  # the form's answer may take longer than the script waits
    assert state_of(server) == TAKEN
    mlflow = servers["mlflow"]
    page.open(f"{mlflow.url}/?key={mlflow.key.link(mlflow.port, BOOT)}")
    assert page.run(read(f"{mlflow.url}/version")).startswith("3.")
    page.open(f"http://localhost:{servers['reports'].port}/report.html")  # one name in the browser, one cookie
    assert SECRET in page.run("document.body.innerText")
    assert page.run("location.hostname") == "127.0.0.1"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["prefect", "temporary", "mlflow", "reports", "app"])
def test_requests_of_programs(servers: dict[str, Server], kind: str):
    server = servers[kind]
    path = {"mlflow": "/version", "reports": "/report.html", "app": "/_stcore/host-config"}.get(
        kind, "/api/admin/version"
    )
    status, text = server.request("GET", path)
    assert status == 200
    for headers, wanted in {
        (("Authorization", None),): 401,
        (("Authorization", "Basic Y2FzZWJvb2s6"),): 401,
        (("Host", f"evil.example:{server.port}"),): 403,
        (("Host", "127.0.0.1:1"),): 403,
        (("Origin", "http://evil.example"),): 403,
        (("Origin", "null"),): 403,
        (("Origin", f"http://127.0.0.1:{server.port}0"),): 403,
        (("Sec_Fetch_Site", "cross-site"),): 403,
        (("Sec_Fetch_Site", "same-site"), ("Sec_Fetch_Mode", "no-cors")): 403,
        (("Sec_Fetch_Site", "same-site"), ("Sec_Fetch_Mode", "navigate"), ("Sec_Fetch_Dest", "iframe")): 403,
        (("Sec_Fetch_Site", "cross-site"), ("Sec_Fetch_Mode", "navigate"), ("Sec_Fetch_Dest", "document")): 200,
    }.items():
        status, said = server.request("GET", path, **dict(headers))
        assert (status, text in said) == (wanted, wanted == 200), headers
    for method in ("OPTIONS", "POST", "PATCH", "DELETE", "PUT"):
        navigate = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
        assert server.request(method, path, **navigate)[0] == 403
        assert server.request(method, path, Authorization=None)[0] == 401
    assert server.log is None or server.key.auth_string not in server.log.read_text("utf-8")


@pytest.mark.slow
def test_an_address_logs_in_once_and_only_where_it_was_made_for(servers: dict[str, Server]):
    server, other = servers["prefect"], servers["mlflow"]
    link = server.key.link(server.port, BOOT)

    def visit(where: Server, key: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=30)
        connection.request("GET", f"/?key={key}")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers.get("Set-Cookie", "")

    assert visit(other, link)[0] == 401
    assert visit(servers["temporary"], link)[0] == 401
    assert visit(server, server.key.link(server.port, "another start"))[0] == 401
    status, cookie = visit(server, link)
    assert status == 303
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert visit(server, link) == (401, "")
    value = cookie.partition(";")[0]
    assert server.request("GET", "/api/admin/version", Authorization=None, Cookie=value)[0] == 200
    assert servers["temporary"].request("GET", "/api/admin/version", Authorization=None, Cookie=value)[0] == 401
    forged = "9" + value.partition("=")[2]
    name = value.partition("=")[0]
    assert server.request("GET", "/api/admin/version", Authorization=None, Cookie=f"{name}={forged}")[0] == 401


@pytest.mark.slow
def test_websockets_ask_for_the_key(servers: dict[str, Server]):
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import connect

    server = servers["prefect"]
    address = f"{server.url.replace('http', 'ws')}/api/events/out"
    for headers in ({"Origin": "http://evil.example"}, {"Origin": server.url}, {"Host": "evil.example"}):
        with pytest.raises(InvalidStatus):
            connect(address, additional_headers=headers, proxy=None)
    for token in (None, "casebook:wrong", server.key.auth_string):
        with connect(address, subprotocols=["prefect"], proxy=None) as socket:  # type: ignore[list-item]
            socket.send(json.dumps({"type": "auth", "token": token}))
            if token == server.key.auth_string:
                assert json.loads(socket.recv(timeout=30)) == {"type": "auth_success"}
            else:
                with pytest.raises(ConnectionClosed):
                    socket.recv(timeout=30)
    with connect(address.replace("/out", "/in"), proxy=None) as socket:
        socket.send(json.dumps({"event": "evil"}))  # the old way, without a first message, is closed as well
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)


@pytest.mark.slow
def test_a_server_proves_that_it_is_ours(servers: dict[str, Server], evil: str, monkeypatch: pytest.MonkeyPatch):
    assert not is_ours(servers["prefect"].url)  # of another home
    assert not is_ours(evil)
    monkeypatch.setattr(keys, "key", lambda: servers["prefect"].key)
    for server in servers.values():
        assert is_ours(server.url)
        assert is_ours(f"http://localhost:{server.port}/api")
    assert not is_ours("https://127.0.0.1:1/api")
    assert not is_ours("http://example.org:4200/api")


def test_the_key_is_readable_by_its_owner_only(home: Path):
    first = keys.auth_string()
    assert keys.auth_string() == first
    assert stat.S_IMODE(keys.key_file().stat().st_mode) == 0o600
    keys.key_file().chmod(0o644)
    keys.secret()
    assert stat.S_IMODE(keys.key_file().stat().st_mode) == 0o600
    keys.key_file().write_text("short")
    with pytest.raises(UsageError, match="damaged; remove it"):
        keys.secret()


def test_the_profile_brings_the_key_and_leaves_others_alone(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)  # a flow that ran in this process before has set it
    file = home / "prefect" / "profiles.toml"
    keys.write_profile()
    assert keys.auth_string() in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text('active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://example.org/api"\n')
    keys.write_profile()
    text = file.read_text()
    assert 'active = "mine"' in text
    assert "http://example.org/api" in text
    assert text.count(keys.auth_string()) == 2
