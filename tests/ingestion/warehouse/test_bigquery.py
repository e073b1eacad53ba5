"""BigQuery: what a query would cost, whether it may, pages, tokens, quotas, failures and slow answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bigquery_server import TABLE, BigQuery, refused, serve

from tasks.cases.births.query import births_question
from tasks.cases.births.sample import write_rows
from tasks.ingestion.warehouse import bigquery
from tasks.ingestion.warehouse.bigquery import Limits, ask_bigquery, estimate
from tasks.ingestion.warehouse.duck import ask_files
from tasks.ingestion.warehouse.question import TIB, Answer, Prices
from tasks.platform.errors import CasebookError, ContractError, TransientError, UsageError
from tasks.platform.settings import settings

QUESTION = births_question(1900, 2100)
LIMITS = Limits(cost=1.0)
BY = [
    "without_year",
    "without_sex",
    "without_bin",
    "broken",
    "birth_year",
    "decade",
    "age",
    "age_group",
    "sex",
    "plural",
    "birth_order",
    "smoker",
    "bin",
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "natality.parquet"
    write_rows(path, 20_000)
    return path


@pytest.fixture
def api(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    with serve(BigQuery(file)) as server:
        monkeypatch.setenv("CASEBOOK_BIGQUERY_ENDPOINT", server.address)
        monkeypatch.setenv("CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", json.dumps(server.account()))
        monkeypatch.setattr(bigquery, "RETRY_SECONDS", 1.0)
        monkeypatch.setattr(bigquery, "POLL", (0.01, 0.02))
        settings.cache_clear()
        yield server


def ask(limits: Limits = LIMITS) -> Answer:
    return ask_bigquery.fn(estimate.fn(TABLE, QUESTION, limits).table, QUESTION, limits)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = {name: float for name in frame.columns if name not in BY}
    keys = dict.fromkeys(["birth_year", "decade", "age", "age_group", "bin"], "Int64")
    return frame.astype(numbers | keys).sort_values(BY, ignore_index=True)


def test_the_answer_is_that_of_duckdb_and_comes_in_pages(api: BigQuery, file: Path) -> None:
    told = ask()
    here = ask_files.fn([file], QUESTION, "give others")
    pd.testing.assert_frame_equal(in_order(told.frame), in_order(here.frame), check_dtype=False)
    pages = [path for method, path in api.asked if method == "GET" and "/queries/" in path]
    assert len(pages) >= np.ceil(len(told.frame) / api.page)
    assert told.bill.rows_sent == len(told.frame) > api.page


def test_what_is_sent_holds_no_value_and_what_was_taken_is_told(api: BigQuery) -> None:
    told = ask()
    estimated, run = api.sent
    assert estimated["configuration"]["dryRun"] is True
    assert int(run["configuration"]["query"]["maximumBytesBilled"]) == int(1.0 / 6.25 * TIB)
    for body in api.sent:
        query = body["configuration"]["query"]
        assert query["query"].count("?") == len(query["queryParameters"]) == len(QUESTION.values)
        assert "1900" not in query["query"]
        assert query["useLegacySql"] is False
    assert told.bill.bytes_scanned == api.scanned
    assert told.bill.cost == pytest.approx(api.scanned / TIB * 6.25)
    assert told.bill.cost_whole == pytest.approx(api.size / TIB * 6.25 + api.size / 2**30 * 0.12)


def test_a_query_above_the_cap_is_refused_with_bytes_and_cost_and_never_run(api: BigQuery) -> None:
    with pytest.raises(
        CasebookError, match=r"8,000,000,000 bytes \(8 GB\).*cost \$0\.045, more than the \$0\.01 of max_cost"
    ):
        estimate.fn(TABLE, QUESTION, Limits(cost=0.01))
    assert [body["configuration"].get("dryRun") for body in api.sent] == [True]


def test_a_table_that_grew_after_the_estimate_is_refused_by_the_server(api: BigQuery) -> None:
    found = estimate.fn(TABLE, QUESTION, LIMITS)
    api.scanned = 10**12
    with pytest.raises(CasebookError, match=r"bytesBilledLimitExceeded.*nothing was charged"):
        ask_bigquery.fn(found.table, QUESTION, LIMITS)


def test_the_least_that_is_charged_counts_against_the_cap(api: BigQuery) -> None:
    api.scanned = 1
    with pytest.raises(CasebookError, match="would read 1 bytes"):
        estimate.fn(TABLE, QUESTION, Limits(cost=0.00001))
    assert estimate.fn(TABLE, QUESTION, Limits(cost=0.0001)).cost == Prices().query(10 * 2**20)


def test_an_expired_token_is_renewed_without_a_word(api: BigQuery) -> None:
    def once(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/jobs"):
            api.fault = lambda method, path: None
            api.expire()

    api.fault = once
    assert ask().bill.rows_sent > 0
    assert sum(path == "/token" for _, path in api.asked) >= 2
    assert "none" in api.tokens


def test_a_key_that_is_not_taken_any_more_is_named_without_its_content(api: BigQuery) -> None:
    api.refuses_the_key = True
    with pytest.raises(CasebookError, match="does not take the key of the service account") as told:
        ask()
    assert "PRIVATE" not in str(told.value)
    assert not isinstance(told.value, TransientError)


def test_a_token_that_is_never_taken_is_an_error(api: BigQuery) -> None:
    api.fault = lambda method, path: refused(401, "authError", "Invalid Credentials")
    with pytest.raises(CasebookError, match="HTTP 401"):
        ask()


@pytest.mark.parametrize(
    ("status", "reason", "said", "passing"),
    [
        (403, "quotaExceeded", "a quota is used up", False),
        (403, "accessDenied", "BigQuery Job User", False),
        (403, "rateLimitExceeded", "too many requests", True),
        (403, "billingNotEnabled", "has no billing", False),
        (403, "strange", "BigQuery Job User", False),
        (503, "backendError", "HTTP 503", True),
        (400, "invalidQuery", "HTTP 400, invalidQuery", False),
    ],
)
def test_refusals_say_why_and_only_passing_ones_are_asked_again(
    api: BigQuery, status: int, reason: str, said: str, passing: bool
) -> None:
    api.fault = lambda method, path: refused(status, reason, "no") if path.endswith("/jobs") else None
    with pytest.raises(CasebookError, match=said) as told:
        ask()
    assert isinstance(told.value, TransientError) == passing
    assert (len([path for _, path in api.asked if path.endswith("/jobs")]) > 1) == passing


@pytest.mark.parametrize(
    ("reason", "said", "passing"),
    [
        ("resourcesExceeded", "ask for fewer years", False),
        ("backendError", "backendError", True),
        ("stopped", "run again", False),
    ],
)
def test_a_job_that_fails_says_why(api: BigQuery, reason: str, said: str, passing: bool) -> None:
    api.error = {"reason": reason, "message": "it broke"}
    with pytest.raises(CasebookError, match=said) as told:
        ask()
    assert "it broke" in str(told.value)
    assert isinstance(told.value, TransientError) == passing


def test_a_job_that_takes_too_long_is_cancelled(api: BigQuery) -> None:
    api.looks = 10**9
    with pytest.raises(CasebookError, match=r"more than 0\.005 minutes; it was cancelled"):
        ask(Limits(cost=1.0, minutes=0.005))
    assert len(api.cancelled) == 1


def test_a_job_that_takes_some_looks_is_waited_for(api: BigQuery) -> None:
    api.looks = 4
    assert ask().bill.rows_sent > 0
    assert sum(method == "GET" and "/jobs/" in path for method, path in api.asked) >= 4


@pytest.mark.parametrize("where", ["/tables/", "/jobs", "/queries/"])
def test_a_server_that_does_not_answer_is_given_up(api: BigQuery, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_NETWORK_TIMEOUT", "0.3")
    settings.cache_clear()
    api.fault = lambda method, path: 3.0 if where in path else None
    with pytest.raises(TransientError, match="does not answer in time"):
        ask()


def test_a_server_that_is_not_there_is_a_passing_fault(api: BigQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_BIGQUERY_ENDPOINT", "http://127.0.0.1:9")
    settings.cache_clear()
    with pytest.raises(TransientError, match="does not answer"):
        ask()


def test_an_answer_that_is_no_json_is_no_traceback(api: BigQuery) -> None:
    api.fault = lambda method, path: (200, b"<html>a proxy</html>") if "/tables/" in path else None
    with pytest.raises(CasebookError):
        ask()


def test_optional_columns_may_be_missing_and_others_may_not(api: BigQuery, file: Path) -> None:
    api.hidden = {"cigarette_use", "record_weight"}
    told = ask()
    assert set(told.frame["smoker"].dropna()) == {"unknown"}
    assert (told.frame["births"].astype(float) == told.frame["records"].astype(float)).all()
    api.hidden = {"mother_age"}
    with pytest.raises(ContractError, match="no column mother_age"):
        ask()
    api.hidden, api.types = set(), {"weight_pounds": "STRING"}
    with pytest.raises(ContractError, match=r"weight_pounds \(STRING\)"):
        ask()


def test_a_table_that_is_not_there_is_named(api: BigQuery) -> None:
    with pytest.raises(CasebookError, match="there is no such table"):
        estimate.fn("some-project.samples.other", QUESTION, LIMITS)


@pytest.mark.parametrize(
    "name",
    [
        "natality",
        "a.b",
        "some-project.samples.natality`; DROP TABLE x; --",
        "some-project.sam ples.t",
        "p.d.t",
        "some-project.samples.nata`lity",
        "some-project.samples.natality\n",
        "SOME-project.d.t",
        "",
        "../../etc/passwd",
    ],
)
def test_table_names_are_checked_by_their_pattern(name: str) -> None:
    with pytest.raises(UsageError, match="names no table"):
        bigquery.table_name(name)


def test_hostile_values_stay_values(api: BigQuery) -> None:
    question = births_question(1900, 2100, "CA' OR '1'='1")
    told = ask_bigquery.fn(estimate.fn(TABLE, question, LIMITS).table, question, LIMITS)
    assert (told.frame["broken"] == "").sum() == 0
    for body in api.sent:
        assert "OR '1'" not in body["configuration"]["query"]["query"]
    assert births_question(1900, 2100, "CA").values[-1] == "CA"


def test_without_a_service_account_it_is_said_where_one_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="CASEBOOK_BIGQUERY_SERVICE_ACCOUNT, or the JSON in Prefect's Secret block"):
        estimate.fn(TABLE, QUESTION, LIMITS)


@pytest.mark.parametrize("text", ["{}", "[1]", "{bad", "/no/such/file.json", '{"client_email": 1}'])
def test_what_is_no_key_is_said_without_showing_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", text)
    with pytest.raises(UsageError, match="CASEBOOK_BIGQUERY_SERVICE_ACCOUNT") as told:
        estimate.fn(TABLE, QUESTION, LIMITS)
    assert "bad" not in str(told.value)


def test_a_key_is_sent_to_https_only(api: BigQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_BIGQUERY_ENDPOINT", "http://warehouse.example")
    settings.cache_clear()
    with pytest.raises(UsageError, match="CASEBOOK_BIGQUERY_ENDPOINT"):
        estimate.fn(TABLE, QUESTION, LIMITS)
    account = api.account() | {"token_uri": "http://tokens.example/take"}
    monkeypatch.setenv("CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", json.dumps(account))
    with pytest.raises(UsageError, match="token_uri"):
        estimate.fn(TABLE, QUESTION, LIMITS)
    assert api.asked == []
