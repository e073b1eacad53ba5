"""Which link of a connection is the first that is broken? Name, route, TLS, clock, credentials, permission, quota."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel

from tasks.platform.connection.access import NoKeyError, judged, plain, send, signed
from tasks.platform.connection.mends import LINKS, mends
from tasks.platform.connection.network import (
    Found,
    SilentError,
    compare_clocks,
    greet,
    limited,
    look_up,
    proxy_for,
    reach,
    shake_hands,
)
from tasks.platform.connection.targets import Target, refused, target_of
from tasks.platform.errors import UsageError
from tasks.platform.masking import mask_text
from tasks.platform.settings import settings
from tasks.platform.text import shorten

WIDEST = 300  # characters of what is shown of one link


class Link(BaseModel):
    """What a look at one link of a connection gave."""

    name: str
    state: Literal["ok", "fail", "skip"]
    found: str
    mends: list[str] = []


def walk(url: str) -> list[Link]:
    """Look at the links of a connection in order, up to the first that is broken; the rest is skipped.

    Args:
        url: of a host, a store, a warehouse or a port.

    Returns:
        A link for each of `LINKS`, with the evidence; the broken one with its three likeliest mends.

    Raises:
        UsageError: no address, or one that may not be asked.
    """
    target = target_of(url)
    if settings().offline:
        raise UsageError("CASEBOOK_OFFLINE is set: nothing is asked; unset it for this check.")
    links: list[Link] = []
    for name, found in _looks(target):
        links.append(_link(name, found, target))
        if found.broken:
            break
    else:
        return links
    seen = {link.name for link in links}
    rest = [Link(name=name, state="skip", found="not looked at: an earlier link is broken") for name in LINKS]
    return [*links, *(link for link in rest if link.name not in seen)]


def _link(name: str, found: Found, target: Target) -> Link:
    evidence = shorten(mask_text(found.evidence), WIDEST)
    if not found.broken:
        return Link(name=name, state="skip" if found.evidence.startswith("not ") else "ok", found=evidence)
    told = [shorten(mask_text(text), WIDEST) for text in mends(name, found.broken, target)]
    return Link(name=name, state="fail", found=evidence, mends=told)


def _looks(target: Target) -> Iterator[tuple[str, Found]]:
    """Yield each link with what was found; after a broken one nobody asks for the next."""
    proxy = proxy_for(target)
    host, port = proxy or (target.host, target.port)
    by = f"by the proxy {host}: " if proxy else ""
    found, addresses = look_up(host, port)
    if not found.broken:
        _allow(target)
    yield "name", found._replace(evidence=by + found.evidence)
    found, address = reach(addresses, port)
    yield "route", found._replace(evidence=by + found.evidence)
    if target.kind == "ssh":
        yield "TLS", greet(address, port)
    if not target.address:
        rest = LINKS[3:] if target.kind == "ssh" else LINKS[2:]
        yield from ((name, Found("", "not asked of a port")) for name in rest)
        return
    if target.encrypted and not proxy:
        yield "TLS", shake_hands(target, address)
    yield from _answers(target, bool(proxy))


def _allow(target: Target) -> None:
    """Refuse a target of the inner network, before anything is connected.

    Raises:
        UsageError: it is one, and no setting allows it.
    """
    try:
        why = limited(lambda: refused(target), settings().network_timeout)
    except SilentError:
        why = ""
    if why:
        raise UsageError(f"{target.shown} {why}; nothing was connected.")


def _answers(target: Target, proxy: bool) -> Iterator[tuple[str, Found]]:
    """Yield the links that an answer of the service tells of."""
    import httpx

    try:
        reply = send(plain(target))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield "TLS", _broken_off(error)
        return
    if not target.encrypted:
        yield "TLS", Found("", "not used: the address is one of this machine without encryption")
    elif proxy:
        yield "TLS", Found("", "an answer came through the proxy")
    yield "clock", compare_clocks(reply.date, reply.local - reply.age)
    try:
        request, whose = signed(target)
    except NoKeyError as error:
        yield "credentials", error.found
        return
    try:
        reply = send(request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield "quota", Found("out of order", f"the service does not answer the question ({type(error).__name__})")
        return
    yield from _judgements(*judged(reply), whose)


def _judgements(broken: str, found: Found, whose: str) -> Iterator[tuple[str, Found]]:
    """Yield the links after the clock; what a later one breaks, an earlier one has let through."""
    order: Sequence[str] = LINKS[4:]
    if broken == "clock":
        yield "clock", found
        return
    for name in order:
        if name == broken:
            yield name, found
            return
        yield (
            name,
            Found("", {"credentials": whose, "permission": f"may ask ({found.evidence})"}.get(name, "some is left")),
        )


def _broken_off(error: Exception) -> Found:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Found("untrusted", "the certificate does not hold")
    return Found("silent", f"the server takes the connection and does not answer ({type(error).__name__})")


def listing(url: str, links: Sequence[Link]) -> str:
    """Return the links as aligned lines of plain text, with the first broken one named and its mends."""
    width = max(len(link.name) for link in links)
    lines = []
    for link in links:
        lines.append(f"{'--' if link.state == 'skip' else link.state:<4}  {link.name:<{width}}  {link.found}")
        lines += [f"{'':<4}  {'':<{width}}  {number}. {text}" for number, text in enumerate(link.mends, start=1)]
    broken = next((link for link in links if link.state == "fail"), None)
    last = f"the first broken link is: {broken.name}" if broken else "no link is broken"
    return "\n".join([*lines, "", f"{shorten(mask_text(url), 200)}: {last}"])
