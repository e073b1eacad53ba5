"""What does it mean that BigQuery refuses, and what is to be done? Its errors in one sentence, none of its secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.platform.errors import CasebookError, TransientError
from tasks.platform.google import HOW
from tasks.platform.masking import mask_text
from tasks.platform.text import shorten

LONGEST = 200  # characters of what the server says
REMEDIES = {
    "accessDenied": "the account may not: give it BigQuery Job User in the project that is charged, and BigQuery Data"
    " Viewer on the table",
    "quotaExceeded": "a quota is used up: wait until it is renewed (see IAM, Quotas), or charge another project",
    "rateLimitExceeded": "too many requests at once: run again in some minutes",
    "billingNotEnabled": "the project that is charged has no billing: enable it, or give another --project",
    "bytesBilledLimitExceeded": "the query reads more than max_cost allows: nothing was charged; raise --max-cost",
    "resourcesExceeded": "the query needs more than BigQuery gives it: ask for fewer years",
    "notFound": "there is no such table, or the account may not see it: check its name",
    "stopped": "somebody has cancelled it: run again",
}
PASSING = frozenset({"backendError", "internalError", "rateLimitExceeded", "jobBackendError", "jobInternalError"})


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the errors of Google's libraries into ours; `what` is asked for.

    Raises:
        CasebookError: it is refused for good.
        TransientError: it may be answered later.
    """
    import concurrent.futures

    import requests
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth

    try:
        yield
    except auth.RefreshError:
        raise CasebookError(
            f"Google does not take the key of the service account (expired, or deleted); {HOW}."
        ) from None
    except auth.TransportError:
        raise TransientError(_unreachable(what)) from None
    except auth.GoogleAuthError as error:
        raise CasebookError(f"{what} cannot be asked ({type(error).__name__}); {HOW}.") from None
    except api.RetryError as error:
        raise _of(error.cause, what) from None
    except api.GoogleAPICallError as error:
        raise _of(error, what) from None
    except (requests.RequestException, concurrent.futures.TimeoutError, ConnectionError) as error:
        raise _of(error, what) from None


def reason_of(error: Any) -> str:
    """Return the reason that BigQuery gives for an error; nothing where it gives none."""
    listed = getattr(error, "errors", None) or [{}]
    return str(listed[0].get("reason", "")) if isinstance(listed[0], dict) else ""


def _of(error: Any, what: str) -> CasebookError:
    """Return the error to raise for one of Google's."""
    from google.api_core import exceptions as api

    if not isinstance(error, api.GoogleAPICallError):
        return TransientError(_unreachable(what))
    reason = reason_of(error)
    if isinstance(error, api.Unauthorized):
        return CasebookError(f"BigQuery does not take the token of the service account (HTTP 401); {HOW}.")
    if isinstance(error, api.NotFound):
        reason = "notFound"
    if isinstance(error, api.Forbidden) and reason not in REMEDIES:
        reason = "accessDenied"
    remedy = REMEDIES.get(reason, "mend it, and run again")
    said = shorten(mask_text(str(error.message).partition("\n")[0]), LONGEST).rstrip(".")
    sentence = f"BigQuery refuses {what} (HTTP {error.code or '?'}, {reason or 'no reason'}: {said}); {remedy}."
    passing = reason in PASSING or isinstance(error, api.ServerError | api.TooManyRequests) or error.code is None
    return TransientError(sentence) if passing else CasebookError(sentence)


def _unreachable(what: str) -> str:
    return f"{what} cannot be asked: BigQuery does not answer in time, or the connection breaks; run again later."
