"""Texts in encodings that nobody named: bytes that are no text are put aside, whatever lies beside them."""

import random

import pytest

from tasks.ingestion.encodings import decoded


@pytest.mark.parametrize("others", [frozenset(), frozenset({""}), frozenset({"", "utf-8"})])
def test_bytes_in_no_encoding_are_put_aside(others: frozenset[str]) -> None:
    chance = random.Random(1)
    noise = bytes(chance.randrange(1, 256) for _ in range(20_000))
    found = decoded(noise, others=others)
    assert found.text == ""
    assert found.problem is not None
    assert found.problem[0] in {"unknown-encoding", "not-text"}
