"""How do the pages of Azure's price list arrive, although requests hang, are refused, or come back as rubbish?

https://prices.azure.com/api/retail/prices needs no key. It answers in pages; each names the next one. A page is asked
for again after a fault that passes, with growing waits, and all pages together have a time limit, a limit of number and
one of size. The next page has to be on the same server, and none is asked for twice.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from tasks.platform.addresses import refusal
from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.retries import PASSING_STATUS, PassingFaultError, ask_again, retry_after
from tasks.platform.settings import settings
from tasks.platform.text import shorten

if TYPE_CHECKING:
    import httpx

SERVICE = "https://prices.azure.com/api/retail/prices"
VERSION = "2023-01-01-preview"  # the one with savings plans
ATTEMPTS, LONGEST_WAIT = 5, 60.0
MOST_PAGES, LARGEST_PAGE = 400, 16 * 2**20
TIME_LIMIT = 600.0  # seconds for all pages of a region
SLOWEST = 3  # times the network timeout that a whole page may take
INSTEAD = "run again later, or give a saved price list by --prices"


@dataclass
class RetailPrices:
    """A client of the price list at `address`."""

    address: str = SERVICE
    attempts: int = ATTEMPTS
    most_pages: int = MOST_PAGES
    time_limit: float = TIME_LIMIT
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    asked: list[str] = field(default_factory=list)

    def items(self, region: str, currency: str) -> list[dict[str, Any]]:
        """Return all items about virtual machines of a region.

        Args:
            region: such as westeurope.
            currency: three letters.

        Raises:
            UsageError: an address that must not be asked.
            TransientError: the service is not to be had, or too slow.
            CasebookError: it answers with something that is no price list, or without an end.
        """
        if reason := refusal(self.address):
            raise UsageError(
                f"--prices {shorten(self.address, 120)}: it {reason}; give a price list's address or file."
            )
        import httpx

        safe = "".join(letter for letter in region if letter.isalnum())
        query = {
            "api-version": VERSION,
            "currencyCode": f"'{currency}'",
            "meterRegion": "'primary'",
            "$filter": f"serviceName eq 'Virtual Machines' and armRegionName eq '{safe}'",
        }
        until, found = self.clock() + self.time_limit, []
        link: str = str(httpx.URL(self.address, params=query))
        with httpx.Client(timeout=settings().network_timeout, follow_redirects=False) as client:
            while link:
                if len(self.asked) >= self.most_pages or link in self.asked:
                    raise CasebookError(f"The price list does not end after {len(self.asked):,} pages; {INSTEAD}.")
                if self.clock() > until:
                    raise TransientError(f"The price list took more than {self.time_limit:.0f} seconds; {INSTEAD}.")
                self.asked.append(link)
                page = self._page(client, link)
                found += page["Items"]
                link = self._next(link, page.get("NextPageLink"))
        return found

    def _next(self, link: str, following: Any) -> str:
        if not following:
            return ""
        here, there = urlsplit(link), urlsplit(urljoin(link, str(following)))
        ports = {"https": 443, "http": 80}
        places = [(part.scheme, part.hostname, part.port or ports.get(part.scheme)) for part in (here, there)]
        if places[0] != places[1] or there.username:
            raise CasebookError(
                f"The price list leads to another server ({shorten(str(there.hostname), 60)}); {INSTEAD}."
            )
        return there.geturl()

    def _page(self, client: "httpx.Client", link: str) -> dict[str, Any]:
        number = len(self.asked)

        def failed(fault: Exception, attempt: int) -> None:
            asked = getattr(fault, "wait", None) or 0
            if attempt == self.attempts or asked > LONGEST_WAIT:
                wait = f"it asks to wait {asked:.0f} seconds" if asked > LONGEST_WAIT else f"attempts: {attempt}"
                raise TransientError(
                    f"Page {number} of the price list does not come ({fault}; {wait}); {INSTEAD}."
                ) from None

        page = ask_again(lambda: self._once(client, link), self.attempts, failed, self.sleep, longest_wait=LONGEST_WAIT)
        if not isinstance(page, dict) or not isinstance(page.get("Items"), list):
            raise CasebookError(f"Page {number} of the price list holds no Items; check the address, or {INSTEAD}.")
        return page

    def _once(self, client: "httpx.Client", link: str) -> Any:
        import httpx

        content, until = bytearray(), time.monotonic() + SLOWEST * settings().network_timeout
        try:
            with client.stream("GET", link) as answer:
                self._judge(answer)
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_PAGE:
                        raise CasebookError(
                            f"A page of the price list has more than {LARGEST_PAGE:,} bytes; {INSTEAD}."
                        )
                    if time.monotonic() > until:
                        raise PassingFaultError("too slow")
            return json.loads(content)
        except httpx.TimeoutException:
            raise PassingFaultError("too slow") from None
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.DecodingError):
            raise PassingFaultError("no connection") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CasebookError(
                f"The price list cannot be asked ({type(error).__name__}); check the address."
            ) from None
        except (ValueError, RecursionError):
            told = "a web page" if content.lstrip()[:1] == b"<" else "no JSON"
            raise PassingFaultError(f"it answers with {told}") from None

    def _judge(self, answer: "httpx.Response") -> None:
        status = answer.status_code
        if status in PASSING_STATUS:
            raise PassingFaultError(f"HTTP {status}", retry_after(answer.headers.get("retry-after", "")))
        if status != 200:
            raise CasebookError(f"The price list answers HTTP {status}; check the address, or {INSTEAD}.")
