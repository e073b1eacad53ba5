"""With which service account is Google asked, where, and how long may an answer take?

The account comes from the environment (CASEBOOK_BIGQUERY_SERVICE_ACCOUNT: the JSON of its key or the path of the file;
else Google's own GOOGLE_APPLICATION_CREDENTIALS) or from Prefect's Secret block `casebook-bigquery-service-account`. It
is in no setting, no message and no argument of a stage: whoever asks reads it anew.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.platform.addresses import on_this_machine, refusal
from tasks.platform.errors import UsageError
from tasks.platform.secret_blocks import secret_block
from tasks.platform.settings import settings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.bigquery import Client

VARIABLE, BLOCK = "CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", "casebook-bigquery-service-account"
OF_GOOGLE = "GOOGLE_APPLICATION_CREDENTIALS"
SCOPE = "https://www.googleapis.com/auth/bigquery"
ADDRESS = "https://bigquery.googleapis.com"
LARGEST = 100_000  # bytes of a key's file
HOW = (
    f"make a key of a service account with the roles BigQuery Job User and BigQuery Data Viewer, give its JSON or the"
    f" path of its file in {VARIABLE}, or the JSON in Prefect's Secret block {BLOCK}"
)


def endpoint() -> str:
    """Return the address of the service: Google's, or the one that CASEBOOK_BIGQUERY_ENDPOINT names.

    Raises:
        UsageError: it is neither https nor on this machine.
    """
    address = settings().bigquery_endpoint.rstrip("/") or ADDRESS
    if why := refusal(address, first=address):
        raise UsageError(f"CASEBOOK_BIGQUERY_ENDPOINT {why}; give an https address.")
    return address


def account_info() -> tuple[dict[str, Any], str]:
    """Return the key of the service account, and where it was found; nothing where there is none.

    Raises:
        UsageError: what was found is no key.
    """
    text, where = os.environ.get(VARIABLE, "").strip(), VARIABLE
    if not text and (text := _block()):
        where = f"the Secret block {BLOCK}"
    if not text:
        text, where = os.environ.get(OF_GOOGLE, "").strip(), OF_GOOGLE
    if not text:
        return {}, ""
    if not text.startswith("{"):
        text = _file(text, where)
    try:
        info = json.loads(text)
    except ValueError:
        info = None
    wanted = ("client_email", "private_key", "token_uri")
    if not isinstance(info, dict) or not all(isinstance(info.get(name), str) for name in wanted):
        raise UsageError(f"{where} holds no key of a service account (JSON with {', '.join(wanted)}); {HOW}.")
    if why := refusal(info["token_uri"], first=info["token_uri"]):
        raise UsageError(f"The token_uri of the key in {where} {why}; use the key as Google made it.")
    return info, where


def _file(path: str, where: str) -> str:
    file = Path(path).expanduser()
    try:
        if file.stat().st_size > LARGEST:
            raise UsageError(f"{where} names a file of more than {LARGEST:,} bytes, which is no key; {HOW}.")
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "no text"
        raise UsageError(f"{where} names a file that cannot be read ({said}); {HOW}.") from None


def _block() -> str:
    """Return the key in the Secret block as text, also where the block holds it as JSON."""
    value = secret_block(BLOCK)
    return json.dumps(value) if isinstance(value, dict) else str(value).strip()


def credentials() -> tuple["Credentials", str]:
    """Return the credentials to ask with, and the project that they belong to.

    A server of this machine may be asked without any.

    Raises:
        UsageError: there are none, or they are none.
    """
    info, where = account_info()
    if not info and on_this_machine(endpoint()):
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials(), ""  # type: ignore[no-untyped-call]
    if not info:
        raise UsageError(f"BigQuery wants a service account: {HOW}.")
    from google.oauth2.service_account import Credentials as Account

    try:
        found = Account.from_service_account_info(info, scopes=[SCOPE])
    except (ValueError, TypeError):
        raise UsageError(f"{where} holds a key that cannot be read; {HOW}.") from None
    return found, str(info.get("project_id", ""))


def bigquery_client(project: str = "") -> "Client":
    """Return a client each of whose requests ends within the network timeout.

    Args:
        project: that is charged; that of the account, or GOOGLE_CLOUD_PROJECT, when empty.

    Raises:
        UsageError: no credentials, or no project.
    """
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.bigquery import Client

    limit = settings().network_timeout

    class Bounded(AuthorizedSession):
        """A session that waits no longer than the network timeout, whatever the library asks for."""

        def request(  # type: ignore[override]
            self,
            method: Any,
            url: Any,
            data: Any = None,
            headers: Any = None,
            max_allowed_time: Any = None,
            timeout: Any = None,
            **rest: Any,
        ) -> Any:
            until = min(timeout or limit, limit)
            return super().request(method, url, data, headers, max_allowed_time, until, **rest)

    found, own = credentials()
    chosen = project or os.environ.get("GOOGLE_CLOUD_PROJECT", "") or own
    if not chosen:
        raise UsageError("Which project is charged for the query? Give --project, or set GOOGLE_CLOUD_PROJECT.")
    session = Bounded(found)  # type: ignore[no-untyped-call]
    return Client(project=chosen, credentials=found, _http=session, client_options={"api_endpoint": endpoint()})
