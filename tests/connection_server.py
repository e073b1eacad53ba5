"""A server on this machine, with TLS or without, that answers as stores and warehouses do, well or badly."""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def certificate(folder: Path, name: str = "localhost", days: tuple[int, int] = (-1, 30)) -> Path:
    """Write a certificate that signs itself, valid from and until so many days from now, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    now, subject = datetime.datetime.now(datetime.UTC), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(_key(), hashes.SHA256())
    )
    file = folder / f"{name}{days[0]}{days[1]}.pem"
    key = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + key)
    return file


class Service:
    """What the server answers to a question with credentials, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.code, self.style = 200, "", "xml"
        self.headers: dict[str, str] = {}  # of answers to questions with credentials
        self.always: dict[str, str] = {}  # of all answers
        self.off = 0.0  # seconds that its clock is ahead
        self.waits = 0.0
        self.token: tuple[int, dict[str, Any]] = (200, {"access_token": "tok-5ecret-9z", "expires_in": 3600})
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.address = ""
        self.port = 0

    def answer(self, path: str, signed: bool) -> tuple[int, dict[str, str], bytes]:
        if path == "/token":
            return self.token[0], {}, json.dumps(self.token[1]).encode()
        if not signed:
            return 200, {}, b"{}"
        if self.status < 400:
            return self.status, self.headers, b"{}"
        if self.style == "json":
            error = {"code": self.status, "message": "no", "errors": [{"reason": self.code}]}
            return self.status, self.headers, json.dumps({"error": error}).encode()
        if self.style == "azure":
            return self.status, self.headers | {"x-ms-error-code": self.code}, b""
        return self.status, self.headers, f"<Error><Code>{self.code}</Code></Error>".encode()


@contextmanager
def serve(service: Service, pem: Path | None = None) -> Iterator[Service]:
    """Serve until the end of the block; with a certificate by https."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time.time() + service.off, usegmt=True)

        def _do(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.asked.append((self.command, self.path, dict(self.headers)))
            time.sleep(service.waits)
            signed = bool(self.headers.get("Authorization")) or "sig=" in self.path or self.path == "/data"
            status, headers, body = service.answer(self.path.partition("?")[0], signed)
            try:
                self.send_response(status)
                for name, value in (headers | service.always).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass

        do_GET = do_POST = _do

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that does not like the certificate hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    service.port = server.server_port
    service.address = f"https://localhost:{service.port}" if pem else f"http://127.0.0.1:{service.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
