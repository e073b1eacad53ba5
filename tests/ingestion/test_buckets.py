"""Files behind addresses of object storage: copied with their folders, once, bounded, or refused in a sentence."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tasks.ingestion import buckets
from tasks.ingestion.buckets import answering, fetched_below, is_bucket
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.settings import settings

WAYS = Ways(suffixes=(".csv", ".gz"), several=True, nested=True)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket with two exports and a note, on a server on this machine that speaks S3."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed: no S3 server to test against")
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
    client = boto3.client("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in ("costs/20260901-20260930/run/part_1.csv", "costs/other.CSV.gz", "costs/manifest.json"):
        client.put_object(Bucket=name, Key=key, Body=key.encode())
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_a_folder_of_a_bucket_is_read_like_one_of_this_machine(bucket: str) -> None:
    source = locate.fn(f"{bucket}/costs", WAYS)
    names = ["/".join(file.parts[-3:]) for file in source.files]
    assert names[0] == "20260901-20260930/run/part_1.csv"
    assert [file.read_text() for file in source.files] == [
        "costs/20260901-20260930/run/part_1.csv",
        "costs/other.CSV.gz",
    ]
    single = locate.fn(f"{bucket}/costs/other.CSV.gz", WAYS).files
    assert [file.name for file in single] == ["other.CSV.gz"]


def test_an_unchanged_file_is_fetched_once_and_a_changed_one_again(bucket: str) -> None:
    first = fetched_below(f"{bucket}/costs", (".csv",))
    before = first[0].stat().st_mtime_ns
    assert fetched_below(f"{bucket}/costs", (".csv",)) == first
    assert first[0].stat().st_mtime_ns == before
    system = fsspec.filesystem("s3")
    system.pipe_file(f"{bucket}/costs/20260901-20260930/run/part_1.csv", b"other")
    fresh = fetched_below(f"{bucket}/costs", (".csv",))
    assert fresh != first
    assert fresh[0].read_bytes() == b"other"


def test_what_is_not_there_is_said(bucket: str) -> None:
    for address in (f"{bucket}/nothing", "s3://no-such-bucket-anywhere/x"):
        with pytest.raises((UsageError, TransientError), match=r"nothing is there|0 files|does not answer"):
            fetched_below(address, (".csv",))


def test_addresses_that_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_bucket("abfs://container@account.dfs.core.windows.net/exports")
    assert is_bucket("gs://bucket/x")
    assert not any(map(is_bucket, ("https://x.example/y", "/tmp/x", "file:///etc", "memory://x", "C:\\x")))
    for address in ("s3://key:secret@bucket/x", "az://container/x?sig=abc"):
        with pytest.raises(UsageError, match="credentials"):
            fetched_below(address, (".csv",))
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE"):
        fetched_below("s3://bucket/x", (".csv",))


def test_names_cannot_leave_the_cache_and_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setitem(buckets.SCHEMES, "memory", "")
    system = fsspec.filesystem("memory")
    root = f"/{uuid.uuid4().hex}"
    system.pipe_file(f"{root}/a/..odd/<x>.csv", b"1")
    (file,) = fetched_below(f"memory:/{root}", (".csv",))
    assert file.is_relative_to(home / "cache" / "buckets")
    assert file.read_bytes() == b"1"
    monkeypatch.setattr(buckets, "MOST_BYTES", 0)
    with pytest.raises(UsageError, match="at least one"):
        fetched_below(f"memory:/{root}", (".csv",))
    system.rm(root, recursive=True)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise ImportError("adlfs")

    monkeypatch.setattr(fsspec.core, "url_to_fs", absent)
    with pytest.raises(UsageError, match=r"casebook\[azure\]"):
        fetched_below("abfs://c@a.dfs.core.windows.net/x", (".csv",))


def test_without_credentials_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the storage's own library raises is no error of the system: it came as a traceback."""
    import s3fs

    from tasks.ingestion.pictures.stored import StoredSource

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(UsageError, match=r"s3://bucket/x: no credentials for it are to be found"):
        fetched_below("s3://bucket/x", (".csv",))
    with pytest.raises(UsageError, match=r"s3://bucket/x: no credentials for it are to be found"):
        list(StoredSource("s3://bucket/x").entries())
    s3fs.S3FileSystem.clear_instance_cache()


def test_whatever_library_says_that_a_storage_is_away_it_is_told_and_our_own_faults_are_not() -> None:
    from aiohttp.client_exceptions import ServerTimeoutError
    from botocore.exceptions import EndpointConnectionError

    for error in (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), ServerTimeoutError(), TimeoutError()):
        with pytest.raises(TransientError, match="s3://bucket does not answer"), answering("s3://bucket"):
            raise error
    with pytest.raises(KeyError), answering("s3://bucket"):
        raise KeyError("a fault of ours")
