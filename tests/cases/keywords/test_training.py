"""Planted key words and planted copies are found again, by pandas and by Spark alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.keywords.evaluation import halves_find_each_other, measure_recall, summarise_keywords
from tasks.cases.keywords.ingestion import read_texts
from tasks.cases.keywords.sample import truth, write_keywords
from tasks.cases.keywords.training import (
    pick_keywords,
    pick_keywords_spark,
    spread_documents,
    word_frequencies,
    word_frequencies_pandas,
)
from tasks.features.text.tfidf import weigh_words
from tasks.training.minhash import similar_by_minhash, similar_exactly


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("books")
    write_keywords(folder)
    return read_texts.fn(sorted(folder.iterdir())).frame


@pytest.fixture(scope="module")
def weights(documents: pd.DataFrame) -> pd.DataFrame:
    return weigh_words.fn(documents)


def share_found(keywords: pd.DataFrame) -> float:
    words = keywords.groupby("document")["word"].agg(set)
    planted = truth().keywords
    return float(np.mean([len(words[name] & set(own)) / len(own) for name, own in planted.items()]))


def test_planted_key_words_are_found(weights: pd.DataFrame):
    assert share_found(pick_keywords.fn(weights, 5, 0.3)) > 0.95
    assert share_found(pick_keywords.fn(weights, 5, 0.3, "counts")) < 0.1  # what naive counting gives


def test_spark_picks_the_same_words(weights: pd.DataFrame, spark: Any):
    frame = spark.createDataFrame(weights)
    ours, theirs = pick_keywords.fn(weights, 5, 0.3), pick_keywords_spark.fn(frame, 5, 0.3)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
    pd.testing.assert_frame_equal(word_frequencies_pandas.fn(weights), word_frequencies.fn(frame), check_dtype=False)
    some = spread_documents.fn(frame, 10)
    assert some["document"].nunique() == 10
    assert spread_documents.fn(frame, 28).equals(weights)


def test_a_word_that_stands_in_every_document_marks_none():
    rows = [("a", "whale", 3), ("b", "whale", 9), ("b", "ship", 1)]
    weights = pd.DataFrame(rows, columns=["document", "word", "count"]).assign(weight=1.0)
    for share in (0.2, 1.0):
        assert pick_keywords.fn(weights, 5, share)["word"].tolist() == ["ship"]
    assert pick_keywords.fn(weights.head(1), 5, 0.2)["word"].tolist() == ["whale"]


def test_minhash_finds_the_planted_copies_and_nothing_wrong(weights: pd.DataFrame, spark: Any):
    exact = similar_exactly.fn(weights, 0.15, 0.3)
    assert set(zip(exact["first"], exact["second"], strict=True)) == set(truth().repeated)
    found = similar_by_minhash.fn(spark.createDataFrame(weights), 0.15, 0.3, 24)
    merged = found.merge(exact, on=["first", "second"], suffixes=("", "_exact"))
    assert len(merged) == len(found)
    assert np.allclose(merged["jaccard"], merged["jaccard_exact"])
    recall = measure_recall.fn(found, exact, 24)
    assert (recall.true, recall.wrong) == (6, 0)
    assert recall.found == 6  # theory: each is missed with a chance of less than 1e-4
    assert recall.expected == pytest.approx(1, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdefghij"), min_size=1), min_size=2, max_size=8), st.floats(0.05, 1))
def test_exact_similarity_is_the_definition(sets: list[set[str]], threshold: float):
    rows = [(f"d{n}", word) for n, words in enumerate(sets) for word in sorted(words)]
    weights = pd.DataFrame(rows, columns=["document", "word"])
    found = similar_exactly.fn(weights, threshold, 1.0)
    expected = {
        (f"d{i}", f"d{j}"): len(a & b) / len(a | b)
        for i, a in enumerate(sets)
        for j, b in enumerate(sets)
        if i < j and len(a & b) / len(a | b) >= threshold
    }
    got = dict(zip(zip(found["first"], found["second"], strict=True), found["jaccard"], strict=True))
    assert got == pytest.approx(expected)


def test_halves_find_each_other_better_by_key_words(documents: pd.DataFrame):
    halves = halves_find_each_other.fn(documents, 0.3)
    assert halves.scores.mean() > halves.baseline.mean() + 0.15
    metrics = {metric.name: metric for metric in summarise_keywords.fn(halves.scores, halves.baseline, None, None)}
    assert metrics["mrr"].low <= metrics["mrr"].value <= metrics["mrr"].high
    words = [text.split() for text in documents["text"]]
    others = [*words[7:], *words[:7]]
    mixed = [" ".join(a[: len(a) // 2] + b[len(b) // 2 :]) for a, b in zip(words, others, strict=True)]
    assert halves_find_each_other.fn(documents.assign(text=mixed), 0.3).scores.mean() < 0.3  # chance is 0.14


def same_words(count: int) -> pd.DataFrame:
    names = [f"d{n}" for n in range(count)]
    return pd.DataFrame({"document": names, "text": ["one two three four one two three four"] * count})


@pytest.mark.parametrize(("count", "share"), [(4, 0.3), (5, 0.1)])
def test_documents_without_words_of_their_own_all_tie(count: int, share: float):
    same = same_words(count)
    tie = pytest.approx([1 / (1 + (count - 1) / 2)] * count)
    halves = halves_find_each_other.fn(same, share)
    assert halves.scores == tie
    assert halves.baseline == tie
    weights = weigh_words.fn(same)
    assert pick_keywords.fn(weights, 5, share).empty
    assert similar_exactly.fn(weights, 0.15, share).empty


def test_documents_without_words_of_their_own_on_spark(spark: Any):
    frame = spark.createDataFrame(weigh_words.fn(same_words(4)))
    assert similar_by_minhash.fn(frame, 0.15, 0.3, 4).empty
    assert pick_keywords_spark.fn(frame, 5, 0.3).empty


def test_a_word_of_one_document_counts_everywhere_however_small_the_share(spark: Any):
    texts = [f"common word{'abcde'[n]} own{'abcde'[n]}" for n in range(5)]
    documents = pd.DataFrame({"document": list("abcde"), "text": [f"{text} {text}" for text in texts]})
    weights = weigh_words.fn(documents)
    assert len(pick_keywords.fn(weights, 5, 0.1)) == 10
    assert halves_find_each_other.fn(documents, 0.1).scores == pytest.approx([1] * 5)
    pair = pd.concat([weights, weights[weights["document"] == "a"].assign(document="f")])
    assert similar_exactly.fn(pair, 0.1, 0.1).empty  # what both have is in two of six documents, one is allowed
    assert len(similar_exactly.fn(pair, 0.1, 0.34)) == 1
    assert len(similar_by_minhash.fn(spark.createDataFrame(pair), 0.1, 0.34, 8)) == 1


def test_equal_documents_share_their_rank():
    same = pd.DataFrame({"document": list("abcd"), "text": ["one two three four one two three four"] * 4})
    assert halves_find_each_other.fn(same, 1.0).scores == pytest.approx([0.4] * 4)


def test_the_public_books_find_their_halves(shared: Path):
    files = [shared / "data" / "texts" / name for name in ("moby-dick.txt", "tom-sawyer.txt")]
    halves = halves_find_each_other.fn(read_texts.fn(files).frame, 0.2)
    assert halves.scores.mean() >= 0.66
    assert halves.baseline.mean() < 0.3
