"""The index in shards: that it answers as one scan does, whatever is added or removed, here and on Spark's workers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from tasks.platform.errors import IntegrityError, UsageError
from tasks.platform.settings import settings
from tasks.training.nearest import sharded, shards
from tasks.training.nearest.hashing import ExactIndex, HashIndex, Index
from tasks.training.nearest.sharded import ShardedIndex


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CASEBOOK_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    shards.open_shard.cache_clear()
    yield
    settings.cache_clear()


def grouped(n: int, d: int = 64, seed: int = 0) -> np.ndarray:
    centres = np.random.default_rng(99).standard_normal((20, d))
    chance = np.random.default_rng(seed)
    vectors = 0.8 * centres[chance.integers(20, size=n)] + chance.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def same(one: Any, other: Any) -> bool:
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.similarity, other.similarity)


@pytest.mark.parametrize("per_shard", [1, 700, 3000, 10_000])
def test_shards_answer_as_one_scan_does(per_shard: int):
    vectors = grouped(40 if per_shard == 1 else 6000)
    vectors[7] = vectors[3]  # copies are ranked by their numbers, in whichever shard they are
    queries = np.concatenate([grouped(20, seed=1), vectors[:5]]).astype(np.float32)
    for k in (1, 12, 300):
        assert same(
            ShardedIndex(vectors, per_shard=per_shard).search(queries, k), HashIndex(vectors).search(queries, k)
        )


@pytest.mark.parametrize("afar", [False, True])
@pytest.mark.parametrize("held", [1, 2**24])
def test_neighbours_that_lie_in_one_shard_are_all_found(afar: bool, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard is asked for its share first; where all neighbours are in one, it is asked again."""
    monkeypatch.setattr(sharded, "HELD", held)
    asked: list[tuple[int, int]] = []
    whole = shards.scan_shard

    def noted(shard: Any, gone: np.ndarray, queries: Any) -> Any:
        asked.append((int(shard.numbers[0]), queries.total))
        return whole(shard, gone, queries)

    monkeypatch.setattr(sharded, "scan_shard", noted)
    vectors = grouped(40_000)
    near = np.argsort(-(vectors[:, 0].astype(np.float32)), kind="stable")
    vectors = vectors[near]  # as files lie in a folder: like beside like
    queries = np.concatenate([np.eye(64, dtype=np.float32)[:1], -np.eye(64, dtype=np.float32)[:1], grouped(3, seed=1)])
    index = ShardedIndex(vectors, per_shard=1_000)
    index.remove(np.arange(38_000, 39_000))
    kept = np.setdiff1d(np.arange(40_000), index.gone)
    if afar:
        index.scan = here
    assert same(index.search(queries, 12), HashIndex(vectors[kept], kept).search(queries, 12))
    again = {first for first, total in asked if total == 0}
    assert (0 in again and 20_000 not in again) or afar
    assert afar or len(again) < 30


def here(index: ShardedIndex, asked: shards.Asked, numbers: Any) -> Any:
    """Ask shards as those afar are asked."""
    for number in numbers:
        shard = index.open(index.shards[number])
        for query, near in shards.scan_shard(shard, index.gone, asked):
            similarity = shards.cosines(shard, near.places, asked.vectors[query])
            yield query, number, sharded.Ranked(near.numbers, near.distances, similarity)


def test_few_vectors_are_found_exactly():
    vectors, queries = grouped(900), grouped(30, seed=1)
    assert same(ShardedIndex(vectors, per_shard=200).search(queries, 5), ExactIndex(vectors).search(queries, 5))


@trials(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_adding_and_removing_leaves_what_a_fresh_index_has(data: st.DataObject):
    vectors, queries = grouped(300), grouped(5, seed=1)
    first = data.draw(st.integers(0, 300))
    index = ShardedIndex(vectors[:first], per_shard=64)
    there = set(range(first))
    rest = list(range(first, 300))
    while rest:
        many = data.draw(st.integers(min(len(rest), 50), len(rest)))
        index.add(vectors[rest[:many]], np.array(rest[:many]))
        there |= set(rest[:many])
        rest = rest[many:]
        gone = data.draw(st.sets(st.sampled_from(sorted(there)), max_size=10))
        if gone:
            index.remove(np.array(sorted(gone)))
            there -= gone
    kept = np.array(sorted(there))
    assert len(index) == len(kept)
    assert np.array_equal(index.ids, kept)
    assert same(index.search(queries, 7), HashIndex(vectors[kept], kept).search(queries, 7))
    assert np.array_equal(index.vectors(kept), vectors[kept])


def test_a_saved_index_is_the_same_and_lists_what_it_holds(tmp_path: Path):
    vectors, queries = grouped(500), grouped(5, seed=1)
    index = ShardedIndex(vectors, per_shard=200)
    index.remove(np.arange(0, 100))
    index.save(tmp_path / "saved")
    again = Index.load(tmp_path / "saved")
    assert isinstance(again, ShardedIndex)
    assert same(again.search(queries, 9), index.search(queries, 9))
    listed = json.loads((tmp_path / "saved" / "shards.json").read_text())
    assert [item["count"] for item in listed["shards"]] == [200, 200, 100]
    assert (again.bytes_per_vector, again.bytes_with_vectors) == (64, 64 + 2 * 64 + 12)


def test_an_empty_index_finds_nothing():
    index = ShardedIndex(np.empty((0, 64), np.float16))
    assert (index.search(grouped(2), 3).ids == -1).all()
    index.add(grouped(3), np.arange(3))
    index.remove(np.arange(3))
    assert len(index) == 0
    assert (index.search(grouped(2), 3).ids == -1).all()


def test_wrong_ids_are_refused():
    index = ShardedIndex(grouped(50), per_shard=20)
    with pytest.raises(UsageError, match="Id 7 "):
        index.add(grouped(1), np.array([7]))
    with pytest.raises(UsageError, match="Id 50 is not in the index"):
        index.remove(np.array([50]))
    index.remove(np.array([7]))
    with pytest.raises(UsageError, match="Id 7 is not"):
        index.remove(np.array([7]))
    with pytest.raises(UsageError, match="Id 7 is or was"):
        index.add(grouped(1), np.array([7]))


@pytest.mark.parametrize("harm", ["cut codes", "other codes", "cut vectors", "lost", "list", "climbing", "swapped"])
def test_a_damaged_index_is_not_believed(tmp_path: Path, harm: str):
    saved = tmp_path / "saved"
    ShardedIndex(grouped(300), per_shard=150).save(saved)
    codes = min(saved.glob("*.parquet"))
    if harm == "cut codes":
        codes.write_bytes(codes.read_bytes()[:-100])
    if harm == "other codes":
        codes.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    if harm == "cut vectors":
        codes.with_suffix(".npy").write_bytes(codes.with_suffix(".npy").read_bytes()[:-2])
    if harm == "lost":
        codes.unlink()
    if harm == "list":
        (saved / "shards.json").write_text("[]")
    if harm == "climbing":
        (saved / "shards.json").write_text('{"shards": [{"name": "../../etc/passwd", "count": 1}]}')
    if harm == "swapped":
        listed = json.loads((saved / "shards.json").read_text())
        listed["shards"][0]["count"] = 149
        (saved / "shards.json").write_text(json.dumps(listed))
    with pytest.raises(IntegrityError, match="build the index again"):
        Index.load(saved).search(grouped(1), 3)


def test_spark_workers_answer_as_this_machine_does(spark: Any):
    from tasks.training.nearest.on_spark import scan_on_spark

    vectors, queries = grouped(2000), grouped(6, seed=1)
    index = ShardedIndex(vectors, per_shard=500)
    index.remove(np.arange(0, 2000, 7))
    here = index.search(queries, 10)
    index.scan = scan_on_spark
    assert same(index.search(queries, 10), here)
