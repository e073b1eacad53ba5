"""One definition of a word, and the same weights from scikit-learn, from Spark and from a calculation by hand."""

import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.keywords.ingestion import read_texts
from tasks.features.text.mapreduce import count_words_mapreduce
from tasks.features.text.tfidf import compare_engines, weigh_words
from tasks.features.text.words import ODD, PLAIN, has_pairs, most_documents, tokenise

TRICKY = pd.DataFrame(
    {
        "document": ["a", "b", "c", "d d", "é"],
        "text": [
            "Don’t stop -- don't STOP! İstanbul straße STRASSE",
            "x y z x, x; 1st 2nd foo_bar naïve nai\u0308ve",
            "the the the the",
            "the end. \u200bend 😀 emoji 漢字 漢字",
            "the " + "a" * 101 + " z",
        ],
    }
)


def by_hand(documents: pd.DataFrame) -> pd.DataFrame:
    """Weigh with nothing but dictionaries."""
    counts = {row.document: Counter(tokenise(row.text)) for row in documents.itertuples()}
    containing = Counter(word for words in counts.values() for word in words)
    rows = []
    for document, words in counts.items():
        raw = {w: (1 + math.log(n)) * (math.log((1 + len(counts)) / (1 + containing[w])) + 1) for w, n in words.items()}
        norm = math.sqrt(sum(value**2 for value in raw.values()))
        rows += [(document, word, words[word], raw[word] / norm) for word in words]
    return pd.DataFrame(rows, columns=["document", "word", "count", "weight"])


def test_words_of_all_kinds():
    assert tokenise("Don’t") == tokenise("don't") == ["don't"]
    assert tokenise("e\u0301tude") == tokenise("étude") == ["étude"]
    assert tokenise("foo_bar 3rd 'quoted' rock’n’roll --") == ["foo", "bar", "rd", "quoted", "rock'n'roll"]
    assert tokenise("a" * 101) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी किताब।", ["हिन्दी", "किताब"]),
        ("中文没有，市场", ["中文", "文没", "没有", "市场"]),
        ("人", ["人"]),
        ("コンピューターの世界", ["コンピューター", "の世", "世界"]),
        ("ภาษาไทย", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("мир, и ёлка", ["мир", "и", "ёлка"]),
        ("می‌خواهم", ["می\u200cخواهم"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("m² x½y 3rd", ["m", "x", "y", "rd"]),
    ],
)
def test_words_of_other_scripts_are_whole(text: str, words: list[str]):
    assert tokenise(text) == words
    assert has_pairs(words) == (text[0] in "中人コภ")


def test_the_quick_pattern_takes_the_same_letters_as_the_full_one():
    plain = [chr(code) for code in range(sys.maxunicode + 1) if not ODD.match(chr(code))]
    letter = regex.compile(r"\p{L}")
    assert [c for c in plain if bool(PLAIN.fullmatch(c)) != bool(letter.fullmatch(c))] == []


@pytest.mark.parametrize(
    ("total", "share", "most"), [(3, 0.1, 3), (4, 0.3, 1), (5, 0.1, 1), (28, 0.3, 8), (100, 0.29, 29), (10, 1.0, 10)]
)
def test_in_how_many_documents_a_key_word_may_occur(total: int, share: float, most: int):
    assert most_documents(total, share) == most


@given(st.text())
def test_cutting_a_second_time_changes_nothing(text: str):
    words = tokenise(text)
    assert all(word == word.lower() or len(word.lower()) != len(word) for word in words)
    assert tokenise(" ".join(words)) == words or any(word != tokenise(word)[:1] for word in words)


def test_scikit_learn_agrees_with_a_calculation_by_hand():
    found = compare_engines.fn(weigh_words.fn(TRICKY), by_hand(TRICKY))
    assert (found["only_ours"], found["only_theirs"], found["counts_differ"]) == (0, 0, 0)
    assert found["weight_difference"] < 1e-12


def test_spark_agrees_with_a_calculation_by_hand(spark: Any):
    weighed = count_words_mapreduce.fn(spark.createDataFrame(TRICKY))
    found = compare_engines.fn(weighed.weights.toPandas(), by_hand(TRICKY))
    assert (found["only_ours"], found["only_theirs"], found["counts_differ"]) == (0, 0, 0)
    assert found["weight_difference"] < 1e-12
    rows = weighed.steps.set_index("step")["rows"]
    words = [word for text in TRICKY["text"] for word in tokenise(text)]
    assert rows["input"] == 5
    assert rows["map"] == len(words)
    assert rows["shuffle and reduce"] == found["rows"] <= rows["combine"] <= rows["map"]
    assert rows["second reduce"] == len(set(words))


def test_partitions_hold_pieces_of_documents_and_combine_leaves_more_than_reduce(spark: Any):
    blank = "\n" * 200  # lines without a word
    lines = ["the whale and the sea", "", "ΟΔΟΣ\rOne e", "\u0301t Don’t", "12 34"] * 40
    documents = pd.DataFrame({"document": ["a", "b", "c"], "text": ["\n".join(lines), blank, "\n".join(lines[::-1])]})
    weighed = count_words_mapreduce.fn(spark.createDataFrame(documents))
    found = compare_engines.fn(weigh_words.fn(documents), weighed.weights.toPandas())
    assert (found["only_ours"], found["only_theirs"], found["counts_differ"]) == (0, 0, 0)
    assert found["weight_difference"] < 1e-12
    rows = weighed.steps.set_index("step")["rows"]
    assert rows["map"] > rows["combine"] > rows["shuffle and reduce"] == found["rows"]


def test_both_engines_agree_on_the_public_books(shared: Path, spark: Any):
    files = [shared / "data" / "texts" / name for name in ("moby-dick.txt", "tom-sawyer.txt")]
    documents = read_texts.fn(files).frame
    ours = weigh_words.fn(documents)
    found = compare_engines.fn(ours, count_words_mapreduce.fn(spark.createDataFrame(documents)).weights.toPandas())
    assert len(ours) > 100_000
    assert (found["only_ours"], found["only_theirs"], found["counts_differ"]) == (0, 0, 0)
    assert found["weight_difference"] <= 1e-9
    whales = ours[(ours["word"] == "whale") & ours["document"].str.startswith("moby")]["count"].sum()
    assert whales == sum(tokenise(text).count("whale") for text in documents["text"][:136])


@pytest.mark.parametrize("change", ["drop", "count", "weight"])
def test_a_difference_between_engines_is_seen(change: str):
    ours = weigh_words.fn(TRICKY)
    theirs = ours.iloc[1:] if change == "drop" else ours.copy()
    if change == "count":
        theirs.loc[3, "count"] += 1
    if change == "weight":
        theirs.loc[3, "weight"] += 1e-6
    found = compare_engines.fn(ours, theirs)
    assert (found["only_ours"], found["counts_differ"]) == (int(change == "drop"), int(change == "count"))
    assert (found["weight_difference"] > 1e-7) == (change == "weight")
