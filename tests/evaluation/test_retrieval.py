"""Retrieval measures against tiny cases worked out by hand, brute force and simulation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation import retrieval
from tasks.evaluation.retrieval import (
    average_precision,
    evaluate_index,
    evaluate_retrieval,
    group_codes,
    one_thread,
    per_query_scores,
    random_ranking,
)
from tasks.training.nearest.hashing import ExactIndex, HashIndex

NO_DUPLICATES = pd.DataFrame({"group": [], "number": [], "kind": []}).astype({"group": "int64", "number": "int64"})


def manifest(labels):
    return pd.DataFrame({"label": list(labels)})


def on_a_circle(degrees):
    angle = np.deg2rad(np.asarray(degrees, float))
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float16)


def test_a_collection_worked_out_by_hand():
    """Five pictures at 0, 1, 3, 7 and 15 degrees, labelled a b a a b: each ranking can be read off."""
    scores = per_query_scores.fn(manifest("abaab"), on_a_circle([0, 1, 3, 7, 15]), NO_DUPLICATES)
    # 0: b a a b | 1: a a a b | 3: b a a b | 7: a b a b | 15: a a b a
    assert list(scores["p1"]) == [0, 0, 0, 1, 0]
    assert list(scores["p5"]) == [2 / 5, 1 / 5, 2 / 5, 2 / 5, 1 / 5]
    ap = [(1 / 2 + 2 / 3) / 2, 1 / 4, (1 / 2 + 2 / 3) / 2, (1 + 2 / 3) / 2, 1 / 3]
    assert list(scores["ap10"]) == pytest.approx(ap)
    assert list(scores["relevant"]) == [2, 1, 2, 2, 1]
    assert list(scores["others"]) == [4] * 5


def test_copies_flatter_the_naive_figure():
    """Each picture has a copy and nothing else of its label nearby: with copies all is found, without nothing."""
    degrees = np.repeat([0, 10, 20, 30], 2)
    labels = ["a", "a", "b", "b", "a", "a", "b", "b"]
    copies = pd.DataFrame({"group": np.repeat(range(4), 2), "number": range(8), "kind": "copy"})
    scores = per_query_scores.fn(manifest(labels), on_a_circle(degrees), copies)
    assert (scores["p1"] == 1).all()
    assert (scores["p1_no_duplicates"] == 0).all()
    assert list(scores["relevant"]) == [3] * 8
    assert list(scores["relevant_no_duplicates"]) == [2] * 8
    assert list(scores["others_no_duplicates"]) == [6] * 8
    metrics = {metric.name: metric for metric in evaluate_retrieval.fn(scores)}
    assert metrics["precision@1"].value == 1
    assert metrics["precision@1_no_duplicates"].value == 0
    assert metrics["precision@1_no_duplicates"].baseline == pytest.approx(2 / 6)


def test_duplicates_without_another_picture_of_the_label_are_not_scored():
    copies = pd.DataFrame({"group": [0, 0], "number": [0, 1], "kind": "copy"})
    scores = per_query_scores.fn(manifest("aabb"), on_a_circle([0, 0, 9, 20]), copies)
    assert scores["p1_no_duplicates"].isna().tolist() == [True, True, False, False]
    metrics = {metric.name: metric for metric in evaluate_retrieval.fn(scores)}
    assert metrics["precision@1"].n == 4
    assert metrics["precision@1_no_duplicates"].n == 2
    assert "2 pictures left out" in metrics["precision@1_no_duplicates"].note


def test_pictures_without_a_label_take_no_part():
    with_others = per_query_scores.fn(manifest(["a", "", "a", "b", "", "b"]), on_a_circle([0, 1, 9, 20, 21, 30]), None)
    without = per_query_scores.fn(manifest("aabb"), on_a_circle([0, 9, 20, 30]), None)
    assert list(with_others["number"]) == [0, 2, 3, 5]
    columns = ["label", "p1", "p5", "ap10", "relevant", "others"]
    pd.testing.assert_frame_equal(with_others[columns], without[columns])


@pytest.mark.parametrize("labels", [[], ["", ""], ["a"], ["a", "b", "c"]])
def test_nothing_to_be_found_is_no_metric(labels):
    scores = per_query_scores.fn(manifest(labels), on_a_circle(range(len(labels))), NO_DUPLICATES)
    assert evaluate_retrieval.fn(scores) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_scores_are_those_of_brute_force(seed, n):
    chance = np.random.default_rng(seed)
    vectors = chance.standard_normal((n, 6)).astype(np.float16)
    labels = chance.choice(["x", "y", "z", ""], n)
    groups = chance.integers(0, max(2, n // 2), n)
    twins = pd.DataFrame({"group": groups, "number": np.arange(n)})
    scores = per_query_scores.fn(manifest(labels), vectors, twins)
    wide = vectors.astype(float)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    for row in scores.itertuples():
        for suffix, barred in (
            ("", {row.number}),
            ("_no_duplicates", set(np.flatnonzero(groups == groups[row.number]))),
        ):
            rest = [i for i in range(n) if labels[i] and i not in barred]
            ranked = sorted(rest, key=lambda i: -(wide[i] @ wide[row.number]))[:10]
            hits = [labels[i] == row.label for i in ranked]
            relevant = sum(labels[i] == row.label for i in rest)
            assert getattr(row, f"relevant{suffix}") == relevant
            assert getattr(row, f"others{suffix}") == len(rest)
            if relevant:
                ap = sum(sum(hits[: i + 1]) / (i + 1) for i in range(len(hits)) if hits[i]) / min(10, relevant)
                assert getattr(row, f"p1{suffix}") == (hits[0] if hits else 0)
                assert getattr(row, f"p5{suffix}") == pytest.approx(sum(hits[:5]) / 5)
                assert getattr(row, f"ap10{suffix}") == pytest.approx(ap)
            else:
                assert np.isnan(getattr(row, f"ap10{suffix}"))


def test_blocks_and_batches_change_nothing(monkeypatch):
    chance = np.random.default_rng(0)
    vectors, labels = chance.standard_normal((2500, 8)).astype(np.float16), chance.choice(list("abc"), 2500)
    whole = per_query_scores.fn(manifest(labels), vectors, NO_DUPLICATES)
    monkeypatch.setattr(retrieval, "BLOCK", 16)
    parts = per_query_scores.fn(manifest(labels), vectors, NO_DUPLICATES)
    assert np.abs(whole["ap10"] - parts["ap10"]).max() < 1e-12


def test_a_large_collection_is_sampled_the_same_way_for_any_features():
    chance = np.random.default_rng(0)
    labels = chance.choice(list("abc"), 400)
    one = per_query_scores.fn(manifest(labels), chance.standard_normal((400, 8)).astype(np.float16), None, limit=50)
    two = per_query_scores.fn(manifest(labels), chance.standard_normal((400, 5)).astype(np.float16), None, limit=50)
    assert len(one) == 50
    assert one["number"].tolist() == two["number"].tolist()
    assert (one["others"] == 399).all()


def test_the_random_baseline_is_that_of_random_rankings():
    chance = np.random.default_rng(0)
    for relevant, others in ((1, 3), (2, 4), (3, 30), (25, 40), (8, 8), (12, 200)):
        expected = random_ranking(np.array([relevant]), np.array([others]))
        hits = np.zeros((20_000, max(10, others)), bool)
        hits[:, :relevant] = True
        hits[:, :others] = chance.permuted(hits[:, :others], axis=1)
        ap = average_precision(hits[:, :10], np.full(20_000, relevant))
        assert hits[:, 0].mean() == pytest.approx(expected.p1[0], abs=0.012)
        assert hits[:, :5].mean() == pytest.approx(expected.p5[0], abs=0.008)
        assert ap.mean() == pytest.approx(expected.ap10[0], abs=0.012)


def test_random_features_score_like_the_baseline():
    chance = np.random.default_rng(1)
    labels = chance.choice(list("aaabbc"), 3000)
    scores = per_query_scores.fn(manifest(labels), chance.standard_normal((3000, 16)).astype(np.float16), NO_DUPLICATES)
    for metric in evaluate_retrieval.fn(scores):
        assert metric.value == pytest.approx(metric.baseline, abs=0.03)
        assert metric.low < metric.value < metric.high


def test_average_precision_of_perfect_and_empty_rankings():
    hits = np.zeros((3, 10), bool)
    hits[0, :3] = True
    hits[1] = True
    assert list(average_precision(hits, np.array([3, 500, 4]))) == [1, 1, 0]


def test_groups_from_duplicates():
    table = pd.DataFrame({"group": [0, 0, 1, 1], "number": [4, 1, 2, 5]})
    assert list(group_codes(table, 6)) == [0, 1, 2, 3, 1, 2]
    assert list(group_codes(NO_DUPLICATES, 3)) == [0, 1, 2]


@pytest.fixture(scope="module")
def report():
    vectors = np.random.default_rng(0).standard_normal((3000, 64)).astype(np.float16)
    return evaluate_index.fn(HashIndex(vectors), vectors, queries=200)


def test_the_index_is_compared_with_exact_and_textbook_search(report):
    rows = {row.index: row for row in report.rows}
    assert list(rows) == ["lsh", "exact", "classic"]
    assert rows["exact"].recall == 1
    assert rows["classic"].recall < 0.5 < rows["lsh"].recall
    assert rows["lsh"].low <= rows["lsh"].recall <= rows["lsh"].high
    assert rows["lsh"].bytes_per_vector == 64
    assert rows["lsh"].bytes_with_vectors == 64 + 128 + 12
    assert all(row.ms_per_query > 0 for row in report.rows)


def test_the_metrics_are_those_of_the_index(report):
    metrics = {metric.name: metric for metric in report.metrics}
    assert list(metrics) == ["recall@10", "ms_per_query", "bytes_per_vector", "bytes_with_vectors"]
    assert metrics["recall@10"].value == report.rows[0].recall
    assert metrics["recall@10"].n == 200
    assert metrics["recall@10"].baseline == report.rows[2].recall


def test_a_picture_that_finds_only_itself_finds_nothing():
    class Selfish(HashIndex):
        def search(self, queries, k):
            found = super().search(queries, k)
            found.ids[:, 1:], found.similarity[:, 1:] = -1, -np.inf
            return found

    vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float16)
    assert evaluate_index.fn(Selfish(vectors), vectors).rows[0].recall == 0


@pytest.mark.parametrize("kind", [HashIndex, ExactIndex])
@pytest.mark.parametrize("n", [2, 3, 11, 12])
def test_small_collections_ask_for_as_many_as_there_are(kind, n):
    vectors = np.random.default_rng(0).standard_normal((n, 8)).astype(np.float16)
    report = evaluate_index.fn(kind(vectors), vectors)
    assert report.neighbours == min(10, n - 1)
    assert report.rows[0].recall == 1
    assert report.metrics[0].name == f"recall@{min(10, n - 1)}"


@pytest.mark.parametrize("n", [0, 1])
def test_no_neighbours_are_no_metrics(n):
    vectors = np.ones((n, 4), np.float16)
    report = evaluate_index.fn(HashIndex(vectors), vectors)
    assert (report.rows, report.metrics, report.queries) == ([], [], 0)


def test_any_of_equally_near_neighbours_counts():
    vectors = np.repeat(np.random.default_rng(0).standard_normal((3, 16)), 400, axis=0).astype(np.float16)
    report = evaluate_index.fn(HashIndex(vectors, candidates=50), vectors, queries=60)
    assert report.rows[0].recall == 1


def test_threads_are_given_back():
    import faiss

    before = faiss.omp_get_max_threads()

    def fail():
        with one_thread():
            assert faiss.omp_get_max_threads() == 1
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert faiss.omp_get_max_threads() == before
