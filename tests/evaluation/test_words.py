"""A figure's short name in words: no code shows, and what is no short name stays as it came."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.words import WORDS, metric_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rmse", "typical error (RMSE)"),
        ("precision@5", "precision at 5"),
        ("ndcg@10_gain", "gain in quality of the ranking (NDCG) at 10"),
        ("coverage@95", "coverage of 95 % intervals"),
        ("brier_shrunk", "error of the told chances (Brier score), shrunk"),
        ("recall_no_mask", "recall, no mask"),
        ("billed_cost_eur", "billed cost eur"),
        ("p_inflation", "chance of such inflation without a change (p-value)"),
        ("two words_and", "two words_and"),
        ("", ""),
    ],
)
def test_short_names_are_told_in_words(name: str, words: str) -> None:
    assert metric_words(name) == words


@given(st.from_regex(r"[a-z]{1,8}([_@][a-z0-9]{1,6}){0,3}", fullmatch=True))
def test_no_code_shows(name: str) -> None:
    assert not re.search(r"[_@]", metric_words(name))


@given(st.text())
def test_any_text_can_be_told(text: str) -> None:
    assert metric_words(text) == text or re.match(r"[A-Za-z]", text)


def test_no_words_hold_code() -> None:
    assert not [words for words in WORDS.values() if re.search(r"[_@]", words)]


@pytest.mark.parametrize("name", WORDS)
def test_the_words_fit_into_a_sentence(name: str) -> None:
    """They stand after an article: “The distinctness of the groups is better than the baseline's”."""
    assert not re.match(r"(how|what|whether|the|a|an|is|are)\b", WORDS[name])
