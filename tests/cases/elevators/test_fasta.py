"""The client against a server that fails, hangs, refuses, limits, drips and answers rubbish."""

import json
from typing import Any

import pytest
from fasta_server import Api, facility, serve

from tasks.cases.elevators.ingestion.facilities import parse_answer, parse_facilities
from tasks.cases.elevators.ingestion.fasta import (
    SERVICE,
    Fasta,
    NotFoundError,
    credentials,
    retry_after,
    service_address,
)
from tasks.platform.errors import CasebookError, ContractError, TransientError, UsageError
from tasks.platform.settings import settings

SECRET = {"DB-Client-Id": "client-4711-abc", "DB-Api-Key": "key-0815-very-secret"}


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def client(api: Api, time: Time, **more: Any) -> Fasta:
    return Fasta(api.address, dict(SECRET), sleep=time.sleep, clock=time.clock, **more)


def test_headers_and_type_are_sent() -> None:
    with serve(Api([facility(1)])) as api, client(api, Time()) as service:
        assert service.get("/facilities", {"type": "ELEVATOR"}) == [facility(1)]
    path, headers = api.asked[0]
    assert path == "/facilities?type=ELEVATOR"
    assert {name: headers[name] for name in SECRET} == SECRET


def test_faults_that_pass_are_met_with_growing_waits_and_counted() -> None:
    api, time = Api([facility(1)]), Time()
    answers = {1: (503, {}, b""), 2: (500, {}, b""), 3: (200, {}, b"<html>busy</html>"), 4: (502, {}, b"")}
    api.fault = lambda number, path: answers.get(number)
    with serve(api), client(api, time) as service:
        assert service.get("/facilities")
    assert dict(service.faults) == {"HTTP 503": 1, "HTTP 500": 1, "no JSON": 1, "HTTP 502": 1}
    for number, wait in enumerate(time.waits):
        assert 0.5 * 2**number <= wait <= 1.5 * 2**number
    assert len(set(time.waits)) == 4  # jitter


def test_retry_after_is_respected() -> None:
    api, time = Api([facility(1)]), Time()
    api.fault = lambda number, path: (429, {"Retry-After": "37"}, b"") if number == 1 else None
    with serve(api), client(api, time) as service:
        service.get("/facilities")
    assert 37 <= time.waits[0] < 37.3


def test_a_wait_too_long_ends_the_run_at_once_and_says_so() -> None:
    api, time = Api([facility(1)]), Time()
    api.fault = lambda number, path: (429, {"Retry-After": "3600"}, b"")
    with serve(api), client(api, time) as service, pytest.raises(TransientError, match="asks to wait 3600 seconds"):
        service.get("/facilities")
    assert (len(api.asked), time.waits) == (1, [])


@pytest.mark.parametrize(("value", "seconds"), [("12", 12.0), ("", None), ("soon", None), ("-5", None)])
def test_retry_after_values(value: str, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_slow_answers_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_NETWORK_TIMEOUT", "0.15")
    settings.cache_clear()
    api, time = Api([facility(1)]), Time()
    api.fault = lambda number, path: 0.4 if number <= 2 else None
    with serve(api), client(api, time) as service:
        assert service.get("/facilities")
        assert service.faults["too slow"] >= 2  # a busy machine makes a good answer late too


def test_no_more_requests_than_the_rate_in_any_minute() -> None:
    api, time, sent = Api([facility(1)]), Time(), []
    with serve(api), client(api, time, per_minute=5) as service:
        for _ in range(13):
            service.get("/facilities")
            sent.append(time.now)
            time.now += 1.0
    assert max(sum(start <= moment < start + 60 for moment in sent) for start in sent) == 5


def test_a_server_that_never_recovers_is_one_sentence() -> None:
    api, time = Api([facility(1)]), Time()
    api.fault = lambda number, path: (503, {}, b"")
    with serve(api), client(api, time, attempts=3) as service, pytest.raises(TransientError, match="HTTP 503"):
        service.get("/facilities")
    assert len(api.asked) == 3


def test_rubbish_to_the_end_is_a_contract_error_that_names_the_answer() -> None:
    api = Api([facility(1)])
    api.fault = lambda number, path: (200, {}, b'[{"equipmentnumber": 1')
    with serve(api), client(api, Time(), attempts=3) as service:
        with pytest.raises(ContractError, match="/facilities is no JSON"):
            service.get("/facilities")
        assert service.faults["no JSON"] == 3


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, CasebookError, "CASEBOOK_DB_API_KEY"),
        (403, CasebookError, "refuses"),
        (404, NotFoundError, "404"),
        (302, CasebookError, "302"),
    ],
)
def test_a_refusal_for_good_is_not_tried_again_and_tells_no_secret(status: int, error: type, words: str) -> None:
    api = Api([facility(1)])
    api.fault = lambda number, path: (status, {"Location": "http://127.0.0.1:1/steal"}, b"key-0815-very-secret")
    with serve(api), client(api, Time()) as service, pytest.raises(error, match=words) as caught:
        service.get("/facilities")
    assert len(api.asked) == 1
    assert not any(secret in str(caught.value) + repr(service) for secret in SECRET.values())


def test_an_answer_that_echoes_the_secrets_is_blotted() -> None:
    api = Api([facility(1, description=f"lift {SECRET['DB-Api-Key']}")])
    with serve(api), client(api, Time()) as service:
        assert SECRET["DB-Api-Key"] not in json.dumps(service.get("/facilities"))


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.elevators.ingestion.fasta.LARGEST_ANSWER", 1000)
    api = Api([facility(number) for number in range(1, 50)])
    with serve(api), client(api, Time()) as service, pytest.raises(CasebookError, match="more than 1,000 bytes"):
        service.get("/facilities")


def test_nobody_there_is_a_passing_fault() -> None:
    service = Fasta("http://127.0.0.1:9", attempts=2, sleep=lambda seconds: None)
    with service, pytest.raises(TransientError, match="connection broken"):
        service.get("/facilities")


@pytest.mark.parametrize(
    "source",
    ["http://example.org/x", "https://user:pw@example.org", "https://example.org/?key=1", "ftp://x.org", "https://"],
)
def test_an_address_that_is_not_asked(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        service_address(source)
    assert "pw" not in str(caught.value)


def test_addresses() -> None:
    assert service_address("api") == SERVICE
    assert service_address("http://127.0.0.1:8080/v2/") == "http://127.0.0.1:8080/v2"


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="CASEBOOK_DB_CLIENT_ID and CASEBOOK_DB_API_KEY are not set"):
        credentials(SERVICE)
    assert credentials("http://127.0.0.1:1") == {}
    monkeypatch.setenv("CASEBOOK_DB_CLIENT_ID", "me")
    with pytest.raises(UsageError, match="CASEBOOK_DB_API_KEY is not set"):
        credentials(SERVICE)
    monkeypatch.setenv("CASEBOOK_DB_API_KEY", "key\nInjected: header")
    with pytest.raises(UsageError, match="characters that no key has") as caught:
        credentials(SERVICE)
    assert "Injected" not in str(caught.value)
    monkeypatch.setenv("CASEBOOK_DB_API_KEY", "key")
    assert credentials(SERVICE) == {"DB-Client-Id": "me", "DB-Api-Key": "key"}


BAD = [
    (None, "no facility"),
    ({**facility(2), "equipmentnumber": None}, "no equipment number"),
    ({**facility(2), "equipmentnumber": True}, "no equipment number"),
    ({**facility(2), "equipmentnumber": -3}, "no equipment number"),
    ({**facility(2), "equipmentnumber": "2"}, "no equipment number"),
    ({**facility(2), "state": "BROKEN"}, "a state other than"),
    ({**facility(2), "state": ["ACTIVE"]}, "a state other than"),
    ({**facility(2), "stationnumber": 2**70}, "no station number"),
    (facility(1), "stands in the answer already"),
]


@pytest.mark.parametrize(("item", "reason"), BAD)
def test_a_malformed_facility_is_put_aside_with_its_reason(item: Any, reason: str) -> None:
    found = parse_facilities([facility(1), item], "it")
    assert list(found.rows["equipment"]) == [1]
    assert found.rejected[0][0] == 1
    assert reason in found.rejected[0][1]


def test_odd_places_are_no_places_and_escalators_no_lifts() -> None:
    items = [
        facility(1, geocoordX=1e9),
        facility(2, geocoordY=None),
        facility(3, type="ESCALATOR"),
        facility(4, geocoordX=float("nan")),
    ]
    rows = parse_facilities(items, "it").rows
    assert list(rows["equipment"]) == [1, 2, 4]
    assert rows[["longitude", "latitude"]].isna().all().all()


@pytest.mark.parametrize("answer", [{}, [], "text", None, 3, {"facilities": []}])
def test_an_answer_that_is_no_list_is_refused(answer: Any) -> None:
    with pytest.raises(ContractError, match="not a list of facilities"):
        parse_facilities(answer, "The answer")


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1, 2", b"\xff\xfe", b"[" * 200_000])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(ContractError, match="is no JSON"):
        parse_answer(content, "The answer")
