"""Who asks, may it, and is there quota left? One small question to the service, signed as it wants it.

Nothing is written and nothing is charged: a bucket's or container's list of one, a query's dry run, an address's head.
"""

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from email.utils import formatdate
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from tasks.platform.connection.network import Found
from tasks.platform.connection.targets import Target, azure_settings, region_of_s3
from tasks.platform.errors import UsageError
from tasks.platform.google import SCOPE, account_info
from tasks.platform.masking import mask_text
from tasks.platform.settings import settings
from tasks.platform.text import shorten

STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
AZURE_VERSION = "2021-12-02"
MOST = 65_536  # bytes of an answer that are looked at
REFUSED = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "AuthorizationHeaderMalformed",
        "InvalidSecurity",
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
        "NoAuthenticationInformation",
        "authError",
        "UNAUTHENTICATED",
    }
)
EXPIRED = frozenset({"ExpiredToken", "TokenRefreshRequired", "RequestExpired"})
SKEWED = frozenset({"RequestTimeTooSkewed"})
BUSY = frozenset(
    {
        "SlowDown",
        "TooManyRequests",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ServerBusy",
        "quotaExceeded",
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "dailyLimitExceeded",
        "RESOURCE_EXHAUSTED",
    }
)
NOBODY = frozenset({"NoSuchBucket", "ContainerNotFound", "FilesystemNotFound", "notFound", "ResourceNotFound"})


class Request(NamedTuple):
    """A question, ready to be sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None


class Reply(NamedTuple):
    """What came back."""

    status: int
    code: str  # the service's own word for an error
    date: str
    wait: str
    local: float  # this machine's time when it came
    age: float = 0.0  # seconds that it lay in a cache
    region: str = ""  # of a bucket of S3


class NoKeyError(Exception):
    """There are no credentials, or they are not taken; with the cause and the evidence."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.evidence)
        self.found = found


def send(request: Request) -> Reply:
    """Send a question; redirects are not followed.

    Raises:
        httpx.HTTPError: no answer within the time, or a connection that breaks.
    """
    import httpx

    limit = settings().network_timeout
    with (
        httpx.Client(timeout=limit, follow_redirects=False) as client,
        client.stream(request.method, request.url, headers=request.headers, content=request.body) as answer,
    ):
        content, until = bytearray(), time.monotonic() + limit
        local = time.time()
        if answer.status_code >= 400:
            for part in answer.iter_bytes():
                content += part
                if len(content) > MOST or time.monotonic() > until:
                    break
        code = answer.headers.get("x-ms-error-code") or code_in(bytes(content[:MOST]))
        told = answer.headers
        age, region = told.get("age", ""), told.get("x-amz-bucket-region", "")
        return Reply(
            answer.status_code,
            code,
            told.get("date", ""),
            told.get("retry-after", ""),
            local,
            float(age) if age.isascii() and age.isdecimal() and len(age) < 10 else 0.0,
            region if re.fullmatch(r"[a-z0-9-]{2,30}", region) else "",
        )


def code_in(content: bytes) -> str:
    """Return the service's own word for an error: Google's reason, or the Code of Amazon's and Azure's XML."""
    try:
        error = json.loads(content)["error"]
        listed = error.get("errors") or [{}]
        found = listed[0].get("reason") or error.get("status") or ""
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        match = re.search(rb"<Code>([A-Za-z0-9_.-]{1,80})</Code>", content)
        return match[1].decode() if match else ""
    return found if isinstance(found, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", found) else ""


def plain(target: Target) -> Request:
    """Return a question without credentials, for the certificate and the clock."""
    if target.kind == "host":
        return Request("GET", target.address, {"User-Agent": "casebook-doctor"})
    parts = urlsplit(target.address)
    return Request("GET", f"{parts.scheme}://{parts.netloc}/", {"User-Agent": "casebook-doctor"})


def signed(target: Target) -> tuple[Request, str]:
    """Return the question of a target with its credentials, and in words whose they are.

    Raises:
        NoKeyError: there are none, or they cannot be used.
    """
    return {"host": _of_host, "s3": _of_s3, "gs": _of_gs, "abfs": _of_abfs, "bigquery": _of_bigquery}[target.kind](
        target
    )


def _of_host(target: Target) -> tuple[Request, str]:
    own = "those of the address" if urlsplit(target.address).username else "none given"
    return plain(target), own


def _of_s3(target: Target) -> tuple[Request, str]:
    """Sign by Signature Version 4, with what botocore finds in environment, profile or role."""
    try:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError
        from botocore.session import get_session
    except ImportError:
        raise NoKeyError(Found("none", "botocore is not installed; install casebook[s3]")) from None
    session = get_session()
    session.set_config_variable("metadata_service_timeout", 1)
    try:
        found = session.get_credentials()
    except BotoCoreError as error:
        raise NoKeyError(Found("none", f"botocore: {type(error).__name__}")) from None
    if found is None:
        raise NoKeyError(Found("none", "no credentials in environment, profile or role"))
    asked = AWSRequest("GET", f"{target.address}?list-type=2&max-keys=1")
    S3SigV4Auth(found, "s3", region_of_s3()).add_auth(asked)
    return Request("GET", asked.url, dict(asked.headers)), f"a key of AWS ({found.method})"


def _of_gs(target: Target) -> tuple[Request, str]:
    token, whose = _token(STORAGE_SCOPE)
    url = f"{target.address}/storage/v1/b/{target.name}/o?maxResults=1"
    return Request("GET", url, {"Authorization": f"Bearer {token}"}), whose


def _of_bigquery(target: Target) -> tuple[Request, str]:
    token, whose = _token(SCOPE)
    body = {
        "jobReference": {"projectId": target.name, "jobId": f"casebook-doctor-{uuid.uuid4().hex}"},
        "configuration": {"dryRun": True, "query": {"query": "SELECT 1", "useLegacySql": False, "queryParameters": []}},
    }
    url = f"{target.address}/bigquery/v2/projects/{target.name}/jobs"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return Request("POST", url, headers, json.dumps(body).encode()), whose


def _token(scope: str) -> tuple[str, str]:
    """Return an access token of the service account, and its name."""
    import requests
    from google.auth import exceptions
    from google.auth.transport.requests import Request as Transport
    from google.oauth2.service_account import Credentials

    try:
        info, where = account_info()
        if not info:
            raise NoKeyError(Found("none", "no key of a service account is given"))
        found = Credentials.from_service_account_info(info, scopes=[scope])
        limit = settings().network_timeout
        with requests.Session() as session:
            transport = Transport(session)
            found.refresh(lambda *args, **rest: transport(*args, **{**rest, "timeout": limit}))
    except UsageError as error:
        raise NoKeyError(Found("none", str(error).partition(";")[0])) from None
    except exceptions.RefreshError:
        raise NoKeyError(Found("refused", f"Google does not take the key in {where}")) from None
    except exceptions.TransportError:
        raise NoKeyError(Found("refused", "the server of tokens does not answer in time")) from None
    except (ValueError, exceptions.GoogleAuthError):
        raise NoKeyError(Found("none", f"the key in {where} cannot be read")) from None
    return str(found.token), f"the service account {info['client_email']}"


def _of_abfs(target: Target) -> tuple[Request, str]:
    """Ask with a shared access signature, or sign by Shared Key (Azure, "Authorize with Shared Key")."""
    known = azure_settings()
    query = {"comp": "list", "maxresults": "1", "restype": "container"}
    url = f"{target.address}/{target.name}"
    signature = known.get("SharedAccessSignature", "").lstrip("?")
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": AZURE_VERSION}
    if signature:
        whole = urlencode(query | dict(parse_qsl(signature)))
        return Request("GET", f"{url}?{whole}", headers), "a shared access signature"
    if not known.get("AccountKey"):
        raise NoKeyError(Found("none", "neither a key of the account nor a shared access signature is given"))
    try:
        key = base64.b64decode(known["AccountKey"], validate=True)
    except ValueError:
        raise NoKeyError(Found("refused", "the key of the account is no base64: a part of it is lost")) from None
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    resource = f"/{target.account}{urlsplit(url).path}" + "".join(f"\n{name}:{query[name]}" for name in sorted(query))
    text = f"GET{chr(10) * 12}{lines}{resource}"
    mark = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    headers["Authorization"] = f"SharedKey {target.account}:{mark}"
    return Request("GET", f"{url}?{urlencode(query)}", headers), f"the key of the account {target.account}"


def judged(reply: Reply) -> tuple[str, Found]:
    """Return which link an answer breaks, and how; "" where it breaks none."""
    status, code = reply.status, reply.code
    said = f"HTTP {status}{f', {code}' if code else ''}"
    wait = f"; it asks to wait {shorten(mask_text(reply.wait), 40)}" if reply.wait else ""
    if reply.region and reply.region != region_of_s3():
        where = f"the bucket lies in {reply.region}, and is asked for in {region_of_s3()} (AWS_REGION)"
        return "permission", Found("absent", f"{said}: {where}")
    if status < 400:
        return "", Found("", said)
    if code in SKEWED:
        return "clock", Found("off", f"{said}: the service finds the clock of this machine wrong")
    if code in BUSY or status == 429:
        return "quota", Found("used up", f"{said}{wait}")
    if status >= 500:
        return "quota", Found("out of order", f"{said}{wait}")
    if code in EXPIRED:
        return "credentials", Found("expired", said)
    if code in REFUSED or status in {401, 407}:
        return "credentials", Found("refused", said)
    if status == 404 or code in NOBODY:
        return "permission", Found("absent", said)
    return "permission", Found("denied", said)
