"""How is a server asked again after a fault that passes? With growing waits and jitter, or as it asks to wait itself.

The stages of a flow retry whole (`tasks.platform.stage`); this is for the single request inside one.
"""

import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 60.0  # seconds between two attempts, also where a server asks for more by Retry-After


class PassingFaultError(Exception):
    """A fault worth another attempt, with the seconds that the server asks to wait."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def ask_again(
    ask: Callable[[], T],
    attempts: int,
    failed: Callable[[Exception, int], None],
    sleep: Callable[[float], None] | None = None,
    first_wait: float = 1.0,
    longest_wait: float = LONGEST_WAIT,
    also: tuple[type[Exception], ...] = (),
) -> T:
    """Return what `ask` gives; after a passing fault it is asked again.

    The wait grows as 1, 2, 4, … times `first_wait`, with a factor between 0.5 and 1.5 by chance, so that many clients
    do not come back at once. A wait that the server asks for is kept, and up to a fifth of a second more.

    Args:
        ask: makes one attempt.
        attempts: at most.
        failed: is told each passing fault, with the number of the attempt; it may raise to give up.
        sleep: waits; `time.sleep` by default.
        first_wait: seconds.
        longest_wait: seconds that are waited at most.
        also: errors besides `PassingFaultError` that may pass.

    Raises:
        PassingFaultError: the fault of the last attempt, or an error of `also`.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    def wait(state: "RetryCallState") -> float:
        asked = getattr(_fault(state), "wait", None)
        backoff = first_wait * 2.0 ** (state.attempt_number - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
        return min(backoff if asked is None else asked + random.uniform(0, 0.2), longest_wait)  # noqa: S311

    again = Retrying(
        sleep=sleep or time.sleep,
        stop=stop_after_attempt(attempts),
        wait=wait,
        retry=retry_if_exception_type((PassingFaultError, *also)),
        after=lambda state: failed(_fault(state), state.attempt_number),
        reraise=True,
    )
    return again(ask)


def _fault(state: "RetryCallState") -> Exception:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Exception) else RuntimeError("an attempt that did not fail")


def retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date)."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
