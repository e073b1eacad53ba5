"""The store on object storage: the same promises behind an s3 address (a server on this machine that speaks S3)."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.platform.memo import Memo
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.store import store
from tasks.platform.store.contents import damaged, sizes
from tasks.platform.store.prune import plan

moto = pytest.importorskip("moto.server", reason="moto is not installed: no S3 server to test against")
pytestmark = pytest.mark.usefixtures("prefect_server")
calls: list[str] = []


@stage(phase="Modelling")
def numbers(count: int) -> np.ndarray:
    calls.append("numbers")
    return np.arange(count)


@stage(phase="Evaluation")
def total(values: np.ndarray) -> int:
    calls.append("total")
    return int(values.sum())


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import boto3
    import s3fs

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"casebook-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    monkeypatch.setenv("CASEBOOK_STORE", f"s3://{name}/store")
    settings.cache_clear()
    yield name
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def in_flow(body: Any) -> Any:
    from prefect import flow

    return flow(name="test")(body)()


def test_stages_on_object_storage(bucket: str, home: Path) -> None:
    calls.clear()
    first = in_flow(lambda: total(numbers(5)))
    assert first.load() == 10
    assert in_flow(lambda: total(numbers(5))) == first
    assert calls == ["numbers", "total"]
    array = in_flow(lambda: numbers(5))
    content = bytearray(store().folder.read_bytes(array.uri) or b"")
    content[-8] ^= 1
    store().folder.write_bytes(array.uri, bytes(content))
    for copy in (home / "fetched").iterdir():
        copy.unlink()
    assert in_flow(lambda: total(numbers(5))).load() == 10
    assert calls == ["numbers", "total", "numbers"]
    assert [line["stage"] for line in store().lineage(first.digest)] == ["total", "numbers"]


def test_memo_on_object_storage(bucket: str) -> None:
    import pyarrow as pa

    memo = Memo("rows")
    memo.append(pa.table({"key": ["a"]}))
    memo.append(pa.table({"key": ["b"]}))
    assert sum(len(part) for part in memo.segments()) == 2
    stored = store().put({"a": 1})
    assert [(size.kind, size.number) for size in sizes(store())] == [("record", 1), ("(memo)", 2)]
    assert list(damaged(store())) == []
    assert plan(store(), days=1).objects == []  # it is not a day old
    assert store().intact(stored)
