"""The index: what it finds, that it changes without a trace, and that a saved one is believed only when it is whole."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.platform.errors import IntegrityError, UsageError
from tasks.training.nearest import hashing
from tasks.training.nearest.hashing import (
    ExactIndex,
    HashIndex,
    Index,
    build_index,
    most_ranked,
    nearest_codes,
    rotation,
    search_index,
)
from tasks.training.nearest.vectors import as_half, widen

KINDS = [HashIndex, ExactIndex]


def directions(n, d=64, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def grouped(n, d=256, seed=0, groups=50):
    centres = np.random.default_rng(99).standard_normal((groups, d))
    chance = np.random.default_rng(seed)
    return (0.8 * centres[chance.integers(groups, size=n)] + chance.standard_normal((n, d))).astype(np.float32)


def true_neighbours(vectors, queries, k):
    wide, q = vectors.astype(np.float64), queries.astype(np.float64)
    cosine = (q / np.linalg.norm(q, axis=1, keepdims=True)) @ (wide / np.linalg.norm(wide, axis=1, keepdims=True)).T
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosine, order, 1)


def same(a, b):
    return np.array_equal(a.ids, b.ids) and np.array_equal(a.similarity, b.similarity)


@pytest.mark.parametrize("n", [1, 9, 300, 3000])
def test_exact_search_finds_the_true_neighbours(n):
    vectors, queries = directions(n), directions(20, seed=1)
    found = ExactIndex(vectors).search(queries, 10)
    ids, cosine = true_neighbours(vectors, queries, 10)
    k = min(n, 10)
    assert np.abs(found.similarity[:, :k] - cosine).max() < 1e-6
    assert (found.ids[:, :k] == ids).mean() > 0.99
    assert (found.ids[:, k:] == -1).all()
    assert np.isneginf(found.similarity[:, k:]).all()


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_hashing_gives_exact_cosines_whatever_the_length_of_the_query(scale):
    vectors, queries = directions(2000), directions(20, seed=1).astype(np.float64)
    found = HashIndex(vectors).search(queries * scale, 10)
    wide = vectors.astype(np.float64)
    for row in range(len(queries)):
        near = wide[found.ids[row]]
        cosine = near @ queries[row] / np.linalg.norm(near, axis=1) / np.linalg.norm(queries[row])
        assert np.abs(found.similarity[row] - cosine).max() < 1e-6
        assert (np.diff(found.similarity[row]) <= 0).all()
        assert len(set(found.ids[row])) == 10


@pytest.mark.parametrize(("n", "d"), [(20_000, 256), (20_000, 64), (5_000, 600)])
def test_recall_of_unseen_queries(n, d):
    vectors, queries = grouped(n, d), grouped(100, d, seed=1)
    truth = ExactIndex(vectors).search(queries, 10)
    found = HashIndex(vectors).search(queries, 10)
    assert (found.similarity >= truth.similarity[:, -1:] - 1e-5).mean() >= 0.97
    assert HashIndex(vectors).bytes_per_vector == 64


def test_fewer_candidates_find_fewer_neighbours_and_as_many_as_there_are_find_all():
    vectors, queries = directions(3000, 256), directions(50, 256, seed=1)
    truth = ExactIndex(vectors).search(queries, 10)
    recall = [
        (HashIndex(vectors, candidates=depth).search(queries, 10).similarity >= truth.similarity[:, -1:] - 1e-5).mean()
        for depth in (10, 100, 3000)
    ]
    assert recall[0] < recall[1] < recall[2]
    assert recall[2] > 0.95


def test_of_more_vectors_more_are_ranked():
    assert [most_ranked(2000, count) for count in (10, 2_000_000, 10_000_000)] == [2000, 2000, 10_000]
    vectors, queries = directions(30_000, 64), directions(40, 64, seed=1)
    truth = ExactIndex(vectors).search(queries, 1)
    found = HashIndex(vectors, candidates=1).search(queries, 1)  # of one candidate it would find far fewer
    nearest = (found.similarity >= truth.similarity - 1e-5).mean()
    codes = HashIndex(vectors[:900], candidates=1).search(queries, 1)
    alone = (codes.similarity >= ExactIndex(vectors[:900]).search(queries, 1).similarity - 1e-5).mean()
    assert nearest > 0.9 > alone


@pytest.mark.parametrize("k", [1, 5, 40, 300])
def test_more_neighbours_than_candidates_are_all_found(k, monkeypatch):
    monkeypatch.setattr(hashing, "SAMPLE", 50)
    found = HashIndex(directions(500), candidates=5).search(directions(30, seed=1), k)
    assert (found.ids >= 0).all()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(0, 1000))
def test_nearest_codes_are_nearest_and_never_too_few(n, count, least, levels, seed):
    distances = np.random.default_rng(seed).integers(0, levels, n).astype(np.int32)
    count = max(count, least)
    places = nearest_codes(distances, count, least)
    assert min(least, n) <= len(places) <= count
    order = np.argsort(distances, kind="stable")
    assert np.array_equal(places, order[: len(places)])


@pytest.mark.parametrize("kind", KINDS)
def test_equal_vectors_are_ranked_by_their_number(kind):
    vectors = np.concatenate([directions(50), np.repeat(directions(1, seed=3), 6000, axis=0), directions(50, seed=4)])
    found = kind(vectors).search(directions(1, seed=3), 20)
    assert list(found.ids[0]) == list(range(50, 70))
    assert np.abs(found.similarity - 1).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_zero_vectors_and_zero_queries_have_no_direction_and_do_no_harm(kind):
    vectors = directions(30)
    vectors[4] = 0
    index = kind(vectors)
    assert index.search(np.zeros((1, 64), np.float32), 30).similarity.max() == 0
    found = index.search(vectors[:1], 30)
    assert set(found.ids[0]) == set(range(30))
    assert found.similarity[0][list(found.ids[0]).index(4)] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_index_answers_and_can_be_filled(kind):
    index = kind(np.empty((0, 8), np.float16))
    assert (index.search(np.ones((2, 8), np.float32), 3).ids == -1).all()
    index.add(directions(5, 8), np.array([4, 0, 9, 2, 7]))
    assert sorted(index.search(directions(1, 8), 5).ids[0]) == [0, 2, 4, 7, 9]
    index.remove(index.ids)
    assert len(index) == 0
    assert (index.search(np.ones((1, 8), np.float32), 3).ids == -1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_queries_are_no_answers(kind):
    assert kind(directions(5)).search(np.empty((0, 64), np.float32), 3).ids.shape == (0, 3)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sets(st.integers(0, 40), min_size=1, max_size=12)),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 40), min_size=1, max_size=12)),
        st.tuples(st.just("save"), st.just(set())),
    ),
    max_size=8,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, first=st.integers(0, 15))
def test_any_adding_removing_and_saving_equals_a_fresh_index(kind, steps, first, tmp_path):
    pool, queries = directions(41, 16), directions(4, 16, seed=1)
    pool[7] = pool[20] = pool[33]
    index, model = kind(pool[:first]), set(range(first))
    for step, ids in steps:
        if step == "add" and (new := sorted(ids - model, key=lambda one: one * 17 % 41)):
            index.add(pool[new], np.array(new))
            model |= set(new)
        elif step == "remove" and (gone := sorted(ids & model, reverse=True)):
            index.remove(np.array(gone))
            model -= set(gone)
        elif step == "save":
            index.save(tmp_path / "index")
            index = Index.load(tmp_path / "index")
    left = np.array(sorted(model), dtype=np.int64)
    fresh = kind(pool[left], left)
    assert len(index) == len(model)
    assert np.array_equal(index.ids, left)
    assert same(index.search(queries, 10), fresh.search(queries, 10))
    index.save(tmp_path / "changed")
    fresh.save(tmp_path / "fresh")
    for file in (tmp_path / "fresh").iterdir():
        assert file.read_bytes() == (tmp_path / "changed" / file.name).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_input_is_neither_changed_nor_needed_to_be_writable(kind, tmp_path):
    np.save(tmp_path / "vectors.npy", directions(100))
    vectors = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index = kind(vectors)
    index.add(directions(3, seed=5), np.array([100, 101, 102]))
    index.remove(np.array([0, 50]))
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), directions(100))
    assert index.search(directions(1, seed=5), 1).ids[0, 0] == 100


@pytest.mark.parametrize(
    ("ids", "said"),
    [([3], "in the index already"), ([100, 100], "twice"), ([-1], "negative"), ([1.5], "whole numbers")],
)
def test_wrong_ids_are_refused_and_leave_the_index_as_it_was(ids, said):
    index = HashIndex(directions(10))
    with pytest.raises(UsageError, match=said):
        index.add(directions(len(ids), seed=1), np.array(ids))
    with pytest.raises(UsageError, match="not in the index"):
        index.remove(np.array([3, 99]))
    assert np.array_equal(index.ids, np.arange(10))
    assert same(index.search(directions(2, seed=2), 10), HashIndex(directions(10)).search(directions(2, seed=2), 10))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: HashIndex(directions(3), bits=64),
        lambda: HashIndex(directions(3), bits=200),
        lambda: HashIndex(directions(3), bits=2**14),
        lambda: HashIndex(directions(3), candidates=0),
        lambda: HashIndex(directions(3), ids=np.array([1, 2])),
        lambda: HashIndex(np.array([[np.nan, 1.0]])),
        lambda: HashIndex(directions(3)).search(directions(1), 0),
        lambda: HashIndex(directions(3)).search(directions(1, 32), 1),
        lambda: HashIndex(directions(3)).search(np.full((1, 64), np.inf), 1),
        lambda: HashIndex(directions(3)).add(directions(1, 32), np.array([7])),
        lambda: build_index.fn(directions(3), kind="magic"),
    ],
)
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(UsageError):
        wrong()


def test_a_large_collection_is_scanned_by_halves_of_codes_and_hardly_loses(monkeypatch):
    vectors, queries = grouped(20_000), grouped(100, seed=1)
    index = HashIndex(vectors, candidates=300)
    code = index.encode(queries)
    scratch = np.empty((2, 20_000), np.int32)
    codes = index.encode(widen(as_half(vectors)))
    asked = []
    monkeypatch.setattr(hashing, "within", lambda d, count, kept=hashing.within: asked.append(len(d)) or kept(d, count))
    share = []
    for one in code:
        places, distances = index.scan(one, 300, 10, scratch)
        every = np.bitwise_count(codes ^ one).sum(axis=1)
        assert np.abs(distances - every[places].astype(int)).max() <= 1  # a sum near 0 may be rounded either way
        assert (np.diff(distances) >= 0).all()
        share.append(np.isin(np.argsort(every, kind="stable")[:100], places).mean())
    assert set(asked[::2]) == {20_000}
    assert max(asked[1::2]) < 3_000
    assert np.mean(share) > 0.9


def test_the_rotations_keep_lengths_and_angles_and_are_seeded():
    for d, bits in ((64, 512), (256, 512), (600, 640)):
        frame = rotation(d, bits)
        assert frame.shape == (d, bits)
        for start in range(0, bits - d + 1, d):
            base = frame[:, start : start + d]
            assert np.abs(base @ base.T - np.eye(d)).max() < 1e-5
    wide = rotation(600, 512)
    assert np.abs(wide.T @ wide - np.eye(512)).max() < 1e-5
    assert np.array_equal(rotation(48, 512), rotation(48, 512))
    assert not np.array_equal(rotation(48, 512), rotation(48, 512, seed=1))
    assert np.abs(rotation(48, 512)[:, :48] - rotation(48, 512)[:, 48:96]).max() > 0.1


def test_hamming_distance_estimates_the_angle():
    index = HashIndex(directions(1, 256))
    a, b = directions(400, 256).astype(np.float32), directions(400, 256, seed=1).astype(np.float32)
    b = 0.7 * a + 0.3 * b
    distance = np.bitwise_count(index.encode(a) ^ index.encode(b)).sum(axis=1)
    angle = np.arccos((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
    error = distance - 512 * angle / np.pi
    assert abs(error.mean()) < 1.5
    chance = angle / np.pi
    assert error.std() < np.sqrt(512 * chance * (1 - chance)).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_index_answers_the_same_from_the_file(kind, tmp_path):
    index = kind(directions(500), np.arange(500) * 3)
    index.save(tmp_path)
    loaded = Index.load(tmp_path)
    assert type(loaded) is kind
    mapped = Path("/proc/self/maps")  # where there is no such file, nothing says what is mapped
    assert not mapped.exists() or str(tmp_path) in mapped.read_text()
    assert loaded.bytes_per_vector == index.bytes_per_vector
    assert loaded.bytes_with_vectors == index.bytes_with_vectors
    assert same(loaded.search(directions(9, seed=1), 7), index.search(directions(9, seed=1), 7))
    assert {file.suffix for file in tmp_path.iterdir()} == {".npy", ".json"}


def test_saving_over_the_folder_it_was_loaded_from_keeps_the_index(tmp_path):
    HashIndex(directions(300)).save(tmp_path)
    loaded = Index.load(tmp_path)
    loaded.remove(np.arange(100))
    loaded.save(tmp_path)
    expected = HashIndex(directions(300)[100:], np.arange(100, 300)).search(directions(5, seed=1), 9)
    assert same(loaded.search(directions(5, seed=1), 9), expected)
    assert same(Index.load(tmp_path).search(directions(5, seed=1), 9), expected)


def test_loading_as_another_kind_is_refused(tmp_path):
    ExactIndex(directions(5)).save(tmp_path)
    assert isinstance(ExactIndex.load(tmp_path), ExactIndex)
    with pytest.raises(IntegrityError, match="kind exact"):
        HashIndex.load(tmp_path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "index"
    HashIndex(directions(50)).save(folder)
    return folder


@pytest.mark.parametrize(
    "name", ["index.json", "ids.npy", "vectors.npy", "heads.npy", "tails.npy", "lengths.npy", "rotation.npy"]
)
@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "noise", "folder"])
def test_every_damaged_file_of_a_saved_index_is_named(saved, tmp_path, name, harm):
    folder = tmp_path / "index"
    shutil.copytree(saved, folder)
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm != "missing":
        noise = np.random.default_rng(0).bytes(len(content))
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "noise": noise}[harm])
    with pytest.raises(IntegrityError, match=name):
        Index.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"kind": "pickle"},
        {"count": 49},
        {"count": 2**39},
        {"count": -1},
        {"count": "fifty"},
        {"dimensions": 2**16},
        {"dimensions": 0},
        {"bits": 0},
        {"bits": 640},
        {"bits": 520},
        {"bits": 2**60},
        {"candidates": 0},
        {"candidates": 2**50},
        {"command": "rm"},
    ],
)
def test_a_description_that_lies_is_refused(saved, tmp_path, change):
    folder = tmp_path / "index"
    shutil.copytree(saved, folder)
    description = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(description | change))
    with pytest.raises(IntegrityError):
        Index.load(folder)


@pytest.mark.parametrize("text", ["[" * 9000, "[" * 5_000_000, "null", "{}", "\udcff"])
def test_a_hostile_description_is_refused(saved, tmp_path, text):
    folder = tmp_path / "index"
    shutil.copytree(saved, folder)
    (folder / "index.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(IntegrityError, match=r"index\.json"):
        Index.load(folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ids.npy", np.arange(50)[::-1].copy()),
        ("ids.npy", np.zeros(50, np.int64)),
        ("ids.npy", np.arange(50) - 1),
        ("lengths.npy", np.zeros(50, np.float32)),
        ("lengths.npy", np.full(50, np.nan, np.float32)),
        ("rotation.npy", np.full((64, 512), np.inf, np.float32)),
    ],
)
def test_arrays_of_the_right_shape_with_wrong_values_are_refused(saved, tmp_path, name, values):
    folder = tmp_path / "index"
    shutil.copytree(saved, folder)
    np.save(folder / name, values)
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        Index.load(folder)


def test_vectors_that_are_not_finite_in_a_file_are_no_crash(saved, tmp_path):
    folder = tmp_path / "index"
    shutil.copytree(saved, folder)
    vectors = np.load(folder / "vectors.npy")
    vectors[3, 0], vectors[4, 1] = np.nan, -np.inf
    np.save(folder / "vectors.npy", vectors)
    found = Index.load(folder).search(directions(4, seed=1), 50)
    assert (np.sort(found.ids, axis=1) == np.arange(50)).all()
    assert not np.isnan(found.similarity).any()


@pytest.mark.parametrize("kind", ["lsh", "exact"])
def test_the_stages_build_and_search(kind):
    vectors = directions(40)
    index = build_index.fn(vectors, kind=kind)
    assert index.kind == kind
    table = search_index.fn(index, vectors[:3], 5)
    assert list(table.columns) == ["query", "rank", "number", "similarity"]
    assert list(table["rank"]) == [1, 2, 3, 4, 5] * 3
    assert list(table.loc[table["rank"] == 1, "number"]) == [0, 1, 2]
    assert table["similarity"].dtype == np.float32


def test_a_small_collection_gives_a_shorter_table():
    table = search_index.fn(build_index.fn(directions(2)), directions(3, seed=1), 5)
    assert isinstance(table, pd.DataFrame)
    assert list(table.groupby("query").size()) == [2, 2, 2]


def test_the_search_leaves_faiss_threads_alone():
    import faiss

    before = faiss.omp_get_max_threads()
    HashIndex(directions(5000)).search(directions(3, seed=1), 5)
    assert faiss.omp_get_max_threads() == before
    assert hashing.BITS // 8 == 64


def test_many_queries_at_once_are_answered_as_one_by_one():
    import faiss

    vectors = np.random.default_rng(5).standard_normal((3000, 32)).astype(np.float32)
    index = HashIndex(vectors, bits=128, candidates=100)
    queries = np.random.default_rng(6).standard_normal((37, 32)).astype(np.float32)
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(3)
        together = index.search(queries, 7)
        faiss.omp_set_num_threads(1)
        alone = [index.search(query[None], 7) for query in queries]
    finally:
        faiss.omp_set_num_threads(before)
    assert np.array_equal(together.ids, np.concatenate([one.ids for one in alone]))
    assert np.array_equal(together.similarity, np.concatenate([one.similarity for one in alone]))
