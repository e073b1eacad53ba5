"""One file over https: how does it arrive whole, although connections break and servers change their mind?

`transfer` appends what is missing to a part file, tries again after faults that pass, never takes more bytes than it
was told to expect, and follows redirects to https addresses only. Whether the content is right, the caller checks.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tasks.platform.addresses import refusal
from tasks.platform.errors import CasebookError, IntegrityError, TransientError
from tasks.platform.masking import mask_text
from tasks.platform.progress import progress
from tasks.platform.retries import PASSING_STATUS, PassingFaultError, ask_again, retry_after

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

MOST_REDIRECTS = 5
MEBIBYTE = 1 << 20


class Wanted(NamedTuple):
    """What to transfer."""

    url: str
    size: int  # bytes; a longer answer is cut off and refused
    remedy: str  # what a person can do when it does not work; ends every message
    name: str = ""  # what messages call the address, where it holds secrets

    @property
    def shown(self) -> str:
        """What messages call the address."""
        return self.name or self.url


def transfer(wanted: Wanted, part: Path, attempts: int, timeout: float) -> None:
    """Bring `part` to its full length, going on where an earlier transfer stopped.

    A passing fault (timeout, broken connection, 408, 425, 429, 5xx) is met with growing waits (see `ask_again`).

    Args:
        wanted: address, size and remedy.
        part: the file to fill; what it holds already is taken as the beginning.
        attempts: requests at most.
        timeout: seconds to wait for a connection or a read.

    Raises:
        TransientError: every attempt met a passing fault.
        IntegrityError: the server sends more than `wanted.size` bytes.
        CasebookError: the server refuses for good, or leads away from https.
    """

    def failed(fault: Exception, attempt: int) -> None:
        log.warning("%s: %s (attempt %d of %d)", wanted.shown, fault, attempt, attempts)

    try:
        ask_again(lambda: _request(wanted, part, timeout), attempts, failed)
    except PassingFaultError as fault:
        raise TransientError(
            f"{wanted.shown} could not be downloaded ({fault}; attempts: {attempts}): run again later, "
            f"or {wanted.remedy}."
        ) from fault


def _request(wanted: Wanted, part: Path, timeout: float) -> None:
    """Make one request and append to `part` what is missing."""
    import httpx

    have = part.stat().st_size if part.is_file() else 0
    if have == wanted.size:
        return
    if have > wanted.size:
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False) as client,
            _answer(client, wanted, headers) as answer,
        ):
            _judge_status(wanted, answer, part)
            have = _resume_point(wanted, answer, part, have)
            with part.open("r+b" if have else "wb") as file:
                file.seek(have)
                file.truncate()
                for _ in progress(_receive(wanted, answer, file, have), f"downloading {part.stem}", unit="MiB"):
                    pass
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise CasebookError(
                f"{wanted.shown} shows no certificate that this machine trusts: {wanted.remedy}."
            ) from error
        raise PassingFaultError(mask_text(f"{type(error).__name__} {error}".strip())) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = mask_text(str(error))
        raise CasebookError(f"{wanted.shown} cannot be downloaded ({said}): {wanted.remedy}.") from error


@contextlib.contextmanager
def _answer(client: "httpx.Client", wanted: Wanted, headers: dict[str, str]) -> Iterator["httpx.Response"]:
    """Open the answer to a request, following redirects to https addresses only."""
    address = wanted.url
    for _ in range(MOST_REDIRECTS + 1):
        check_address(wanted, address)
        with client.stream("GET", address, headers=headers) as answer:
            if not answer.has_redirect_location:
                yield answer
                return
            address = str(answer.url.join(answer.headers["location"]))
    raise CasebookError(f"{wanted.shown} redirects more than {MOST_REDIRECTS} times: {wanted.remedy}.")


def check_address(wanted: Wanted, address: str) -> None:
    """Refuse what is not https, and what leads into the inner network (see `tasks.platform.addresses`)."""
    if reason := refusal(address, wanted.url):
        # The address itself stays out of the message: a redirect may carry a signature.
        raise CasebookError(f"{wanted.shown} leads to an address that {reason}: {wanted.remedy}.")


def _judge_status(wanted: Wanted, answer: "httpx.Response", part: Path) -> None:
    """Sort the answer's status into good, passing fault, and final."""
    if answer.status_code in (200, 206):
        return
    if answer.status_code == 416:
        part.unlink(missing_ok=True)
        raise PassingFaultError("the server has no such range", wait=0.0)
    if answer.status_code in PASSING_STATUS:
        raise PassingFaultError(f"HTTP {answer.status_code}", retry_after(answer.headers.get("retry-after", "")))
    raise CasebookError(f"{wanted.shown} answers HTTP {answer.status_code}: {wanted.remedy}.")


def _resume_point(wanted: Wanted, answer: "httpx.Response", part: Path, have: int) -> int:
    """Return from which byte on the answer's body counts; 0 where the server sends everything."""
    total, start = answer.headers.get("content-length", ""), 0
    if answer.status_code == 206:
        span, _, total = answer.headers.get("content-range", "").removeprefix("bytes ").partition("/")
        first = span.partition("-")[0]
        if first != str(have) or total not in {"*", str(wanted.size)}:
            part.unlink(missing_ok=True)  # not the file that the part was begun from
            raise PassingFaultError("the server sends another range than the one asked for", wait=0.0)
        start = have
    if total.isdecimal() and int(total) > wanted.size:
        raise _too_long(wanted)
    return start


def _receive(wanted: Wanted, answer: "httpx.Response", file: BinaryIO, have: int) -> Iterator[int]:
    """Write the body to `file` as it arrives, and yield once for each mebibyte; stop as soon as it is too long."""
    shown = have // MEBIBYTE
    for chunk in answer.iter_raw():
        have += len(chunk)
        if have > wanted.size:
            raise _too_long(wanted)
        file.write(chunk)
        while shown < have // MEBIBYTE:
            shown += 1
            yield shown


def _too_long(wanted: Wanted) -> IntegrityError:
    return IntegrityError(f"{wanted.shown} has more than the {wanted.size:,} bytes that are pinned: {wanted.remedy}.")
