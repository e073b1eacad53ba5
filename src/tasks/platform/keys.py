"""The key of this home: who may talk to the servers that Casebook starts on this machine?

One random secret lies in `<home>/key`, readable by its owner only. All that is shown to anybody is derived from it:
the string that clients send, the proof by which a server shows that it is ours before it is sent anything, the
addresses that log a browser in, and the cookie that keeps it logged in.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import time
import tomllib
import uuid
from pathlib import Path
from typing import Any

from tasks.platform.errors import UsageError
from tasks.platform.settings import settings

COOKIE_SECONDS = 7 * 24 * 3600
PROFILE = "casebook"


def key_file() -> Path:
    """Return the file of the secret."""
    return settings().home / "key"


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may look into, where it does not exist yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_private(file: Path, text: str, new: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all; `new` leaves one that exists alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".{uuid.uuid4().hex}.part")  # a name by which leftovers are known
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
            sink.write(text)
        if not new:
            scratch.replace(file)
        elif not file.exists():
            try:
                os.link(scratch, file)  # unlike a rename it fails when another process was faster
            except FileExistsError:
                return
    finally:
        scratch.unlink(missing_ok=True)


def secret() -> bytes:
    """Return the secret of this home, made at first use.

    Raises:
        UsageError: the file belongs to another user or is no secret of ours.
    """
    file = key_file()
    if not file.exists():
        write_private(file, secrets.token_hex(32), new=True)
    status = file.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise UsageError(f"{file} belongs to another user; set CASEBOOK_HOME to a folder of your own.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        file.chmod(0o600)
    text = file.read_text("ascii", "replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UsageError(f"{file} is damaged; remove it, and a new one is made.")
    return bytes.fromhex(text)


def same(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much of it was right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


class Key:
    """What is derived from the secret of a home."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _derived(self, *words: str) -> str:
        """Return 64 hexadecimal digits that only somebody who knows the secret can work out from `words`."""
        return hmac.new(self._secret, "\0".join(words).encode(), hashlib.sha256).hexdigest()

    @property
    def auth_string(self) -> str:
        """What clients send: Prefect's authentication string, `user:password`."""
        return f"casebook:{self._derived('client')}"

    @property
    def authorization(self) -> str:
        """The same as the value of the header `Authorization`."""
        return "Basic " + base64.b64encode(self.auth_string.encode()).decode()

    def proof(self, port: int, nonce: str) -> str:
        """Return what the server on `port` answers to a challenge; a proof made for one port is none for another."""
        return self._derived("server", str(port), nonce)

    def link(self, port: int, boot: str) -> str:
        """Return a key that logs one browser in, once, at the server on `port` that was started as `boot`."""
        nonce = secrets.token_hex(8)
        return f"{nonce}.{self._derived('link', str(port), boot, nonce)}"

    def opens(self, link: str, port: int, boot: str) -> bool:
        """Tell whether `link` was made for this server."""
        nonce, _, rest = link.partition(".")
        return bool(boot) and same(rest, self._derived("link", str(port), boot, nonce))

    @property
    def cookie_name(self) -> str:
        """Name of the cookie: browsers send cookies to every port of a host, so each home has its own."""
        return f"casebook_{self._derived('cookie name')[:8]}"

    def cookie(self) -> str:
        """Return a cookie that is good for a week."""
        until = str(int(time.time()) + COOKIE_SECONDS)
        return f"{until}.{self._derived('cookie', until)}"

    def cookie_holds(self, value: str) -> bool:
        """Tell whether a cookie is ours and not too old."""
        until, _, rest = value.partition(".")
        known = bool(re.fullmatch(r"\d{1,12}", until)) and same(rest, self._derived("cookie", until))
        return known and time.time() < int(until)


def key() -> Key:
    """Return the key of this home.

    Raises:
        UsageError: its file belongs to another user or is damaged.
    """
    return Key(secret())


def auth_string() -> str:
    """Return what clients of this home's servers send."""
    return key().auth_string


def write_profile() -> None:
    """Write the Prefect profile of this home, from which `prefect` commands take the string without being told.

    It also guards the servers that Prefect itself starts, for a flow that is called from a notebook.
    """
    file = Path(os.environ.get("PREFECT_PROFILES_PATH") or settings().home / "prefect" / "profiles.toml")
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):  # no TOML, or no UTF-8
        content = {}
    wanted = {"PREFECT_API_AUTH_STRING": auth_string(), "PREFECT_SERVER_API_AUTH_STRING": auth_string()}
    profiles: dict[str, dict[str, Any]] = content.get("profiles", {})
    ours = profiles.get(PROFILE, {"PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": True})
    if ours | wanted == profiles.get(PROFILE):
        return
    profiles[PROFILE] = ours | wanted
    lines = [f"active = {json.dumps(content.get('active', PROFILE))}"]
    for name, values in profiles.items():
        lines += ["", f"[profiles.{json.dumps(name)}]"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    private_folder(file.parent)
    write_private(file, "\n".join(lines) + "\n")


if __name__ == "__main__":  # set-up calls it
    secret()
