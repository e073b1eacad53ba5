"""Which addresses are asked: the parsed host decides, also after a redirect, and the inner network stays inside."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.platform import addresses
from tasks.platform.addresses import on_this_machine, refusal
from tasks.platform.settings import settings

NAMES = {"data.example": "93.184.216.34", "rebound.example": "192.168.1.1", "cloud.example": "169.254.169.254"}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        place = NAMES.get(host, host)
        if not place[0].isdigit() and ":" not in place:
            raise socket.gaierror(-2, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)


@pytest.mark.parametrize(
    "address",
    ["https://data.example/x.csv", "https://data.example:8443/", "http://127.0.0.1:8000/x.csv", "http://localhost:1/"],
)
def test_what_is_asked(address: str) -> None:
    assert refusal(address) == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:x@other.host/", "no address|only https"),
        ("http://127.0.0.1:80@other.host/", "only https"),
        ("http://127.0.0.1.other.host/", "only https"),
        ("http://127.0.0.1:8000@127.0.0.1:9000/", "only https"),
        ("http://data.example/", "only https"),
        ("ftp://data.example/", "only https"),
        ("file:///etc/passwd", "no address"),
        ("https://", "no address"),
        ("https://[::1", "no address"),
        ("https://10.0.0.7/", "inner network"),
        ("https://[fe80::1]/", "inner network"),
        ("https://[::1]/", "inner network"),
        ("https://0.0.0.0/", "inner network"),
        ("https://rebound.example/", "inner network"),
        ("https://cloud.example/latest/meta-data", "inner network"),
    ],
)
def test_what_is_not(address: str, words: str) -> None:
    import re

    assert re.search(words, refusal(address)), refusal(address)


def test_a_redirect_leads_neither_here_nor_inside() -> None:
    first = "https://data.example/x.csv"
    assert "this machine" in refusal("http://127.0.0.1:4200/api", first)
    assert "inner network" in refusal("https://192.168.0.1/", first)
    assert refusal("https://data.example/y.csv", first) == ""
    assert refusal("http://127.0.0.1:9/y", "http://127.0.0.1:8/x") == ""


def test_the_setting_allows_the_inner_network_and_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_PRIVATE_TARGETS", "true")
    settings.cache_clear()
    assert refusal("https://10.0.0.7/") == ""
    assert refusal("http://10.0.0.7/")


@given(st.text(max_size=40))
def test_no_text_makes_another_host_this_machine(text: str) -> None:
    assert not on_this_machine(f"http://{text}@other.host/")
    assert not on_this_machine(f"http://other.host/{text}")
