"""Is the name known, is there a way, does the server prove who it is, and do both clocks agree?"""

import errno
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from tasks.platform.connection.targets import Target
from tasks.platform.settings import settings
from tasks.platform.text import shorten

T = TypeVar("T")
SKEW = (
    300.0  # seconds by which clocks may differ; signatures of AWS and Azure end after 900, tokens of Google after 600
)
NOTICED = 30.0  # seconds that are worth a word
LONGEST_GREETING = 255  # bytes (RFC 4253, 4.2)


class Found(NamedTuple):
    """What a look at one link gave."""

    broken: str  # the cause, as `tasks.platform.connection.mends` knows it; "" where the link holds
    evidence: str


class SilentError(Exception):
    """No answer within the time."""


def limited(work: Callable[[], T], seconds: float) -> T:
    """Return what `work` gives; for what has no time limit of its own, such as the look-up of a name.

    Raises:
        SilentError: it takes longer than `seconds`.
        Exception: what `work` raises.
    """
    given: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not given:
        raise SilentError
    return given[0]


def proxy_for(target: Target) -> tuple[str, int] | None:
    """Return host and port of the proxy by which requests to a target go; None where they go straight."""
    if not target.address or urllib.request.proxy_bypass(target.host):
        return None
    found = urllib.request.getproxies()
    text = found.get("https" if target.encrypted else "http") or found.get("all")
    if not text:
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        return (parts.hostname, parts.port or 80) if parts.hostname else None
    except ValueError:
        return None


def look_up(host: str, port: int) -> tuple[Found, list[str]]:
    """Look a name up; return what was found, and its addresses."""
    try:
        entries = limited(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), _limit())
    except SilentError:
        return Found("silent", f"no answer about {host} within {_limit():g} seconds"), []
    except socket.gaierror as error:
        silent = error.errno == socket.EAI_AGAIN
        return Found("silent" if silent else "unknown", f"{host}: {error.strerror}"), []
    except UnicodeError:
        return Found("unknown", f"{shorten(host, 80)} cannot be a name"), []
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
    return Found("", f"{host} is {', '.join(addresses[:3])}{more}"), addresses


def reach(addresses: list[str], port: int) -> tuple[Found, str]:
    """Connect to the first address that takes a connection; return what was found, and that address."""
    said, causes = [], []
    for address in addresses[:4]:
        clock = time.monotonic()
        try:
            with socket.create_connection((address, port), timeout=_limit()):
                took = (time.monotonic() - clock) * 1000
                return Found("", f"{address} port {port} takes connections ({took:.0f} ms)"), address
        except TimeoutError:
            causes.append("silent")
            said.append(f"{address} port {port}: no answer within {_limit():g} seconds")
        except OSError as error:
            refused = error.errno == errno.ECONNREFUSED
            causes.append("refused" if refused else "unreachable")
            said.append(f"{address} port {port}: {error.strerror or error}")
    first = next((cause for cause in ("refused", "silent") if cause in causes), "unreachable")
    return Found(first, "; ".join(said)), ""


def shake_hands(target: Target, address: str) -> Found:
    """Have the server of `address` prove that it is the host, before the authorities that this machine trusts."""
    import httpx

    context = httpx.create_ssl_context()  # certifi's, or those of SSL_CERT_FILE
    try:
        with (
            socket.create_connection((address, target.port), timeout=_limit()) as plain,
            context.wrap_socket(plain, server_hostname=target.host) as secure,
        ):
            certificate = secure.getpeercert() or {}
            return Found(
                "", f"{secure.version()}, certificate of {_issuer(certificate)} until {certificate.get('notAfter')}"
            )
    except ssl.SSLCertVerificationError as error:
        return Found(_distrust(error), f"the certificate does not hold: {error.verify_message}; {_now()}")
    except TimeoutError:
        return Found("silent", f"the handshake did not end within {_limit():g} seconds")
    except (ssl.SSLError, OSError) as error:
        said = getattr(error, "reason", None) or error.strerror or type(error).__name__
        return Found("none", f"no TLS handshake: {said}")


def _issuer(certificate: Mapping[str, object]) -> str:
    parts = certificate.get("issuer", ())
    names = {key: value for part in parts for key, value in part} if isinstance(parts, tuple) else {}
    return shorten(str(names.get("organizationName") or names.get("commonName") or "an unnamed authority"), 60)


def _distrust(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, by the code of OpenSSL (x509_vfy.h)."""
    if error.verify_code in {9, 10}:  # not yet valid, expired
        return "date"
    return "name" if error.verify_code in {62, 64} else "untrusted"  # host name, IP address


def _now() -> str:
    return f"this machine says that it is {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC"


def compare_clocks(date: str, local: float) -> Found:
    """Hold the time that a server told (the header Date) against this machine's at that moment."""
    try:
        told = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return Found("", "the server does not tell its time")
    off = local - told
    way = "ahead of" if off > 0 else "behind"
    size = f"{abs(off):,.0f} seconds" if abs(off) < 3600 else f"{abs(off) / 3600:,.1f} hours"
    if abs(off) > SKEW:
        return Found("off", f"this machine is {size} {way} the server; {SKEW:g} seconds are the most")
    return Found("", "agrees with the server's" if abs(off) < NOTICED else f"{size} {way} the server's")


def greet(address: str, port: int) -> Found:
    """Read what an SSH server says first (RFC 4253, 4.2)."""
    try:
        with socket.create_connection((address, port), timeout=_limit()) as plain:
            text = b""
            until = time.monotonic() + _limit()
            while b"\n" not in text and len(text) < LONGEST_GREETING and time.monotonic() < until:
                part = plain.recv(LONGEST_GREETING - len(text))
                if not part:
                    break
                text += part
    except TimeoutError:
        return Found("greeting", f"no greeting within {_limit():g} seconds")
    except OSError as error:
        return Found("greeting", f"the connection broke before a greeting: {error.strerror or type(error).__name__}")
    said = shorten(text.decode("ascii", "replace"), 80)
    if text.startswith(b"SSH-"):
        return Found("", f"greets with {said}")
    return Found("greeting", f"says {said!r} and not SSH-2.0" if said else "ends the connection without a word")


def _limit() -> float:
    return settings().network_timeout
