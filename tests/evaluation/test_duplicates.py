"""Duplicates: planted ones are found, chains are cut, flat pictures do not blow it up."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation import duplicates
from tasks.evaluation.duplicates import find_duplicates, similar_hashes
from tasks.platform.errors import UsageError


def table(ids, hashes):
    return pd.DataFrame({"id": [str(one) for one in ids], "phash": np.array(hashes, dtype=np.uint64)})


def directions(n, d=256, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def hashes_of(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)


def flipped(value, *bits):
    for bit in bits:
        value = int(value) ^ (1 << bit)
    return value


def groups(found):
    return [group["number"].tolist() for _, group in found.groupby("group")]


def test_copies_and_near_duplicates_are_told_apart():
    vectors, hashes = directions(8), hashes_of(8)
    ids = [0, 1, 2, 3, 0, 5, 6, 0]
    for copy in (4, 7):
        vectors[copy], hashes[copy] = vectors[0], hashes[0]
    vectors[6] = vectors[2] + 0.02 * directions(1, seed=1)[0]
    hashes[6] = flipped(hashes[2], 5, 60)
    found = find_duplicates.fn(table(ids, hashes), vectors)
    assert found.to_dict("list") == {
        "group": [0, 0, 0, 1, 1],
        "number": [0, 4, 7, 2, 6],
        "kind": ["copy", "copy", "copy", "near-duplicate", "near-duplicate"],
    }


def test_a_near_duplicate_of_a_copy_joins_its_group():
    vectors, hashes = np.repeat(directions(1), 3, axis=0), [9, 9, flipped(9, 1)]
    found = find_duplicates.fn(table([0, 0, 2], hashes), vectors)
    assert groups(found) == [[0, 1, 2]]
    assert found["kind"].tolist() == ["copy", "copy", "near-duplicate"]


def test_the_hash_alone_and_the_vector_alone_are_not_enough():
    same_hash = find_duplicates.fn(table([0, 1], [5, 5]), directions(2))
    same_vector = find_duplicates.fn(table([0, 1], hashes_of(2)), np.repeat(directions(1), 2, axis=0))
    assert same_hash.empty
    assert same_vector.empty
    assert list(same_hash.columns) == ["group", "number", "kind"]


@pytest.mark.parametrize("radius", [0, 3, 4, 6, 7, 8, 11])
def test_similar_hashes_are_exactly_those_within_the_radius(radius):
    chance = np.random.default_rng(radius)
    hashes = hashes_of(20)[chance.integers(20, size=300)]
    for _ in range(5):
        hashes = hashes ^ (np.uint64(1) << chance.integers(0, 64, 300).astype(np.uint64))
    found = [
        tuple(sorted(pair))
        for i, j in similar_hashes(hashes, radius)
        for pair in zip(i.tolist(), j.tolist(), strict=True)
    ]
    distance = np.bitwise_count(hashes[:, None] ^ hashes)
    i, j = np.nonzero((distance > 0) & (distance <= radius))
    assert len(found) == len(set(found))
    assert set(found) == {(int(a), int(b)) for a, b in zip(i, j, strict=True) if a < b}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(0, 7))
def test_groups_are_stars_and_nobody_close_to_a_centre_is_left_alone(seed, n, radius):
    chance = np.random.default_rng(seed)
    base = chance.integers(0, 6, n)
    hashes = hashes_of(6)[base]
    for _ in range(3):
        hashes = hashes ^ (np.uint64(1) << chance.integers(0, 64, n).astype(np.uint64))
    vectors = (directions(6)[base] + chance.uniform(0, 0.1, (n, 1)) * chance.standard_normal((n, 256))).astype(
        np.float16
    )
    ids = np.where(chance.random(n) < 0.8, np.arange(n) + 100, base)
    first = {one: int(np.flatnonzero(ids == one)[0]) for one in ids}
    hashes, vectors = hashes[[first[one] for one in ids]], vectors[[first[one] for one in ids]]
    found = find_duplicates.fn(table(ids, hashes), vectors, radius=radius)
    wide = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    differ = np.bitwise_count(hashes[:, None] ^ hashes)
    needed = 0.25 + 0.6 * differ / max(radius, 1)
    cosine = wide @ wide.T
    close, surely = ((differ <= radius) & (cosine >= needed + slack) for slack in (-1e-3, 1e-3))
    assert found["number"].is_unique
    assert (found.groupby("group").size() >= 2).all()
    same_bytes = ids[:, None] == ids
    assert set(found.loc[found["kind"] == "copy", "number"]) == set(np.flatnonzero(same_bytes.sum(1) > 1))
    for members in groups(found):
        inner = (close | same_bytes)[np.ix_(members, members)]
        # Two steps at most: to a leader of the same hash, and from there to the centre.
        assert ((inner @ inner).astype(bool).sum(axis=1) > 1).all()
        assert (np.linalg.matrix_power(inner.astype(float), 4) > 0).all()
    # Every close pair has at least one picture in a group.
    grouped = np.isin(np.arange(n), found["number"])
    i, j = np.nonzero(surely & ~same_bytes)
    assert (grouped[i] | grouped[j]).all()


def test_a_chain_of_small_changes_is_cut():
    n = 30
    hashes = [0]
    for step in range(1, n):
        hashes.append(flipped(hashes[-1], 2 * step, 2 * step + 1))
    found = find_duplicates.fn(table(range(n), hashes), np.repeat(directions(1), n, axis=0))
    assert len(found) == n
    for members in groups(found):
        assert np.bitwise_count(np.uint64(hashes[members[0]]) ^ np.uint64(hashes[members[-1]])) <= 12


def test_order_of_the_pictures_changes_only_their_numbers():
    vectors, hashes = directions(60), hashes_of(60)
    for copy in range(30, 45):
        vectors[copy], hashes[copy] = vectors[copy - 30], flipped(hashes[copy - 30], copy % 64)
    mixed = np.random.default_rng(3).permutation(60)
    straight = groups(find_duplicates.fn(table(range(60), hashes), vectors))
    turned = groups(find_duplicates.fn(table(mixed, hashes[mixed]), vectors[mixed]))
    assert sorted(sorted(mixed[group].tolist()) for group in turned) == sorted(straight)
    assert len(straight) == 15


def test_thousands_of_flat_pictures_that_share_a_hash_are_bounded_work():
    """3,000 different pictures and 3,000 of one content under one hash: the latter are one group."""
    vectors = directions(6000)
    vectors[1::2] = vectors[1]
    found = find_duplicates.fn(table(range(6000), np.full(6000, 7)), vectors)
    assert groups(found) == [list(range(1, 6000, 2))]


def test_many_hashes_that_share_a_band_are_bounded_work(monkeypatch):
    monkeypatch.setattr(duplicates, "CROWD", 8)
    hashes = (hashes_of(3000) >> np.uint64(16)) << np.uint64(16)
    hashes[2999] = flipped(hashes[0], 20)
    vectors = directions(3000)
    vectors[2999] = vectors[0]
    assert groups(find_duplicates.fn(table(range(3000), hashes), vectors)) == [[0, 2999]]


def test_a_memory_mapped_input_is_not_changed(tmp_path):
    np.save(tmp_path / "v.npy", directions(20))
    vectors = np.load(tmp_path / "v.npy", mmap_mode="r")
    find_duplicates.fn(table(range(20), np.zeros(20)), vectors)
    assert np.array_equal(vectors, directions(20))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_small_collections(n):
    found = find_duplicates.fn(table(range(n), hashes_of(n)), directions(n))
    assert found.empty
    assert found["group"].dtype == np.int64


@pytest.mark.parametrize(
    "options", [{"radius": -1}, {"radius": 12}, {"threshold": 1.5}, {"vectors": directions(2)}], ids=str
)
def test_wrong_arguments_are_refused(options):
    options = dict(options)
    vectors = options.pop("vectors", directions(3))
    with pytest.raises(UsageError):
        find_duplicates.fn(table(range(3), hashes_of(3)), vectors, **options)


@pytest.mark.parametrize(("cosine", "bits", "together"), [(0.3, 0, True), (0.3, 2, False), (0.5, 2, True)])
@pytest.mark.parametrize("more", [0, 1])
def test_the_more_the_hashes_differ_the_more_the_vectors_must_agree(cosine, bits, together, more):
    a = np.zeros((2 + more, 256), np.float16)
    a[0, 0], a[1, :2] = 1, (cosine, np.sqrt(1 - cosine**2))
    a[2:, 5] = 1
    hashes = [3, flipped(3, *range(10, 10 + bits)), *hashes_of(more)]
    found = find_duplicates.fn(table(range(2 + more), hashes), a)
    assert groups(found) == ([[0, 1]] if together else [])


def test_a_hash_that_many_pictures_share_tells_nothing():
    vectors = np.zeros((30, 256), np.float16)
    vectors[np.arange(30), np.arange(30)] = 1
    vectors[:, 40] = 0.9  # cosine 0.45 with each other
    few = find_duplicates.fn(table(range(10), np.full(10, 7)), vectors[:10])
    many = find_duplicates.fn(table(range(30), np.full(30, 7)), vectors)
    assert len(few) == 10
    assert many.empty


def test_the_planted_truth_of_the_sample_is_found_and_nothing_else(tmp_path):
    from PIL import Image

    from tasks.cases.similarity.sample import write_sample
    from tasks.features.pictures.handcrafted import Handcrafted
    from tasks.features.whitening import apply_whitening, fit_whitening
    from tasks.ingestion.pictures.decoding import perceptual_hash

    truth = write_sample(tmp_path / "sample")
    root = tmp_path / "sample" / "collection"
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    pictures = [Image.open(root / path).convert("RGB") for path in paths]
    ids = [hashlib.sha256((root / path).read_bytes()).hexdigest() for path in paths]
    raw = np.asarray(Handcrafted().embed(pictures))
    vectors = np.asarray(apply_whitening.fn(raw, fit_whitening.fn(raw)))
    found = find_duplicates.fn(table(ids, [perceptual_hash(picture) for picture in pictures]), vectors)
    planted = {tuple(sorted(pair)) for pair in truth["exact_copies"] + truth["near_duplicates"]}
    pairs = {tuple(sorted((paths[a], paths[b]))) for group in groups(found) for a in group for b in group if a < b}
    assert planted == pairs
    copies = {path for pair in truth["exact_copies"] for path in pair}
    assert {paths[number] for number in found.loc[found["kind"] == "copy", "number"]} == copies


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "masks" / "images.zip"


@pytest.mark.skipif(not REAL.is_file(), reason="needs shared/data/masks/images.zip beside the checkout")
def test_the_copies_of_a_real_collection_are_counted():
    """103 of these files are copies of another one, byte for byte."""
    import zipfile

    with zipfile.ZipFile(REAL) as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        ids = [hashlib.sha256(archive.read(name)).hexdigest() for name in names]
    vectors, hashes = directions(len(names)), hashes_of(len(names))
    first = pd.Series(range(len(ids))).groupby(ids).transform("min").to_numpy()
    found = find_duplicates.fn(table(ids, hashes[first]), vectors[first])
    assert (found["kind"] == "copy").all()
    assert len(found) - found["group"].nunique() == len(ids) - len(set(ids))
    assert len(ids) - len(set(ids)) >= 103
