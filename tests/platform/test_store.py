"""The store: what goes in comes out, in open formats, whole or not at all."""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import BaseModel

from tasks.platform.errors import IntegrityError
from tasks.platform.kinds import kind_of
from tasks.platform.memo import Memo
from tasks.platform.storage import Folder
from tasks.platform.store import Store, Stored, digest_file, digest_path


class Bag:
    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers

    def save(self, folder: Path) -> None:
        np.save(folder / "numbers.npy", self.numbers, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(np.load(folder / "numbers.npy", allow_pickle=False))


class Pair(NamedTuple):
    left: np.ndarray
    right: np.ndarray


class Note(BaseModel):
    text: str
    size: float | None = None


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "folder" else f"memory://{tmp_path.name}/store")


@given(hnp.arrays(st.sampled_from(["f2", "f4", "i8", "u1", "?"]), hnp.array_shapes(max_dims=3, max_side=5)))
@budget(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_come_back_as_they_were(tmp_path: Path, array: np.ndarray) -> None:
    store = Store(str(tmp_path / "store"))
    back = store.load(store.put(array), np.ndarray)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_frames_records_and_folders_come_back(place: Store) -> None:
    frame = pd.DataFrame({"text": ["ä", None], "n": [1, 2], "hash": np.array([1, 2**63], dtype="u8")})
    pd.testing.assert_frame_equal(place.load(place.put(frame)), frame)
    assert place.load(place.put(Note(text="ü", size=float("nan"))), Note) == Note(text="ü", size=None)
    assert place.load(place.put([Note(text="a")]), list[Note]) == [Note(text="a")]
    assert place.load(place.put({"a": [1, None, "x"]})) == {"a": [1, None, "x"]}
    assert place.load(place.put(b"\x00bytes")) == b"\x00bytes"
    bag = place.load(place.put(Bag(np.arange(5))), Bag | None)
    np.testing.assert_array_equal(bag.numbers, np.arange(5))


class Measured(BaseModel):
    name: str
    value: float
    parts: dict[str, float]
    rows: list[tuple[int, float]]
    limit: float | None = None


def test_a_number_that_is_none_comes_back_as_such(place: Store) -> None:
    nan, inf = float("nan"), float("inf")
    written = Measured(name="a", value=nan, parts={"x": 1.0, "y": inf}, rows=[(1, 2.0), (2, nan)], limit=nan)
    read = place.load(place.put([written]), list[Measured])[0]
    assert np.isnan([read.value, read.parts["y"], read.rows[1][1]]).all()
    assert (read.name, read.parts["x"], read.rows[0], read.limit) == ("a", 1.0, (1, 2.0), None)


@pytest.mark.parametrize("content", ['[{"name": null}]', "[{}]", "[null]", '{"name": 1}'])
def test_a_record_of_another_shape_is_not_read(place: Store, content: str) -> None:
    import json

    with pytest.raises(ValueError, match="validation error"):
        place.load(place.put(json.loads(content)), list[Measured])


def test_equal_results_are_one_object(place: Store) -> None:
    assert place.put(np.arange(3)).digest == place.put(np.arange(3)).digest
    assert place.put(Bag(np.arange(3))).digest == place.put(Bag(np.arange(3))).digest
    assert place.put(np.arange(3)).digest != place.put(np.arange(3).astype("f4")).digest


def test_models_come_back_without_pickle(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    store = Store(str(tmp_path / "store"))
    model = LinearRegression().fit(np.arange(4).reshape(-1, 1), np.arange(4) * 2.0)
    back = store.load(store.put(model))
    assert back.coef_ == pytest.approx(2.0)
    assert zipfile.is_zipfile(store.path(store.put(model)))


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    from scipy.sparse import csr_array
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rows = np.random.default_rng(1).normal(size=(80, 3))
    words = [f"file {number % 7} __id__ {number % 3}" for number in range(80)]

    def fitted() -> dict[str, Any]:
        shared = np.arange(3.0)
        forest = RandomForestRegressor(4, random_state=1).fit(rows, rows[:, 0])
        forest.twice_ = [shared, shared, csr_array(np.eye(2)), {"file": "x", "__id__": "y"}]
        trees = HistGradientBoostingRegressor(max_iter=3, random_state=0)
        boosting = make_pipeline(OneHotEncoder(sparse_output=False), trees)
        return {
            "forest": forest,
            "boosting": boosting.fit(np.sign(rows), rows[:, 1]),
            "words": TfidfVectorizer(ngram_range=(1, 2)).fit(words),
        }

    store, first = Store(str(tmp_path / "store")), fitted()
    keep = [np.ones(1000) for _ in range(50)]  # so that the second fit lies elsewhere in memory
    second = fitted()
    assert len(keep) == 50
    for name, model in first.items():
        stored = store.put(model)
        assert stored.digest == store.put(second[name]).digest, name
        back = store.load(stored)
        if name == "words":
            assert (back.transform(words) != model.transform(words)).nnz == 0
        else:
            asked = rows if name == "forest" else np.sign(rows)
            np.testing.assert_array_equal(back.predict(asked), model.predict(asked))
    back = store.load(store.put(first["forest"])).twice_
    assert back[3] == {"file": "x", "__id__": "y"}
    np.testing.assert_array_equal(back[1], np.arange(3.0))
    other = RandomForestRegressor(4, random_state=2).fit(rows, rows[:, 0])
    assert store.put(other).digest != store.put(first["forest"]).digest


def test_equal_figures_are_equal_files(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    def draw() -> Figure:
        figure = Figure()
        figure.subplots().plot([1, 2, 3])
        return figure

    store = Store(str(tmp_path / "store"))
    assert store.put(draw()).digest == store.put(draw()).digest


@pytest.mark.parametrize("value", [object(), np.array([object()], dtype=object), {1, 2}, lambda: 1])
def test_what_has_no_open_format_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no open format"):
        kind_of(value)


def test_what_can_only_be_saved_or_only_be_loaded_is_no_folder() -> None:
    class OnlySave:
        def save(self, folder: Path) -> None: ...

    class OnlyLoad:
        @classmethod
        def load(cls, folder: Path) -> None: ...

    assert kind_of(Bag(np.arange(1))).name == "folder"
    for value in (OnlySave(), OnlyLoad()):
        with pytest.raises(TypeError, match="no open format"):
            kind_of(value)


def test_an_array_file_that_holds_a_pickle_is_not_opened(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    file = tmp_path / "hostile.npy"
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    digest = digest_file(file)
    stored = store.put(np.arange(3)).model_copy(update={"digest": digest, "uri": f"objects/{digest[:2]}/{digest}.npy"})
    store.folder.put(file, stored.uri)
    with pytest.raises(ValueError, match="Python objects"):
        store.load(stored)


@pytest.mark.parametrize("way", ["damaged", "exchanged"])
def test_an_object_that_is_not_the_recorded_one_is_not_loaded(place: Store, way: str) -> None:
    first, second = place.put({"a": 1}), place.put({"a": 2})
    assert place.load(first) == {"a": 1}
    content = (place.folder.read_bytes(second.uri) or b"")[: None if way == "exchanged" else -1]
    place.folder.write_bytes(first.uri, content)
    if place.local_root is None:
        place.path(first).unlink()
    assert not place.intact(first)
    with pytest.raises(IntegrityError, match="run again"):
        place.load(first)


def test_parts_that_were_exchanged_are_noticed(place: Store) -> None:
    pair = place.put(Pair(np.arange(3), np.arange(4)))
    assert place.intact(pair)
    turned = pair.model_copy(update={"parts": {"left": pair.right, "right": pair.left}})
    assert not place.intact(turned)


def test_a_file_is_digested_once_as_long_as_it_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    plain = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: read.append(file.name) or plain(file, name))
    file = tmp_path / "data.csv"
    file.write_bytes(b"one")
    os.utime(file, (1, 1))
    assert len({digest_file(file) for _ in range(3)} | {digest_path(file)}) == 1
    assert len(read) == 1
    file.write_bytes(b"two")  # as long, and with its old time
    os.utime(file, (1, 1))
    assert digest_file(file) == hashlib.sha256(b"two").hexdigest()
    other = tmp_path / "other.csv"
    other.write_bytes(b"six")
    os.utime(other, (1, 1))
    other.replace(file)
    assert digest_file(file) == hashlib.sha256(b"six").hexdigest()
    for content in (b"1", b"2", b"3"):  # at once, one after the other, within one tick of the clock
        file.write_bytes(content)
        assert digest_file(file) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("value", [np.arange(10_000_000), {"a": 1}])
def test_what_was_just_written_is_not_read_again_to_be_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    read: list[str] = []
    plain = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: read.append(file.name) or plain(file, name))
    store = Store(str(tmp_path / "store"))
    stored = store.put(value)
    for _ in range(3):
        assert store.intact(stored)
        store.load(stored)
    assert len(read) == 1 or stored.bytes < 100  # what is written and digested within a tick may be read anew


def test_damage_anywhere_in_a_folder_is_noticed(place: Store) -> None:
    stored = place.put(Bag(np.arange(5)))
    assert place.intact(stored)
    content = bytearray(place.folder.read_bytes(f"{stored.uri}/numbers.npy") or b"")
    content[-1] ^= 1
    place.folder.write_bytes(f"{stored.uri}/numbers.npy", bytes(content))
    copy = place.path(stored)
    if place.local_root is None:  # the fetched copy is what is used, so that is damaged too
        (copy / "numbers.npy").write_bytes(content)
    assert not place.intact(stored)
    place.put(Bag(np.arange(5)))
    assert place.intact(stored)


def test_a_missing_object_says_what_to_do(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    stored = store.put([1])
    store.path(stored).unlink()
    with pytest.raises(IntegrityError, match="run again"):
        store.load(stored)


def test_a_failing_write_leaves_nothing(tmp_path: Path) -> None:
    class Half(Bag):
        def save(self, folder: Path) -> None:
            super().save(folder)
            raise OSError(28, "No space left on device")

    store = Store(str(tmp_path / "store"))
    with pytest.raises(OSError, match="No space"):
        store.put(Half(np.arange(3)))
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out"])
def test_names_do_not_leave_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="leaves its folder"):
        Folder(str(tmp_path)).write_bytes(name, b"")


def test_a_part_that_does_not_exist_is_named() -> None:
    stored = Stored(kind="parts", digest="0" * 64, stage="split", parts={"a": Stored(kind="record", digest="1" * 64)})
    assert stored.a.digest == "1" * 64
    with pytest.raises(AttributeError, match=r"split.*'b'.*\['a'\]"):
        _ = stored.b


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_memo_keeps_whole_segments_and_drops_damaged_ones(tmp_path: Path, kind: str) -> None:
    url = str(tmp_path / "s") if kind == "folder" else f"memory://{tmp_path.name}/s"
    memo = Memo("vectors/x", url)
    assert list(memo.segments()) == []
    memo.append(pa.table({"key": ["a"], "n": [1]}))
    memo.append(pa.table({"key": ["b"], "n": [2]}))
    memo.append(pa.table({"key": ["b"], "n": [2]}))  # the same again is the same segment
    assert sorted(row["key"] for part in memo.segments() for row in part.to_pylist()) == ["a", "b"]
    name = memo.folder.names(".parquet")[0]
    content = memo.folder.read_bytes(name) or b""
    memo.folder.write_bytes(name, content[:-3] + b"xyz")
    assert len(list(memo.segments())) == 1
    assert len(memo.folder.names(".parquet")) == 1


def test_a_column_of_missing_texts_is_written_as_text(tmp_path: Path) -> None:
    """Without a type of its own Spark would not read it as text; many cities' listings have no neighbourhood_group."""
    import pyarrow.parquet as pq

    store = Store(str(tmp_path / "store"))
    frame = pd.DataFrame({"group": np.array([None, None], object), "name": ["a", None], "n": [1, 2]})
    for given_frame in (
        frame,
        frame.set_index("n"),
        frame.head(0),
        frame.assign(at=pd.Timestamp("2020-03-17").as_unit("us")),
    ):
        stored = store.put(given_frame)
        pd.testing.assert_frame_equal(store.load(stored), given_frame)
        schema = pq.read_schema(next(iter((tmp_path / "store").rglob(f"*{stored.digest}*"))))
        assert schema.field("group").type == pa.string()
        assert "null" not in map(str, schema.types)
