"""How do the answers of the FaSta service arrive, although requests fail, hang, are refused or come back as rubbish?

One client for one run: it keeps to a rate, tries again after faults that pass, waits as long as the server asks for,
gives up on slow answers, takes no more bytes than it must, and counts every fault. The client id and the key come from
the environment (CASEBOOK_DB_CLIENT_ID, CASEBOOK_DB_API_KEY) or from the Prefect Secret blocks `casebook-db-client-id`
and `casebook-db-api-key`. They are in no message, and are blotted out of answers that echo them.
"""

import os
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.cases.elevators.ingestion.facilities import parse_answer
from tasks.platform.addresses import refusal
from tasks.platform.errors import CasebookError, ContractError, TransientError, UsageError
from tasks.platform.retries import PASSING_STATUS, PassingFaultError, ask_again, retry_after
from tasks.platform.secret_blocks import secret_block
from tasks.platform.settings import settings

if TYPE_CHECKING:
    import httpx

SERVICE = "https://apis.deutschebahn.com/db-api-marketplace/apis/fasta/v2"
SECRETS = (
    ("DB-Client-Id", "CASEBOOK_DB_CLIENT_ID", "casebook-db-client-id"),
    ("DB-Api-Key", "CASEBOOK_DB_API_KEY", "casebook-db-api-key"),
)
LARGEST_ANSWER = 64 * 2**20  # bytes
LONGEST_WAIT = 120.0  # seconds that a server may ask to wait within a run
SLOWEST = 6  # times the network timeout that a whole answer may take
HIDDEN = "•••"
SHORTEST_SECRET = 6  # characters; what is shorter stands in ordinary text


class NotFoundError(CasebookError):
    """The service knows no such thing."""


def service_address(source: str) -> str:
    """Return the base address of a source: `api` is the service itself.

    Raises:
        UsageError: an address that is neither https nor on this machine, or that carries a user, a query or a fragment.
    """
    if source == "api":
        return SERVICE
    parts = urlsplit(source)
    if refusal(source):
        raise UsageError("The address of a server that speaks the API starts with https:// (or http://127.0.0.1:).")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("The address of the server holds a user, a query or a fragment; give it without.")
    return source.rstrip("/")


def credentials(address: str) -> dict[str, str]:
    """Return the two headers that the service asks for; a server of one's own may do without.

    Raises:
        UsageError: the service itself is asked and a secret is missing or cannot be one.
    """
    found = {header: os.environ.get(variable, "") or str(secret_block(block)) for header, variable, block in SECRETS}
    missing = [variable for header, variable, _ in SECRETS if not found[header]]
    if missing and address == SERVICE:
        raise UsageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; get a client id and a key at"
            " developers.deutschebahn.com, and set both in the environment or as Prefect Secret blocks."
        )
    if odd := [variable for header, variable, _ in SECRETS if not (found[header].isascii() and _plain(found[header]))]:
        raise UsageError(f"{' and '.join(odd)} holds characters that no key has; set it anew.")
    return {header: value for header, value in found.items() if value}


def _plain(value: str) -> bool:
    return not value or value.isprintable()


@dataclass
class Fasta:
    """A client of the API at `address`."""

    address: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    per_minute: int = 60
    attempts: int = 6
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=self.per_minute)
        self._client: httpx.Client | None = None

    def __enter__(self) -> "Fasta":
        import httpx

        self._client = httpx.Client(timeout=settings().network_timeout, follow_redirects=False, headers=self.headers)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            self._client.close()

    def get(self, path: str, parameters: dict[str, str] | None = None) -> Any:
        """Return the answer to a request, as JSON values.

        Faults that pass (timeout, broken connection, 408, 425, 429, 5xx, an answer that is no JSON) are met with
        growing waits (see `ask_again`).

        Raises:
            TransientError: every attempt met a passing fault, or the server asks to wait too long.
            ContractError: every attempt came back as something that is no JSON.
            NotFoundError: the service knows no such thing (404).
            CasebookError: the server refuses for good.
        """

        def failed(fault: Exception, attempt: int) -> None:
            self.faults["no JSON" if isinstance(fault, ContractError) else str(fault)] += 1
            asked = getattr(fault, "wait", None) or 0
            if isinstance(fault, PassingFaultError) and (attempt == self.attempts or asked > LONGEST_WAIT):
                wait = f"the server asks to wait {asked:.0f} seconds" if asked else f"attempts: {attempt}"
                raise TransientError(f"{path} was not answered ({fault}; {wait}); run again later.") from None

        return ask_again(
            lambda: self._once(path, parameters or {}),
            self.attempts,
            failed,
            sleep=self.sleep,
            longest_wait=LONGEST_WAIT,
            also=(ContractError,),
        )

    def _once(self, path: str, parameters: dict[str, str]) -> Any:
        import httpx

        if self._client is None:
            raise RuntimeError("open the client with `with` first")
        self._keep_the_rate()
        self.requests += 1
        try:
            with self._client.stream("GET", f"{self.address}{path}", params=parameters) as answer:
                self._judge(path, answer)
                content = self._body(path, answer)
        except httpx.TimeoutException:
            raise PassingFaultError("too slow") from None
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.DecodingError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise CasebookError(f"{self.address} shows no certificate that this machine trusts.") from None
            raise PassingFaultError("connection broken") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CasebookError(f"{self.address} cannot be asked ({type(error).__name__}); check it.") from None
        return parse_answer(self._blotted(content), f"The answer to {path}")

    def _keep_the_rate(self) -> None:
        """Wait until no more than `per_minute` requests fall into any sixty seconds."""
        if len(self._sent) == self.per_minute and (wait := self._sent[0] + 60 - self.clock()) > 0:
            self.sleep(wait)
        self._sent.append(self.clock())

    def _judge(self, path: str, answer: "httpx.Response") -> None:
        status = answer.status_code
        if status == 200:
            return
        if status in PASSING_STATUS:
            raise PassingFaultError(f"HTTP {status}", retry_after(answer.headers.get("retry-after", "")))
        if status in (401, 403):
            raise CasebookError(
                f"The service refuses client id and key (HTTP {status}); check CASEBOOK_DB_CLIENT_ID and"
                " CASEBOOK_DB_API_KEY, and that the application is subscribed to FaSta."
            )
        if status == 404:
            raise NotFoundError(f"{self.address}{path} does not exist (HTTP 404); check the address.")
        raise CasebookError(f"{self.address}{path} answers HTTP {status}; check the address.")

    def _body(self, path: str, answer: "httpx.Response") -> bytes:
        """Return the body; an answer that drips for too long is as good as none."""
        content, until = bytearray(), time.monotonic() + SLOWEST * settings().network_timeout
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > LARGEST_ANSWER:
                raise CasebookError(f"The answer to {path} has more than {LARGEST_ANSWER:,} bytes; check the address.")
            if time.monotonic() > until:
                raise PassingFaultError("too slow")
        return bytes(content)

    def _blotted(self, content: bytes) -> bytes:
        for secret in self.headers.values():
            if len(secret) >= SHORTEST_SECRET:
                content = content.replace(secret.encode(), HIDDEN.encode())
        return content
