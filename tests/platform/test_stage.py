"""Stages: keys that mean the content, results that are used again exactly when they may be, and a pedigree."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tasks.platform.arguments import canonical
from tasks.platform.errors import IntegrityError, TransientError, UsageError
from tasks.platform.run import open_run
from tasks.platform.stage import Stage, Unkeyed, stage
from tasks.platform.store import Stored, store

pytestmark = pytest.mark.usefixtures("prefect_server")
calls: list[str] = []


class Pair(NamedTuple):
    table: pd.DataFrame
    array: np.ndarray


class Setting(BaseModel):
    depth: int = 3
    names: list[str] = []


@stage(phase="Data understanding")
def read(file: Path) -> pd.DataFrame:
    calls.append("read")
    return pd.read_csv(file)


@stage(phase="Data preparation")
def split(table: pd.DataFrame, setting: Setting, where: Annotated[str, Unkeyed] = "here") -> Pair:
    calls.append("split")
    return Pair(table.head(setting.depth), table["x"].to_numpy())


@stage(phase="Evaluation")
def total(table: pd.DataFrame, array: np.ndarray) -> dict[str, int]:
    calls.append("total")
    assert isinstance(array, np.memmap)
    return {"total": int(table["x"].sum() + array.sum())}


class Whole(NamedTuple):
    array: "np.ndarray"  # as a name that is imported for type checking only is written
    summary: Setting  # a part may be called as a field of the record itself


class Some(NamedTuple):
    summary: Setting


class Odd(NamedTuple):
    nothing: Setting


@stage(phase="Data preparation")
def several(number: int, depth: int) -> Whole:
    calls.append("several")
    return Whole(np.full(2, number), Setting(depth=depth))


@stage(phase="Evaluation")
def together(parts: Whole, more: dict[str, Some], none: Whole | None = None) -> int:
    calls.append("together")
    assert isinstance(parts, Whole)
    assert isinstance(parts.array, np.memmap)
    return int(parts.array.sum()) + sum(some.summary.depth for some in more.values())


@stage(phase="Evaluation")
def narrow(parts: Some | None) -> int:
    calls.append("narrow")
    return parts.summary.depth if parts else -1


@stage(phase="Evaluation")
def odd(parts: Odd) -> int:
    return parts.nothing.depth


@stage(phase="Evaluation")
def no_tuple(parts: pd.DataFrame) -> int:
    return len(parts)


@stage(phase="Data understanding", live=True)
def clock(answer: int) -> dict[str, int]:
    calls.append("clock")
    return {"answer": answer}


@stage(phase="Evaluation")
def after_clock(record: dict[str, int]) -> int:
    calls.append("after_clock")
    return record["answer"]


@stage(phase="Modelling")
def broken() -> int:
    calls.append("broken")
    raise ValueError("no such luck")


@stage(phase="Data understanding", retries=2, retry_seconds=0.01)
def flaky(fault: str) -> str:
    calls.append("flaky")
    if calls.count("flaky") < 3:
        raise TransientError("try again") if fault == "network" else ValueError("never again")
    return "done"


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


def in_flow(body: Any) -> Any:
    from prefect import flow

    return flow(name="test")(body)()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "table.csv"
    file.write_text("x\n1\n2\n3\n4\n")
    return file


def chain(file: Path, depth: int = 3, where: str = "here") -> Stored:
    parts = split(read(file), Setting(depth=depth), where)
    return total(parts.table, parts.array)


def test_nothing_is_done_twice(table: Path) -> None:
    first = in_flow(lambda: chain(table))
    assert first.load() == {"total": 16}
    assert calls == ["read", "split", "total"]
    assert in_flow(lambda: chain(table)) == first
    assert calls == ["read", "split", "total"]


def test_a_file_counts_by_its_content(table: Path, tmp_path: Path) -> None:
    in_flow(lambda: chain(table))
    copy = tmp_path / "elsewhere.csv"
    copy.write_bytes(table.read_bytes())
    in_flow(lambda: chain(copy))
    assert calls == ["read", "split", "total"]
    table.write_text("x\n1\n2\n3\n5\n")
    assert in_flow(lambda: chain(table)).load() == {"total": 17}
    assert calls.count("read") == 2


def test_an_input_that_comes_out_the_same_stops_the_recomputation(table: Path) -> None:
    in_flow(lambda: chain(table))
    table.write_text("x\n1\n2\n3\n4\n\n")  # another file, the same table
    in_flow(lambda: chain(table))
    assert calls == ["read", "split", "total", "read"]


def test_plain_arguments_count_and_places_do_not(table: Path) -> None:
    in_flow(lambda: chain(table))
    in_flow(lambda: chain(table, where="there"))
    assert calls.count("split") == 1
    in_flow(lambda: chain(table, depth=2))
    assert calls.count("split") == 2


def test_a_live_stage_always_runs_and_what_follows_does_not() -> None:
    for _ in range(2):
        in_flow(lambda: after_clock(clock(7)))
    assert calls == ["clock", "after_clock", "clock"]
    in_flow(lambda: after_clock(clock(8)))
    assert calls[3:] == ["clock", "after_clock"]


def test_several_parts_are_taken_together_and_count_by_what_they_hold() -> None:
    def body(number: int, depth: int) -> list[Any]:
        parts = several(number, depth)
        return [together(parts, {"a": parts, "b": parts}).load(), narrow(parts).load()]

    assert in_flow(lambda: body(5, 3)) == [16, 3]
    assert calls == ["several", "together", "narrow"]
    in_flow(lambda: body(5, 3))
    assert calls == ["several", "together", "narrow"]
    assert in_flow(lambda: body(6, 3)) == [18, 3]
    assert in_flow(lambda: body(6, 4)) == [20, 4]
    assert calls.count("together") == 3
    assert in_flow(lambda: narrow(None)).load() == -1


def test_parts_that_a_stage_does_not_name_are_not_read() -> None:
    parts = in_flow(lambda: several(5, 3))
    store().path(parts.array).unlink()
    assert in_flow(lambda: narrow(parts)).load() == 3
    with pytest.raises(IntegrityError, match="missing"):
        in_flow(lambda: together(parts, {}))


def test_parts_that_do_not_fit_are_refused() -> None:
    parts = in_flow(lambda: several(5, 3))
    with pytest.raises(TypeError, match=r"has no part 'nothing'; it has \['array', 'summary'\]"):
        in_flow(lambda: odd(parts))
    with pytest.raises(TypeError, match=r"returned several things; take one of \['array', 'summary'\]"):
        in_flow(lambda: no_tuple(parts))


def test_the_pedigree_names_every_part_that_is_handed_over() -> None:
    def body() -> tuple[Stored, Stored]:
        parts = several(5, 3)
        return parts, together(parts, {"a": parts})

    parts, result = in_flow(body)
    digests = [parts.array.digest, parts.parts["summary"].digest]
    assert store().pedigree(result.digest)[0]["inputs"] == {"parts": digests, "more": digests}


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "empty"])
def test_a_damaged_object_is_noticed_and_made_again(table: Path, damage: str) -> None:
    first = in_flow(lambda: read(table))
    path = store().path(first)
    whole = path.read_bytes()
    content = bytearray(whole)
    content[len(content) // 2] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes({"flip": bytes(content), "truncate": whole[:-1], "empty": b""}[damage])
    again = in_flow(lambda: read(table))
    assert calls == ["read", "read"]
    assert again.digest == first.digest
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"{", b'{"metadata":{}}', b"\x80\x04."])
def test_a_damaged_record_is_made_again(table: Path, content: bytes) -> None:
    first = in_flow(lambda: read(table))
    (Path(store().folder.root) / "records" / first.key).write_bytes(content)
    assert in_flow(lambda: read(table)) == first
    assert calls == ["read", "read"]


def test_a_record_that_asks_for_pickle_is_not_read(table: Path, tmp_path: Path) -> None:
    first = in_flow(lambda: read(table))
    record = Path(store().folder.root) / "records" / first.key
    hostile = record.read_text().replace('"type":"json"', '"type":"pickle"')
    assert hostile != record.read_text()
    record.write_text(hostile)
    assert store().record(first.key) is None
    assert in_flow(lambda: read(table)) == first
    assert calls == ["read", "read"]


def test_the_record_of_another_stage_is_noticed(table: Path) -> None:
    first = in_flow(lambda: read(table))
    answer = in_flow(lambda: after_clock(clock(7)))
    records = Path(store().folder.root) / "records"
    (records / first.key).write_bytes((records / answer.key).read_bytes())
    assert store().record(first.key) is None
    assert in_flow(lambda: read(table)) == first
    assert calls.count("read") == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"stage": "read", "started": 1}', None])
def test_a_damaged_pedigree_is_passed_over_and_written_anew(table: Path, content: bytes | None) -> None:
    result = in_flow(lambda: chain(table))
    whole = store().lineage(result.digest)
    file = Path(store().folder.root) / "pedigree" / result.digest / f"{result.key}.json"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert store().lineage(result.digest) == []
    assert in_flow(lambda: chain(table)) == result
    again = store().lineage(result.digest)
    assert again[0] == whole[0] | {"started": None, "seconds": None}  # when it was made is not known any more
    assert again[1:] == whole[1:]
    assert calls == ["read", "split", "total"]


def test_a_key_is_worked_out_once_a_call(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    plain = Stage.key

    def counted(self: Stage[Any, Any], arguments: dict[str, Any]) -> str:
        asked.append(self.options.name)
        return plain(self, arguments)

    monkeypatch.setattr(Stage, "key", counted)
    result = in_flow(lambda: after_clock(clock(7)))
    assert asked == ["clock", "after_clock"]
    assert store().pedigree(result.digest)[0]["key"] == result.key
    in_flow(lambda: chain(table))
    in_flow(lambda: chain(table))
    assert asked[2:] == ["read", "split", "total"] * 2


def test_the_record_of_another_object_does_not_reach_outside_the_store(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text("1")
    stored = Stored(kind="record", digest="0" * 64, uri="../../secret.json")
    assert not store().intact(stored)
    with pytest.raises(Exception, match="odd place"):
        store().load(stored)


def test_a_failure_is_never_kept() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no such luck"):
            in_flow(lambda: broken())
    assert calls == ["broken", "broken"]


def test_only_a_passing_fault_is_retried() -> None:
    assert in_flow(lambda: flaky("network")).load() == "done"
    assert calls.count("flaky") == 3
    calls.clear()
    with pytest.raises(ValueError, match="never again"):
        in_flow(lambda: flaky("mistake"))
    assert calls.count("flaky") == 1


def test_lineage_names_every_ancestor_with_its_parameters(table: Path) -> None:
    result = in_flow(lambda: chain(table, depth=2))
    lines = store().lineage(result.digest)
    assert [line["stage"] for line in lines] == ["total", "split", "split", "read"]  # two parts of one split
    assert lines[1]["parameters"] == {"setting": {"depth": 2, "names": []}}
    assert lines[0]["inputs"].keys() == {"table", "array"}
    assert all(line["started"] and line["seconds"] >= 0 for line in lines)


def test_the_journal_tells_what_ran(table: Path, tmp_path: Path) -> None:
    def body() -> list[str]:
        with open_run("test", tmp_path) as run:
            chain(table)
            chain(table)
            with pytest.raises(ValueError, match="no such luck"):
                broken()
            return [record.state for record in run.stages]

    assert in_flow(body) == ["ran"] * 3 + ["cached"] * 3 + ["failed"]


def test_two_processes_at_once_are_both_right(table: Path, home: Path, prefect_server: str) -> None:
    program = (
        "from pathlib import Path; import sys; from prefect import flow\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_stage as t\n"
        f"print(flow(lambda: t.chain(Path({str(table)!r})), name='x')().load())\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            env={**__import__("os").environ, "PREFECT_API_URL": prefect_server},
        )
        for _ in range(2)
    ]
    assert [run.communicate(timeout=120)[0].decode().splitlines()[-1] for run in runs] == ["{'total': 16}"] * 2
    assert not list(Path(store().folder.root).glob(".scratch/*"))


def test_an_argument_that_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError, match="result of a stage"):
        in_flow(lambda: total(pd.DataFrame({"x": [1]}), np.array([1])))
    with pytest.raises(UsageError, match="does not exist"):
        in_flow(lambda: read(Path("/no/such/file")))


def test_the_plain_function_stays_plain() -> None:
    assert after_clock.fn({"answer": 3}) == 3
    assert after_clock.__name__ == "after_clock"


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(plain, plain)
def test_different_arguments_have_different_keys(left: Any, right: Any) -> None:
    import json

    same = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
    assert (json.dumps(canonical(left)) == json.dumps(canonical(right))) == same
