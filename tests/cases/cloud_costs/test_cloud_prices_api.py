"""The price service pages, throttles, hangs and answers rubbish; the client ends in each case, with a sentence."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fasta_server import Answer, Api, serve

from tasks.cases.cloud_costs.ingestion.needs import Need, Needs
from tasks.cases.cloud_costs.ingestion.prices import read_prices
from tasks.cases.cloud_costs.ingestion.retail import RetailPrices
from tasks.cases.cloud_costs.sample import sample_prices
from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.settings import settings

ITEMS = [item for item in sample_prices() if item["armRegionName"] == "westeurope"][:25]
NEEDS = Needs(needs=[Need(cores=1, region="westeurope")])


class Prices(Api):
    """A server that speaks the retail prices API: ten items a page."""

    following: Callable[[int], Any] = staticmethod(lambda skip: f"/prices?$skip={skip}")

    def answer(self, path: str) -> Answer:
        fault = self.fault(len(self.asked), path)
        if isinstance(fault, tuple):
            return fault
        if fault is not None:
            time.sleep(fault)
        skip = int(parse_qs(urlsplit(path).query).get("$skip", ["0"])[0])
        more = self.following(skip + 10) if skip + 10 < len(ITEMS) else None
        return 200, {}, json.dumps({"Items": ITEMS[skip : skip + 10], "NextPageLink": more}).encode()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prices]:
    monkeypatch.setenv("CASEBOOK_NETWORK_TIMEOUT", "0.3")
    settings.cache_clear()
    prices = Prices([])
    with serve(prices):
        prices.following = lambda skip: f"{prices.address}/prices?$skip={skip}"
        yield prices


def client(api: Prices, **more: Any) -> RetailPrices:
    return RetailPrices(f"{api.address}/prices", sleep=lambda seconds: None, **more)


def test_all_pages_arrive_and_what_is_asked_is_said(api: Prices) -> None:
    assert client(api).items("westeurope", "EUR") == ITEMS
    query = parse_qs(urlsplit(api.asked[0][0]).query)
    assert query["$filter"] == ["serviceName eq 'Virtual Machines' and armRegionName eq 'westeurope'"]
    assert query["currencyCode"] == ["'EUR'"]
    assert len(api.asked) == 3
    client(api).items("west' or 1 eq 1", "EUR")
    assert "' or" not in parse_qs(urlsplit(api.asked[3][0]).query)["$filter"][0].partition("armRegionName")[2]


def test_faults_that_pass_are_met_with_patience(api: Prices) -> None:
    faults: dict[int, Answer | float] = {
        1: (429, {"Retry-After": "7"}, b""),
        2: (503, {}, b""),
        3: (200, {}, b"<html>busy</html>"),
        4: 0.5,
        6: (500, {}, b""),
    }
    api.fault = lambda number, path: faults.get(number)
    waits: list[float] = []
    asking = RetailPrices(f"{api.address}/prices", sleep=waits.append)
    assert asking.items("westeurope", "EUR") == ITEMS
    assert 7 <= waits[0] <= 7.2
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((429, {"Retry-After": "5"}, b""), "HTTP 429; attempts: 3"),
        ((429, {"Retry-After": "3600"}, b""), "asks to wait 3600 seconds"),
        ((200, {}, b"<html><body>Sign in</body></html>"), "answers with a web page"),
        ((200, {}, b"{"), "answers with no JSON"),
        ((200, {}, b"[" * 100_000), "answers with no JSON"),
        (1.0, "too slow"),
    ],
)
def test_faults_that_stay_end_in_a_sentence(api: Prices, fault: Answer | float, words: str) -> None:
    api.fault = lambda number, path: fault
    with pytest.raises(TransientError, match=words):
        client(api, attempts=3).items("westeurope", "EUR")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"[]"), "holds no Items"),
        ((200, {}, b'{"Items": 5}'), "holds no Items"),
        ((404, {}, b""), "HTTP 404"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "HTTP 302"),
        ((200, {}, b'{"Items": [], "NextPageLink": "https://other.example/x"}'), "another server"),
        ((200, {}, b'{"Items": [], "NextPageLink": "file:///etc/passwd"}'), "another server"),
    ],
)
def test_answers_that_are_no_price_list_are_refused_at_once(api: Prices, answer: Answer, words: str) -> None:
    api.fault = lambda number, path: answer
    with pytest.raises(CasebookError, match=words):
        client(api).items("westeurope", "EUR")
    assert len(api.asked) == 1


def test_pages_without_an_end_have_one(api: Prices) -> None:
    api.fault = lambda number, path: (200, {}, json.dumps({"Items": [], "NextPageLink": f"/p?{number}"}).encode())
    with pytest.raises(CasebookError, match="does not end after 12 pages"):
        client(api, most_pages=12).items("westeurope", "EUR")
    api.fault = lambda number, path: (200, {}, b'{"Items": [], "NextPageLink": "/same"}')
    with pytest.raises(CasebookError, match="does not end after 2 pages"):
        client(api).items("westeurope", "EUR")
    clock = iter(range(0, 10_000, 100))
    api.fault = lambda number, path: (200, {}, json.dumps({"Items": [], "NextPageLink": f"/q?{number}"}).encode())
    with pytest.raises(TransientError, match="more than 600 seconds"):
        client(api, clock=lambda: float(next(clock))).items("westeurope", "EUR")


def test_a_page_that_is_too_large_is_refused(api: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.cloud_costs.ingestion.retail.LARGEST_PAGE", 100)
    with pytest.raises(CasebookError, match="more than 100 bytes"):
        client(api).items("westeurope", "EUR")


def test_a_list_is_kept_for_a_day_and_longer_where_the_service_fails(
    api: Prices, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.cases.cloud_costs.ingestion.retail.ATTEMPTS", 1)
    first = read_prices.fn(f"{api.address}/prices", "x", NEEDS, "EUR")
    asked = len(api.asked)
    assert read_prices.fn(f"{api.address}/prices", "x", NEEDS, "EUR").frame.equals(first.frame)
    assert len(api.asked) == asked
    (kept,) = (home / "cache" / "retail-prices").glob("*.json")
    os.utime(kept, (kept.stat().st_atime, time.time() - 3 * 86_400))
    api.fault = lambda number, path: (404, {}, b"")
    again = read_prices.fn(f"{api.address}/prices", "x", NEEDS, "EUR")
    assert again.frame.equals(first.frame)
    assert "as the service failed" in again.about
    kept.write_text("{")
    with pytest.raises(CasebookError, match="HTTP 404"):
        read_prices.fn(f"{api.address}/prices", "x", NEEDS, "EUR")


def test_addresses_that_must_not_be_asked_are_refused() -> None:
    for address in ("http://example.com/prices", "ftp://example.com/x", "https://169.254.169.254/prices"):
        with pytest.raises(UsageError, match="--prices"):
            RetailPrices(address).items("westeurope", "EUR")
