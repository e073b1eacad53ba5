"""May this address be asked? https only, and no machine of the inner network that a page or a redirect only claims.

The parsed host name decides, never how the text begins: `http://127.0.0.1:x@other.host/` is an address of other.host.
A server of this machine may be asked without encryption when the user names it; a redirect from elsewhere never leads
there. Private, link-local and otherwise unroutable addresses are refused unless the setting `private_targets` allows
them: what is fetched there (a router's page, a cloud machine's credentials) is nobody's data set.
"""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from tasks.platform.settings import settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def split(address: str) -> SplitResult | None:
    """Return the parts of an address; None where it is none, or its port is no number."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None


def on_this_machine(address: str) -> bool:
    """Tell whether an address without encryption leads to this machine, by the name of its host."""
    parts = split(address)
    return parts is not None and parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.username


def refusal(address: str, first: str = "") -> str:
    """Return why an address is not asked, as the end of a sentence; "" when it may be.

    Args:
        address: the address, or what a redirect leads to.
        first: the address that the user named, when this one is what it redirects to.
    """
    parts = split(address)
    if parts is None:
        return "is no address"
    if on_this_machine(address):
        return "" if not first or on_this_machine(first) else "leads to this machine"
    if parts.scheme != "https":
        return f"is a {parts.scheme[:20] or 'strange'} address, but only https addresses are fetched"
    if settings().private_targets or first == address:
        return ""
    return _inner(str(parts.hostname), parts.port or 443)


def _inner(host: str, port: int) -> str:
    """Return why a host is none of the outer network; "" when it is one, or nobody knows it."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ""  # no such name, or no network: the request itself says so
    found = {str(entry[4][0]).partition("%")[0] for entry in entries}
    if all(ipaddress.ip_address(item).is_global for item in found):
        return ""
    return "leads into the inner network, which CASEBOOK_PRIVATE_TARGETS=true allows"
