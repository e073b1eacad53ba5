"""Which requests may reach a server that Casebook starts on a loopback port?

The loopback address keeps other machines out, but neither the pages that are open in the user's browser nor the other
users of the machine. So each request, and each handshake of a websocket, has to pass three questions:

1. Is it addressed to this server by its own name? A page whose host name was made to point to the loopback address
   (DNS rebinding) says another one in `Host`.
2. Does it come from a page of this server, or from no page at all? Browsers say so in `Origin` and `Sec-Fetch-Site`,
   and pages cannot forge either. Going to a page by a link is allowed from elsewhere: that changes nothing and shows
   the other page nothing.
3. Does it know the key? Programs send it as Prefect's authentication string (`Authorization: Basic`, or the first
   message of a websocket), browsers as a cookie that they got by an address that works once.

`Gate` answers these, and knows nothing of servers. `Guard` puts it before an ASGI application, `GuardedHandler` before
a handler of http.server.
"""

import http.server
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from tasks.platform import keys

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HELLO = "/casebook/hello"
HARDENING = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
NO_KEY = (
    "This page belongs to whoever started the server. Open the address that `make serve` or `make app` printed, or get"
    " new ones with `python deployments/serve.py --link`; came you here by a link on another site, reload the page.\n"
)


@dataclass(frozen=True)
class Asked:
    """What a request says before its body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, list[str]]  # by lower-case name, each value that was sent
    socket: bool = False

    def first(self, name: str) -> str:
        """Return the first value of a header, empty when it was not sent."""
        return self.headers.get(name, [""])[0]

    @property
    def by_browser(self) -> bool:
        """Tell whether a browser of the last years sent this."""
        return "origin" in self.headers or "sec-fetch-site" in self.headers


@dataclass(frozen=True)
class Answer:
    """What is answered in place of the server."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Decides about the requests to one port; `boot` names this start of the server, "" where no browser may log in."""

    def __init__(self, port: int, boot: str = "") -> None:
        self.port, self.boot = port, boot
        self.own = f"127.0.0.1:{port}"
        self.key = keys.key()
        self._used: set[str] = set()

    def answer(self, asked: Asked) -> Answer | None:
        """Return what to answer in place of the server; None lets the request through."""
        hosts = asked.headers.get("host", [])
        if len(hosts) != 1 or hosts[0] not in (self.own, f"localhost:{self.port}"):
            return Answer(403, "This server goes by another name.\n")
        going = self._going_to_a_page(asked)
        if not going and not self._from_own_page(asked, hosts[0]):
            return Answer(403, "Pages of other origins may not ask this.\n")
        if asked.first("sec-fetch-mode") == "navigate" and going and hosts[0] != self.own:  # one name, one cookie
            query = f"?{asked.query}" if asked.query else ""
            return Answer(307, headers={"Location": f"http://{self.own}/{asked.path.lstrip('/')}{query}"})
        if asked.path == HELLO and not asked.socket:
            nonce = parse_qs(asked.query).get("nonce", [""])[0]
            return Answer(200, json.dumps({"proof": self.key.proof(self.port, nonce)}))
        if going and "key=" in asked.query and (welcome := self._log_in(asked)):
            return welcome
        return None if self._knows_the_key(asked) else Answer(401, NO_KEY)

    @staticmethod
    def _going_to_a_page(asked: Asked) -> bool:
        """Tell whether somebody goes to a page, by a link or by its address, and not a page asks for something."""
        return (
            not asked.socket
            and asked.method in ("GET", "HEAD")
            and "origin" not in asked.headers
            and asked.first("sec-fetch-mode") in ("navigate", "")
            and asked.first("sec-fetch-dest") in ("document", "")
            and ("sec-fetch-mode" in asked.headers) == ("sec-fetch-site" in asked.headers)
        )

    def _from_own_page(self, asked: Asked, host: str) -> bool:
        origins, sites = asked.headers.get("origin", []), asked.headers.get("sec-fetch-site", [])
        return all(origin == f"http://{host}" for origin in origins) and all(
            site in ("same-origin", "none") for site in sites
        )

    def _log_in(self, asked: Asked) -> Answer | None:
        link = parse_qs(asked.query).get("key", [""])[0]
        if self._cookie(asked):  # the address again, in the same browser
            return Answer(303, headers={"Location": "/"}) if self.key.opens(link, self.port, self.boot) else None
        if link in self._used or not self.key.opens(link, self.port, self.boot):
            return None
        self._used.add(link)
        cookie = f"{self.key.cookie_name}={self.key.cookie()}; Path=/; Max-Age={keys.COOKIE_SECONDS}"
        return Answer(303, headers={"Location": "/", "Set-Cookie": f"{cookie}; HttpOnly; SameSite=Strict"})

    def _knows_the_key(self, asked: Asked) -> bool:
        return keys.same(asked.first("authorization"), self.key.authorization) or self._cookie(asked)

    def _cookie(self, asked: Asked) -> bool:
        if not self.boot:
            return False
        try:
            found = SimpleCookie("; ".join(asked.headers.get("cookie", []))).get(self.key.cookie_name)
        except CookieError:
            return False
        return found is not None and self.key.cookie_holds(found.value)


class Guard:
    """Puts a gate before an ASGI application."""

    def __init__(self, app: Callable[..., Awaitable[None]], gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:  # noqa: D102 - that of ASGI
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        asked = _asked(scope)
        answer = self.gate.answer(asked)
        if asked.socket:
            if answer is None:
                return await self.app(scope, receive, send)
            if answer.status == 401 and not asked.by_browser:
                conversation = _Conversation(self.gate.key, receive, send)
                return await self.app(scope, conversation.receive, conversation.send)
            return await send({"type": "websocket.close", "code": 1008})
        if answer:
            return await _give(answer, send)

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = [pair for pair in message.get("headers", []) if pair[0].lower() not in _HARDENING_NAMES]
                message = {**message, "headers": [*sent, *_bytes(HARDENING)]}
            await send(message)

        return await self.app(scope, receive, hardened)


_HARDENING_NAMES = {name.lower().encode() for name in HARDENING} | {b"access-control-allow-origin"}


class _Conversation:
    """A websocket whose first message has to bring the key, as those of Prefect's clients do; until then it is mute."""

    def __init__(self, key: keys.Key, receive: Receive, send: Send) -> None:
        self._key, self._receive, self._send = key, receive, send
        self._known = self._closed = False

    async def receive(self) -> Message:
        if self._closed:
            return {"type": "websocket.disconnect", "code": 1008}
        message = await self._receive()
        if message["type"] == "websocket.receive" and not self._known:
            self._known = self._brings_the_key(message)
            if not self._known:
                await self.send({"type": "websocket.close", "code": 1008, "reason": "the key is missing or wrong"})
                return {"type": "websocket.disconnect", "code": 1008}
        return message

    async def send(self, message: Message) -> None:
        if not self._closed and (self._known or message["type"] in ("websocket.accept", "websocket.close")):
            self._closed = message["type"] == "websocket.close"
            await self._send(message)

    def _brings_the_key(self, message: Message) -> bool:
        try:
            content = json.loads(message.get("text") or message.get("bytes") or "")
        except ValueError:
            return False
        return isinstance(content, dict) and keys.same(str(content.get("token", "")), self._key.auth_string)


def _bytes(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _asked(scope: Message) -> Asked:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    query = scope.get("query_string", b"").decode("latin-1")
    return Asked(scope.get("method", "GET"), scope["path"], query, headers, scope["type"] == "websocket")


async def _give(answer: Answer, send: Send) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", **HARDENING, **answer.headers}
    await send({"type": "http.response.start", "status": answer.status, "headers": _bytes(headers)})
    await send({"type": "http.response.body", "body": answer.text.encode()})


class GuardedHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder behind a gate, read-only, without a log line for each request."""

    gate: Gate
    folder: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, directory=self.folder, **kwargs)

    def parse_request(self) -> bool:
        """Read the request, and answer it right away when the gate does not let it through."""
        if not super().parse_request():
            return False
        path, _, query = self.path.partition("?")
        headers = {name.lower(): [str(value) for value in self.headers.get_all(name, [])] for name in self.headers}
        answer = self.gate.answer(Asked(self.command, path, query, headers))
        if answer is None:
            return True
        body = answer.text.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def end_headers(self) -> None:
        """Forbid sniffing, framing and keeping by others."""
        self.send_header("Cache-Control", "no-store")
        for name, value in HARDENING.items():
            self.send_header(name, value)
        super().end_headers()
