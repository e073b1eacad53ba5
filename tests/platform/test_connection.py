"""Each link of a connection is broken on purpose, one by one: seven broken links, seven right diagnoses."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bigquery_server import private_key
from connection_server import Service, certificate, serve

from tasks.platform import doctor
from tasks.platform.connection import network
from tasks.platform.connection.access import code_in, signed
from tasks.platform.connection.mends import LINKS, mends
from tasks.platform.connection.targets import target_of
from tasks.platform.connection.walk import Link, listing, walk
from tasks.platform.errors import UsageError
from tasks.platform.settings import settings

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA5ECRET5ECRET",
    "AWS_SECRET_ACCESS_KEY": "5ecret/aws/key",
    "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"5ecret-of-azure" * 3).decode(),
}
URLS = {
    "s3": "s3://bucket/prefix",
    "gs": "gs://bucket/prefix",
    "bigquery": "bigquery://some-project",
    "abfs": "abfs://container@account.dfs.core.windows.net/path",
}
STYLES = {"s3": "xml", "gs": "json", "bigquery": "json", "abfs": "azure"}
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
FOREIGN = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "STORAGE_EMULATOR_HOST",
    "AZURE_STORAGE_SAS_TOKEN",
    "SSL_CERT_FILE",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_ACCOUNT",
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*PROXIES, *FOREIGN, *SECRETS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("CASEBOOK_NETWORK_TIMEOUT", "2")
    settings.cache_clear()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[[Service], None]:
    """Point every kind of store at a server, with credentials."""

    def set_up(service: Service) -> None:
        account = {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "1",
            "client_id": "1",
            "private_key": private_key(),
            "client_email": "reader@p.example",
            "token_uri": f"{service.address}/token",
        }
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", json.dumps(account))
        monkeypatch.setenv("CASEBOOK_BIGQUERY_ENDPOINT", service.address)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", service.address)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", service.address)
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=account;BlobEndpoint={service.address}")
        settings.cache_clear()

    return set_up


def allow_inner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_PRIVATE_TARGETS", "true")
    settings.cache_clear()


def broken(links: list[Link]) -> Link:
    """Return the only broken link; those before hold, those after are not looked at."""
    states = [link.state for link in links]
    found = states.index("fail")
    assert [link.name for link in links] == list(LINKS)
    assert "fail" not in states[found + 1 :]
    assert set(states[found + 1 :]) <= {"skip"}
    assert len(links[found].mends) == 3
    return links[found]


# --- the seven links, one by one ---


def test_1_a_name_that_nobody_knows() -> None:
    link = broken(walk("https://no-such-account.invalid/data"))
    assert link.name == "name"
    assert "no-such-account.invalid" in link.found


@pytest.mark.parametrize("kind", ["host", "tcp", "bigquery", "s3"])
def test_2_no_way_to_the_port(kind: str, known: Callable[[Service], None]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        service = Service()
        service.address = f"http://127.0.0.1:{port}"
        known(service)
        urls = URLS | {"host": f"http://127.0.0.1:{port}/", "tcp": f"tcp://127.0.0.1:{port}"}
        link = broken(walk(urls[kind]))  # bound, and nobody listens
    assert link.name == "route"
    assert f"port {port}" in link.found
    assert "nothing listens" in link.mends[0]


@pytest.mark.parametrize(
    ("name", "days", "trusted", "said", "mend"),
    [
        ("localhost", (-1, 30), False, "self-signed", "add its authority"),
        ("other.example", (-1, 30), True, "Hostname mismatch", "in the certificate"),
        ("localhost", (-30, -1), True, "expired", "Compare the clock"),
        ("localhost", (1, 30), True, "not yet valid", "Compare the clock"),
    ],
)
def test_3_a_certificate_that_does_not_hold(
    name: str,
    days: tuple[int, int],
    trusted: bool,
    said: str,
    mend: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pem = certificate(tmp_path, name, days)
    allow_inner(monkeypatch)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(Service(), pem) as service:
        link = broken(walk(f"{service.address}/data"))
    assert link.name == "TLS"
    assert said in link.found
    assert mend in link.mends[0]
    assert service.asked == []


@pytest.mark.parametrize(("off", "way"), [(7_200.0, "behind"), (-7_200.0, "ahead of")])
@pytest.mark.parametrize("kind", list(URLS))
def test_4_a_clock_that_is_wrong(kind: str, off: float, way: str, known: Callable[[Service], None]) -> None:
    with serve(Service()) as service:
        service.off = off
        known(service)
        link = broken(walk(URLS[kind]))
    assert link.name == "clock"
    assert f"2.0 hours {way} the server" in link.found


def test_an_answer_from_a_cache_is_no_wrong_clock() -> None:
    with serve(Service()) as service:
        service.off = -7_200.0
        service.always = {"Age": "7200"}
        assert {link.state for link in walk(f"{service.address}/data")} == {"ok", "skip"}


def test_a_bucket_of_another_region_is_named(known: Callable[[Service], None]) -> None:
    with serve(Service()) as service:
        service.status, service.headers = 301, {"x-amz-bucket-region": "eu-west-1"}
        known(service)
        link = broken(walk(URLS["s3"]))
    assert link.name == "permission"
    assert "lies in eu-west-1, and is asked for in us-east-1" in link.found


CREDENTIALS = {
    "s3": [(403, "InvalidAccessKeyId"), (403, "SignatureDoesNotMatch"), (400, "ExpiredToken")],
    "gs": [(401, "authError")],
    "bigquery": [(401, "authError")],
    "abfs": [(403, "AuthenticationFailed"), (401, "InvalidAuthenticationInfo")],
}
PERMISSION = {
    "s3": [(403, "AccessDenied"), (404, "NoSuchBucket")],
    "gs": [(403, "forbidden"), (404, "notFound")],
    "bigquery": [(403, "accessDenied"), (404, "notFound")],
    "abfs": [(403, "AuthorizationPermissionMismatch"), (403, "AuthorizationFailure"), (404, "ContainerNotFound")],
}
QUOTA = {
    "s3": [(503, "SlowDown"), (429, "")],
    "gs": [(429, "rateLimitExceeded")],
    "bigquery": [(403, "quotaExceeded"), (403, "rateLimitExceeded"), (503, "backendError")],
    "abfs": [(503, "ServerBusy")],
}


@pytest.mark.parametrize(
    ("link", "kind", "status", "code"),
    [
        (link, kind, *answer)
        for link, table in (("credentials", CREDENTIALS), ("permission", PERMISSION), ("quota", QUOTA))
        for kind, answers in table.items()
        for answer in answers
    ],
)
def test_5_6_7_credentials_permission_quota(
    link: str, kind: str, status: int, code: str, known: Callable[[Service], None]
) -> None:
    with serve(Service()) as service:
        service.status, service.code, service.style = status, code, STYLES[kind]
        service.headers = {"Retry-After": "17"} if link == "quota" else {}
        known(service)
        found = broken(walk(URLS[kind]))
    assert found.name == link
    assert f"HTTP {status}" in found.found
    assert code in found.found
    assert ("17" in found.found) == (link == "quota")


@pytest.mark.parametrize("kind", list(URLS))
def test_no_credentials_at_all(kind: str, known: Callable[[Service], None], monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Service()) as service:
        known(service)
        for name in (*SECRETS, "CASEBOOK_BIGQUERY_SERVICE_ACCOUNT"):
            monkeypatch.delenv(name)
        link = broken(walk(URLS[kind]))
    assert link.name == "credentials"
    assert "no" in link.found
    assert link.mends[0].startswith("Give ")


def test_a_token_that_google_refuses_is_a_matter_of_credentials(known: Callable[[Service], None]) -> None:
    with serve(Service()) as service:
        service.token = 400, {"error": "invalid_grant"}
        known(service)
        link = broken(walk(URLS["bigquery"]))
    assert (link.name, "does not take the key" in link.found) == ("credentials", True)


# --- where nothing is broken ---


@pytest.mark.parametrize("kind", list(URLS))
def test_a_whole_connection_holds_in_every_link(kind: str, known: Callable[[Service], None]) -> None:
    with serve(Service()) as service:
        known(service)
        links = walk(URLS[kind])
    assert [link.name for link in links] == list(LINKS)
    assert {link.state for link in links} <= {"ok", "skip"}
    assert [link.name for link in links if link.state == "skip"] == ["TLS"]


def test_a_host_by_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    allow_inner(monkeypatch)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(Service(), pem) as service:
        assert {link.state for link in walk(f"{service.address}/data")} == {"ok"}
        service.status = 401
        assert broken(walk(f"{service.address}/data")).name == "credentials"
        service.status = 403
        assert broken(walk(f"{service.address}/data")).name == "permission"
        service.status = 429
        assert broken(walk(f"{service.address}/data")).name == "quota"


@contextmanager
def saying(words: bytes) -> Iterator[int]:
    """Serve one port that says something to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def run() -> None:
            server.settimeout(0.05)
            while not stop.is_set():
                try:
                    client, _ = server.accept()
                except OSError:
                    continue
                with client:
                    client.sendall(words)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        thread.join()


def test_the_port_of_a_virtual_machine() -> None:
    with saying(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
        links = walk(f"ssh://me@127.0.0.1:{port}")
        assert "SSH-2.0-OpenSSH_9.6" in links[2].found
        assert [link.state for link in links[:3]] == ["ok"] * 3
        assert [link.state for link in walk(f"tcp://127.0.0.1:{port}")] == ["ok", "ok", *["skip"] * 5]
    for words, said in ((b"", "without a word"), (b"HTTP/1.1 400 Bad\r\n\r\n", "not SSH-2.0")):
        with saying(words) as port:
            link = broken(walk(f"ssh://127.0.0.1:{port}"))
            assert link.name == "TLS"
            assert said in link.found


# --- time limits ---


def test_every_look_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_NETWORK_TIMEOUT", "0.3")
    settings.cache_clear()
    with serve(Service()) as service:
        service.waits = 3.0
        assert broken(walk(f"{service.address}/data")).name == "TLS"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert broken(walk(f"ssh://127.0.0.1:{mute.getsockname()[1]}")).name == "TLS"
    forever = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **rest: forever.wait(20))
    link = broken(walk("https://slow.example/"))
    forever.set()
    assert (link.name, "within 0.3 seconds" in link.found) == ("name", True)


def test_a_silent_drop_is_told_from_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*args: Any, **rest: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    found, _ = network.reach(["192.0.2.1"], 443)
    assert found.broken == "silent"


# --- what may not be asked, and what may not be shown ---


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:9/",
        "https://localhost/",
        "tcp://10.0.0.1:22",
        "ssh://192.168.1.1",
        "https://169.254.169.254/",
        "tcp://169.254.169.254:80",
        "ssh://[fe80::1]",
        "https://[::1]:9/",
    ],
)
def test_the_inner_network_is_refused_unless_a_setting_allows_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *args, **rest: connected.append(args))
    with pytest.raises(UsageError, match="CASEBOOK_PRIVATE_TARGETS=true allows"):
        walk(url)
    assert connected == []


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **rest: inner)
    with pytest.raises(UsageError, match="inner network"):
        walk("https://innocent.example/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "ftp://host/x",
        "tcp://host",
        "https://",
        "http://example.com/",
        "s3://UPPER",
        "bigquery://x",
        "abfs://container",
        "tcp://host:99999",
        "s3://key:secret@bucket",
        "https://host:x/",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_is_a_wrong_argument(url: str) -> None:
    with pytest.raises(UsageError):
        walk(url)


def test_offline_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(UsageError, match="CASEBOOK_OFFLINE"):
        walk("https://example.com/")


def test_no_secret_is_shown(known: Callable[[Service], None], capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Service()) as service:
        known(service)
        for kind, url in URLS.items():
            for status in (200, 403):
                service.status, service.style = status, STYLES[kind]
                doctor.main(["--cloud", url])
                doctor.main(["--cloud", url, "--json"])
        doctor.main(["--cloud", f"http://127.0.0.1:{service.port}/data?token=tok-5ecret&sig=5ecret"])
        doctor.main(["--cloud", "https://me:pwd5ecret@127.0.0.1:9/?token=5ecret"])
    said = "".join(capsys.readouterr())
    assert "5ecret" not in said.lower().replace("akia5ecret5ecret", "5ecret")
    assert "PRIVATE KEY" not in said
    assert "tok-" not in said


# --- signatures, words, the command ---


def test_the_signature_of_azure_is_the_one_that_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    key = b"5ecret-of-azure" * 3
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(key).decode())
    request, _ = signed(target_of(URLS["abfs"]))
    date = request.headers["x-ms-date"]
    text = (
        "GET" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-12-02\n"
        "/account/container\ncomp:list\nmaxresults:1\nrestype:container"
    )
    mark = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    assert request.headers["Authorization"] == f"SharedKey account:{mark}"
    assert request.url.startswith("https://account.blob.core.windows.net/container?")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=5ecret%2F")
    request, whose = signed(target_of(URLS["abfs"]))
    assert "sig=5ecret%2F" in request.url
    assert whose == "a shared access signature"


def test_addresses_of_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert target_of("s3://my-bucket/x").address == "https://my-bucket.s3.eu-central-1.amazonaws.com"
    assert target_of("s3://my.bucket/x").address == "https://s3.eu-central-1.amazonaws.com/my.bucket"
    assert target_of("gs://my-bucket").host == "storage.googleapis.com"
    assert target_of("bigquery://some-project").host == "bigquery.googleapis.com"
    assert target_of("abfs://c1c@acc.dfs.core.windows.net").host == "acc.blob.core.windows.net"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acc")
    assert target_of("abfs://c1c/path").account == "acc"
    monkeypatch.setenv("AWS_REGION", "eu/../x")
    with pytest.raises(UsageError, match="region"):
        target_of("s3://my-bucket/x")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"error": {"errors": [{"reason": "quotaExceeded"}]}}', "quotaExceeded"),
        (b'{"error": {"status": "PERMISSION_DENIED"}}', "PERMISSION_DENIED"),
        (b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>", "SlowDown"),
        (b"<Error><Code>\x1b[31m</Code></Error>", ""),
        (b'{"error": "x"}', ""),
        (b'{"error": {"errors": [7]}}', ""),
        (b"", ""),
        (b"\xff\xfe", ""),
        (b"[1]", ""),
    ],
)
def test_the_services_word_is_read_from_any_answer(content: bytes, code: str) -> None:
    assert code_in(content) == code


def test_every_cause_has_three_mends() -> None:
    causes = {
        "name": ("unknown", "silent"),
        "route": ("refused", "silent", "unreachable"),
        "TLS": ("untrusted", "name", "date", "none", "silent", "greeting"),
        "clock": ("off",),
        "credentials": ("none", "refused", "expired"),
        "permission": ("denied", "absent"),
        "quota": ("used up", "out of order"),
    }
    for kind in (*URLS.values(), "https://example.com/", "tcp://example.com:1"):
        for link, found in causes.items():
            for cause in found:
                told = mends(link, cause, target_of(kind))
                assert len(set(told)) == 3
                assert all(text.endswith((".", ")")) and "{" not in text for text in told)


def test_the_command_names_the_first_broken_link_and_its_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tasks.platform.doctor", "--cloud"]
    done = subprocess.run(
        [*command, "https://nowhere.invalid/x"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).resolve().parents[2] / "src",
    )
    assert done.returncode == 1
    assert "the first broken link is: name" in done.stdout
    assert "3. " in done.stdout
    assert doctor.main(["--cloud", "nonsense"]) == 2


def test_json_and_text_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Service()) as service:
        assert doctor.main(["--cloud", f"{service.address}/data", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["broken"]) == (True, None)
    links = [Link.model_validate(link) for link in told["links"]]
    assert "no link is broken" in listing("http://x", links)
