"""Which parts of what a run writes down are secret? They are replaced before anything is shown or stored.

Names decide (`api_token`, `AccountKey`, `X-Amz-Signature`), and the places where addresses carry passwords
(`https://user:password@host`). Rather one value too many is hidden than one too few.
"""

import re
from itertools import pairwise
from typing import Any

HIDDEN = "•••"

_SECRET_WORDS = frozenset(
    {
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "secrets",
        "token",
        "key",
        "apikey",
        "accesskey",
        "secretkey",
        "authkey",
        "sig",
        "signature",
        "credential",
        "credentials",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "sas",
    }
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Each name is looked for from its first letter only, so that the time grows with the text and not with its square.
_SCHEME = r"(?<![\w+.-])[a-zA-Z][\w+.-]*://"
_WITH_PASSWORD = re.compile(rf"({_SCHEME})[^\s/:@?#]*:(?!\d+(?:/|$))[^\s@]{{0,512}}@")
_WEB_USER = re.compile(r"(\bhttps?://)[^\s/?#@]+@", re.IGNORECASE)
_ADDRESS = re.compile(rf"{_SCHEME}\S+")
_VALUE = r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,'\"<>]+)"
_ASSIGNMENT = re.compile(rf"(?<![\w.%-])(?P<name>[\w.%-]+)(?P<mark>=){_VALUE}")
_OPTION = re.compile(r"(?<![\w-])(?P<name>--?\w[\w-]*)(?P<mark>\s+)(?P<value>\"[^\"]*\"|'[^']*'|[^\s-]\S*)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Tell whether something called `name` (a parameter, an option, a part of an address) is to be hidden."""
    words = [word.lower() for word in _WORD.findall(name)]
    pairs = {first + second for first, second in pairwise(words)}
    return not _SECRET_WORDS.isdisjoint({*words, *pairs}) or name.lower() in _SECRET_WORDS


def _hide(match: re.Match[str]) -> str:
    return f"{match['name']}{match['mark']}{HIDDEN}" if is_secret(match["name"]) else match[0]


def mask_addresses(text: str) -> str:
    """Hide user names and passwords of addresses in `text`, and what their query signs or authorises."""
    if "://" not in text:
        return text
    text = _WEB_USER.sub(rf"\1{HIDDEN}@", _WITH_PASSWORD.sub(rf"\1{HIDDEN}@", text))
    return _ADDRESS.sub(lambda address: _ASSIGNMENT.sub(_hide, address[0]), text)


def mask_text(text: str) -> str:
    """Hide what `mask_addresses` hides, and every `name=value` and `--name value` whose name says secret."""
    text = _BEARER.sub(rf"\1 {HIDDEN}", mask_addresses(text))
    return _OPTION.sub(_hide, _ASSIGNMENT.sub(_hide, text))


def mask_parameters(value: Any, name: str = "") -> Any:
    """Return `value` (a tree of dicts, lists and plain values) with what is secret by its name or its form hidden."""
    if isinstance(value, dict):
        return {key: mask_parameters(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_parameters(item, name) for item in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    if is_secret(name):
        return HIDDEN
    return mask_text(value) if isinstance(value, str) else value


_concealed: dict[str, str] = {}  # what was shown in place of an address -> the address; of this process, never stored


def conceal(value: Any) -> Any:
    """Return an argument with what its addresses carry hidden, from the moment of parsing: nothing else sees the rest.

    `reveal` gives it back where the address is asked, in this process only.
    """
    if isinstance(value, list | tuple):
        return [conceal(item) for item in value]
    if not isinstance(value, str):
        return value
    shown = mask_addresses(value)
    if shown != value:
        _concealed[shown] = value
    return shown


def reveal(shown: str) -> str:
    """Return the address that `conceal` has hidden; any other text as it is."""
    return _concealed.get(shown, shown)
