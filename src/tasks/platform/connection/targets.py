"""What is behind the address of a cloud: which host and port are asked, and for what?

| address | what is asked |
|---|---|
| `https://host/path` | that address |
| `s3://bucket/prefix` | the bucket's list, of AWS or of `AWS_ENDPOINT_URL_S3` |
| `gs://bucket/prefix` | the bucket's list, of Google or of `STORAGE_EMULATOR_HOST` |
| `abfs://container@account.dfs.core.windows.net/path`, `abfs://container` | the container's list |
| `bigquery://project` | a dry run, of Google or of `CASEBOOK_BIGQUERY_ENDPOINT` |
| `tcp://host:port`, `ssh://host` | the port; the greeting of an SSH server |
"""

import os
import re
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, Field

from tasks.platform.addresses import LOOPBACK, on_this_machine, refusal
from tasks.platform.errors import UsageError
from tasks.platform.google import endpoint
from tasks.platform.masking import mask_addresses
from tasks.platform.text import shorten

Kind = Literal["host", "s3", "gs", "abfs", "bigquery", "tcp", "ssh"]
KINDS: dict[str, Kind] = {
    "https": "host",
    "http": "host",
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "abfs": "abfs",
    "abfss": "abfs",
    "az": "abfs",
    "bigquery": "bigquery",
    "tcp": "tcp",
    "ssh": "ssh",
}
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.ASCII)
PROJECT = re.compile(r"[a-z][a-z0-9-]{4,61}[a-z0-9]", re.ASCII)
ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
REGION = re.compile(r"[a-z0-9-]{2,30}", re.ASCII)
GIVE = (
    "give https://host, s3://bucket, gs://bucket, abfs://container@account.dfs.core.windows.net, bigquery://project,"
    " tcp://host:port or ssh://host"
)


class Target(BaseModel):
    """What is asked, and where."""

    kind: Kind
    shown: str = Field(description="the address without its secrets")
    host: str
    port: int
    encrypted: bool
    address: str = Field("", repr=False, description="that requests go to; empty where a port is all that is asked")
    name: str = Field("", description="bucket, container or project")
    account: str = Field("", description="the storage account")


def target_of(url: str) -> Target:
    """Return what an address stands for.

    Raises:
        UsageError: it is none, or nobody may ask there (see `tasks.platform.addresses`).
    """
    shown = shorten(mask_addresses(url), 200)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(f"{shown} is no address; {GIVE}.") from None
    kind = KINDS.get(parts.scheme.lower())
    if kind is None or not parts.hostname:
        raise UsageError(f"{shown} is no address of a host or a store; {GIVE}.")
    if kind in {"tcp", "ssh"}:
        if kind == "tcp" and not port:
            raise UsageError(f"{shown} names no port; give tcp://host:port.")
        return Target(kind=kind, shown=shown, host=parts.hostname, port=port or 22, encrypted=False)
    name, account, address = _asked(kind, url, parts)
    where = urlsplit(address)
    encrypted = where.scheme == "https"
    if not encrypted and not on_this_machine(address):
        raise UsageError(f"{shown} {refusal(address)}.")
    return Target(
        kind=kind,
        shown=shown,
        host=str(where.hostname),
        port=where.port or (443 if encrypted else 80),
        encrypted=encrypted,
        address=address,
        name=name,
        account=account,
    )


def _asked(kind: Kind, url: str, parts: SplitResult) -> tuple[str, str, str]:
    """Return the name of what is asked for, its account, and the address that is asked."""
    host = str(parts.hostname)
    if kind == "host":
        return "", "", url
    if kind == "bigquery":
        return _checked(PROJECT, host, "project"), "", endpoint()
    if kind == "abfs":
        return _container(parts)
    if parts.username:
        raise UsageError("An address of a bucket carries no key; set it in the environment.")
    name = _checked(BUCKET, parts.netloc, "bucket")
    if kind == "gs":
        base = os.environ.get("STORAGE_EMULATOR_HOST", "").rstrip("/") or "https://storage.googleapis.com"
        return name, "", base
    own = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if own:
        return name, "", f"{own.rstrip('/')}/{name}"
    region = _checked(REGION, region_of_s3(), "region (AWS_REGION)")
    # A name with dots is no host of Amazon's certificate.
    return (
        (name, "", f"https://s3.{region}.amazonaws.com/{name}")
        if "." in name
        else (name, "", f"https://{name}.s3.{region}.amazonaws.com")
    )


def region_of_s3() -> str:
    """Return the region that requests are signed for."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def azure_settings() -> dict[str, str]:
    """Return the parts of AZURE_STORAGE_CONNECTION_STRING, with what other variables say in their place."""
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    found = dict(part.partition("=")[::2] for part in text.split(";") if "=" in part)
    of = {
        "AccountName": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"),
        "AccountKey": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"),
        "SharedAccessSignature": ("AZURE_STORAGE_SAS_TOKEN",),
    }
    for name, variables in of.items():
        for variable in variables:
            if os.environ.get(variable) and name not in found:
                found[name] = os.environ[variable]
    return found


def _container(parts: SplitResult) -> tuple[str, str, str]:
    known = azure_settings()
    name, account = (parts.username, str(parts.hostname)) if parts.username else (str(parts.hostname), "")
    account = account.partition(".")[0] or known.get("AccountName", "")
    if not account:
        raise UsageError("Which storage account? Give abfs://container@account.dfs.core.windows.net.")
    _checked(ACCOUNT, account, "storage account")
    own = known.get("BlobEndpoint", "").rstrip("/") if known.get("AccountName", account) == account else ""
    return _checked(BUCKET, name, "container"), account, own or f"https://{account}.blob.core.windows.net"


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise UsageError(f"{shorten(text, 80)!r} cannot be the name of a {what}; {GIVE}.")
    return text


def refused(target: Target) -> str:
    """Return why a target may not be asked, as the end of a sentence; "" when it may.

    It looks the name up, which may take long.
    """
    if target.kind in {"tcp", "ssh"}:
        if target.host in LOOPBACK:
            return ""
        host = f"[{target.host}]" if ":" in target.host else target.host
        return refusal(f"https://{host}:{target.port}")
    if on_this_machine(target.address):
        return ""
    return refusal(target.address)
