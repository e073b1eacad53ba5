"""Secrets: hidden wherever they stand, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.platform.masking import HIDDEN, is_secret, mask_addresses, mask_parameters, mask_text

SECRET = "hunter2"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "apiKey",
        "api_key",
        "API-KEY",
        "awsSecretAccessKey",
        "AWSAccessKeyId",
        "token",
        "sig",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "AccountKey",
        "client_secret",
        "sas",
        "--auth-token",
        "aws_credentials",
    ],
)
def test_secret_names_are_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["neighbours", "keyword", "monkey", "max_tokens", "source", "design", "author", "tokenizer"]
)
def test_innocent_names_are_left_alone(name: str) -> None:
    assert not is_secret(name)
    assert mask_parameters({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@example.org/a.zip",
        f"https://{SECRET}@example.org/a.zip",
        f"postgresql://user:{SECRET}@db:5432/x",
        f"s3://key:p/{SECRET}@bucket/x",
        f"https://x.blob.core.windows.net/c/a.zip?sv=2024&sig={SECRET}%3D&se=1",
        f"https://b.s3.amazonaws.com/a?X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}",
        f"HTTPS://example.org/?a=1;token={SECRET}#x",
        f"cannot open https://me:{SECRET}@h/x: 403, nor https://h/y?api_key={SECRET}.",
    ],
)
def test_addresses_lose_their_credentials(text: str) -> None:
    masked = mask_addresses(text)
    assert SECRET not in masked
    assert HIDDEN in masked


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org:8080/a/b?page=2&size=10",
        "http://host:4200/x@y",
        "abfss://box@account.dfs.core.windows.net/a",
        "a@b.c",
        "file:///home/me/x.zip",
        "git@github.com:x/y",
        "memory://store",
        "10:30 @ home",
    ],
)
def test_addresses_without_credentials_stay(text: str) -> None:
    assert mask_addresses(text) == text


@pytest.mark.parametrize(
    "command",
    [
        f"run --password {SECRET} --x 1",
        f"run --password={SECRET}",
        f'run --api-token "{SECRET} x"',
        f"TOKEN={SECRET} run",
        f"AccountName=a;AccountKey={SECRET};Endpoint=b",
        f"curl -H Authorization: Bearer {SECRET}abc",
    ],
)
def test_commands_lose_their_secrets(command: str) -> None:
    assert SECRET not in mask_text(command)


def test_parameters_are_masked_at_every_depth() -> None:
    given = {
        "store": {"secret": SECRET, "url": f"s3://a:{SECRET}@b"},
        "tokens": 7,
        "token": [SECRET],
        "pin": {"key": 123},
    }
    masked = mask_parameters(given)
    assert SECRET not in repr(masked)
    assert masked["tokens"] == 7
    assert masked["pin"] == {"key": HIDDEN}
    assert mask_parameters({"token": None, "password": "", "key": False}) == {
        "token": None,
        "password": "",
        "key": False,
    }


@pytest.mark.parametrize(
    "piece", ["x", "a.", "-", "a://b:", "a=", "--a ", "https://", "'", "a:b@", "Bearer ", "?sig=", "%2"]
)
def test_endless_text_is_masked_in_good_time(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    assert mask_text(text).count(piece[:1])


@given(st.text(max_size=300))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once
