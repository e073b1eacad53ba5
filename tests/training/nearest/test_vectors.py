"""Float16 rows: exact conversion, exact cosine, and files that are believed only when everything agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.platform.errors import IntegrityError, UsageError
from tasks.training.nearest.vectors import BLOCK, Rows, as_half, cosine, lengths_of, read_rows, unit, widen, write_rows


def test_widen_is_numpys_conversion_for_every_finite_half():
    halves = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 2)
    assert np.array_equal(widen(halves).view(np.uint32), halves.astype(np.float32).view(np.uint32))


def test_cosine_is_exact_and_equal_rows_are_exactly_equal():
    chance = np.random.default_rng(0)
    rows = chance.standard_normal((777, 100)).astype(np.float16)
    rows[[5, 400, 776]] = rows[13]
    rows[9] = 0
    query = unit(chance.standard_normal((1, 100)))[0].astype(np.float32)
    found = cosine(rows, lengths_of(widen(rows)), query)
    wide = rows.astype(np.float64)
    truth = wide @ query.astype(np.float64) / np.maximum(np.linalg.norm(wide, axis=1), 1e-30)
    assert np.abs(found - truth).max() < 1e-6
    assert found[9] == 0
    assert len({found[5], found[13], found[400], found[776]}) == 1


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_as_half_keeps_directions_of_any_length(scale):
    vectors = np.random.default_rng(1).standard_normal((20, 8)) * scale
    vectors[3] = 0
    half = as_half(vectors).astype(np.float64)
    lengths = np.linalg.norm(half, axis=1)
    assert lengths[3] == 0
    assert np.abs(np.delete(lengths, 3) - 1).max() < 1e-3
    expected = np.delete(vectors, 3, 0) / np.linalg.norm(np.delete(vectors, 3, 0), axis=1, keepdims=True)
    assert np.abs(np.delete(half, 3, 0) - expected).max() < 1e-3


def test_as_half_uses_float16_in_place():
    vectors = np.ones((3, 4), np.float16)
    vectors.flags.writeable = False
    assert as_half(vectors) is vectors


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.zeros((3, 0), np.float32), "matrix"),
        (np.zeros(3), "matrix"),
        (np.zeros((2, 2), int), "matrix"),
        (np.array([["a"]], object), "matrix"),
        (np.array([[1.0, 2.0], [np.nan, 0.0]]), "Vector 1 "),
        (np.array([[np.inf, 0.0]], np.float16), "Vector 0 "),
    ],
)
def test_what_is_no_matrix_of_finite_numbers_is_refused(vectors, said):
    with pytest.raises(UsageError, match=said):
        as_half(vectors)


def test_the_number_of_a_bad_vector_is_right_beyond_the_first_block():
    vectors = np.ones((BLOCK + 9, 2), np.float32)
    vectors[BLOCK + 4, 1] = np.nan
    with pytest.raises(UsageError, match=f"Vector {BLOCK + 4} "):
        as_half(vectors)


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(0, 4))
def test_rows_are_those_that_were_appended(sizes, first):
    rows = Rows(np.full((first, 3), -1, np.float16))
    expected = [np.full((first, 3), -1, np.float16)]
    for number, size in enumerate(sizes):
        block = np.full((size, 3), number, np.float16)
        assert list(rows.append(block)) == list(range(len(rows) - size, len(rows)))
        expected.append(block)
    whole = np.concatenate(expected)
    order = np.random.default_rng(0).permutation(len(whole))
    assert np.array_equal(rows.take(order), whole[order])
    blocks = [block for _, block in rows.blocks(order)]
    assert np.array_equal(np.concatenate([whole[:0], *blocks]), whole[order])


def test_blocks_follow_the_slots_also_when_they_only_look_contiguous():
    base = np.arange(8, dtype=np.float16).reshape(4, 2)
    blocks = list(Rows(base).blocks(np.array([0, 2, 1, 3])))
    assert np.array_equal(blocks[0][1], base[[0, 2, 1, 3]])


def written(path, array):
    write_rows(path, iter([(0, array)]), array.dtype.type, array.shape)
    return path


@pytest.mark.parametrize("shape", [(0, 4), (3, 4)])
def test_a_file_comes_back_read_only(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.float16).reshape(shape)
    path = written(tmp_path / "a.npy", array)
    found = read_rows(path, np.float16, shape)
    assert np.array_equal(found, array)
    assert np.array_equal(np.load(path, allow_pickle=False), array)
    assert [file.name for file in tmp_path.iterdir()] == ["a.npy"]


def test_a_file_that_is_being_read_can_be_replaced(tmp_path):
    path = written(tmp_path / "a.npy", np.zeros((1000, 4), np.float32))
    old = read_rows(path, np.float32, (1000, 4))
    written(path, np.ones((1000, 4), np.float32))
    assert old.max() == 0
    assert read_rows(path, np.float32, (1000, 4)).min() == 1


def damage(kind, path):
    content = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "pickle":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif kind == "fortran":
        np.save(path, np.asfortranarray(np.ones((3, 4), np.float32)))
    elif kind == "other type":
        np.save(path, np.ones((3, 4), np.float64))
    elif kind == "other shape":
        np.save(path, np.ones((4, 3), np.float32))
    else:
        header = {
            "empty": b"",
            "cut": content[:-1],
            "longer": content + b"\0",
            "zip": b"PK\x03\x04" + content[4:],
            "version": content[:6] + b"\x03\x00" + content[8:],
            "nested": content[:8] + b"\xff\x27" + b"(" * 0x27FF,
            "minus": content[:8] + b"\xff\x27" + b"-" * 0x27FE + b"1",
            "code": content[:10] + b"{'descr': __import__('os').system('true')}".ljust(118) + content[128:],
            "huge": content.replace(b"(3, 4)", b"(9**9)"),
            "negative": content.replace(b"(3, 4)", b"(-3,4)"),
        }[kind]
        path.write_bytes(header)


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "folder",
        "pickle",
        "fortran",
        "other type",
        "other shape",
        "empty",
        "cut",
        "longer",
        "zip",
        "version",
        "nested",
        "minus",
        "code",
        "huge",
        "negative",
    ],
)
def test_a_damaged_or_hostile_file_is_named(tmp_path, kind):
    path = written(tmp_path / "a.npy", np.ones((3, 4), np.float32))
    damage(kind, path)
    with pytest.raises(IntegrityError, match=r"a\.npy"):
        read_rows(path, np.float32, (3, 4))


def test_a_shape_that_would_fill_the_memory_allocates_nothing(tmp_path):
    path = written(tmp_path / "a.npy", np.ones((3, 4), np.float32))
    with pytest.raises(IntegrityError, match="build the index again"):
        read_rows(path, np.float32, (2**40, 2**16))
