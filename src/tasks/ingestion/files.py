"""Where is the table? The sample, the pinned public original, or the user's own file, folder or address.

The way in that all cases about tables share. A case says how its sample is written, which pinned downloads make its
public original, and which endings its files have; what lies inside a file is the matter of the file's own reader.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from tasks.ingestion.asked import FETCHED, OWN, existing, fetched, is_address, name_of
from tasks.ingestion.buckets import fetched_below, is_bucket
from tasks.ingestion.plain_tables import SUFFIXES, Wanted, parse_columns, plain
from tasks.platform.digests import digest_file, digest_files
from tasks.platform.errors import UsageError
from tasks.platform.run import current_run
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.storage import Folder
from tasks.platform.store import Stored

MOST_FILES = 10_000  # of a folder


class Source(BaseModel):
    """Where a case's data lie, and what they are."""

    name: str = Field(description="short name of the data, for the registry of models: letters, digits, hyphens")
    source: str = Field(description="what the user asked for")
    files: list[Path] = Field(description="the files, by name")
    sha256: str = Field(description="SHA-256 of the file; of the files' digests in order when there are several")
    note: str = Field("", description="where they come from, and their licence")

    @property
    def file(self) -> Path:
        """The only file."""
        return self.files[0]


@dataclass(frozen=True)
class Ways:
    """The ways to a case's data."""

    sample: Callable[[Path], object] | None = None  # writes the sample's files into an empty folder, always the same
    originals: Sequence[str] = ()  # names of the pinned downloads that make the public original
    suffixes: Sequence[str] = (".csv",)  # the endings that a file may have, in lower case
    several: bool = False  # whether the case reads more than one file at once
    no_public: str = ""  # why there is no public original, and what to give instead; the whole sentence
    nested: bool = False  # whether files in folders below the named one are read too
    wanted: Wanted | None = None  # the columns, where a table is read however it is saved; `suffixes` are then added to


class Data(NamedTuple):
    """What a case reads: where it came from, the table or manifest, and what could not be read."""

    where: Source
    frame: Stored  # the table, (n, columns)
    quarantine: Stored | None  # path, reason, detail
    parts: Stored  # all that the reader gave
    rows: int | None = None  # how many were read, where table and quarantine do not tell

    @property
    def name(self) -> str:
        """Short name of the data, for model names: letters, digits, hyphens."""
        return self.where.name


def noted(data: Data) -> Data:
    """Note what was read for the report of the run in progress."""
    if run := current_run():
        run.read.append(data)
    return data


@stage(phase="Data understanding", live=True)
def locate(source: str, ways: Ways, columns: str = "") -> Source:
    """Find the files of a case: the sample, the public original, or the user's own; see `locate_files`.

    Args:
        source: what the user asked for.
        ways: the case's.
        columns: what the columns of the user's own tables are called, as `parse_columns` reads it.
    """
    if source == "public" and ways.no_public:
        raise UsageError(ways.no_public)
    if not (wanted := ways.wanted):
        return locate_files(source, ways.sample, ways.originals, ways.suffixes, ways.several, ways.nested)
    called = parse_columns(columns, wanted)
    suffixes = tuple(dict.fromkeys((*ways.suffixes, *SUFFIXES)))
    where = locate_files(source, ways.sample, ways.originals, suffixes, ways.several, ways.nested)
    if source in {"sample", "public"}:
        if called:
            raise UsageError("--columns is for tables of your own; sample and public have the names that are read.")
        return where
    return where.model_copy(update={"files": [plain(file, wanted, called) for file in where.files]})


def read(source: str, ways: Ways, reader: Callable[..., Stored], *options: Any, columns: str = "") -> Data:
    """Find the data of a case and read them.

    Args:
        source: `sample`, `public`, or a path or address of the user's own.
        ways: the case's.
        reader: a stage that takes the file, or the list of files where the case reads several, and the options. It
            returns parts, `frame` and `quarantine` (`path`, `reason`, `detail`) among them.
        options: further arguments of the reader.
        columns: what the columns of the user's own table are called.
    """
    where = locate(source, ways, columns).load(Source)
    parts = reader(where.files if ways.several else where.file, *options)
    return noted(Data(where, parts.frame, parts.quarantine, parts))


def locate_files(
    source: str,
    sample: Callable[[Path], object] | None,
    originals: Sequence[str],
    suffixes: Sequence[str],
    several: bool = False,
    nested: bool = False,
) -> Source:
    """Find the files of a case; call it from the case's own stage, which is live.

    Args:
        source: `sample`, `public`, a file, a folder of files (`several` or a single one), the https address of one, or
            an abfs://, s3:// or gs:// address of either.
        sample: writes the sample's files into an empty folder, the same bytes each time.
        originals: names in `tasks.platform.downloads.ORIGINALS` of the files that make the public original.
        suffixes: the endings that a file may have, such as `.csv`, in lower case.
        several: whether the case reads more than one file at once.
        nested: whether files in folders below the named one count.

    Raises:
        UsageError: a path that does not exist, holds no such file or too many; `public` or `sample` without any.
        CasebookError: a download that failed.
    """
    files, note = _files(source, sample, originals, suffixes, several, nested)
    digests = [digest_file(file) for file in files]
    whole = digests[0] if len(files) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    name = source if source in {"sample", "public"} else name_of(source)
    return Source(name=name, source=source, files=files, sha256=whole, note=note)


def _files(
    source: str,
    sample: Callable[[Path], object] | None,
    originals: Sequence[str],
    suffixes: Sequence[str],
    several: bool,
    nested: bool,
) -> tuple[list[Path], str]:
    if source == "sample" and sample:
        return _written(sample), "embedded sample, generated by seeded code"
    if source == "public" and originals:
        from tasks.platform.downloads import fetch, original

        items = [original(name) for name in originals]
        note = "; ".join(dict.fromkeys(f"{item.what}, {item.licence}" for item in items))
        return [fetch(item.name) for item in items], note
    if is_bucket(source) and several:
        return fetched_below(source, suffixes), FETCHED
    if is_address(source):
        return [fetched(source, suffixes)], FETCHED
    ways = [name for name, there in (("sample", sample), ("public", originals)) if there]
    kinds = " or ".join(suffixes)
    path = existing(source, f"{', '.join([*ways, f'a {kinds} file'])}{', or a folder of them' if several else ''}")
    if path.is_file():
        return [path], OWN
    if not path.is_dir():
        raise UsageError(f"{source}: a device or a pipe, neither a file nor a folder; give {kinds}.")
    inside = path.rglob("*") if nested else path.iterdir()
    found = sorted(item for item in inside if item.is_file() and item.suffix.lower() in suffixes)
    if not found or len(found) > (MOST_FILES if several else 1):
        count = f"{len(found):,} {kinds} files" if found else f"no {kinds} file"
        raise UsageError(
            f"{source}: the folder holds {count}; {'give another folder' if several else 'name one file'}."
        )
    return found, OWN


def _written(sample: Callable[[Path], object]) -> list[Path]:
    """Return the sample's files, written once into a folder of the cache that bears the digest of their code.

    A note beside the folder tells what the files held when they were written: damaged ones are written anew.
    """
    from tasks.platform.sources import function_digest

    name = f"{sample.__module__.rpartition('.')[2]}-{sample.__name__}-{function_digest(sample)[:12]}"
    samples = Folder(str(settings().cache_folder / "samples"))

    def write(part: Path) -> None:
        sample(part)
        samples.write_bytes(f"{name}.json", json.dumps(digest_files(part)).encode())

    folder = samples.made(name, write, intact=lambda: _is_whole(Path(samples.root) / name))
    return sorted(item for item in folder.rglob("*") if item.is_file())


def _is_whole(folder: Path) -> bool:
    """Tell whether the files of a sample are those that were written."""
    try:
        note = folder.with_name(f"{folder.name}.json")
        return folder.is_dir() and json.loads(note.read_bytes()) == digest_files(folder)
    except (OSError, ValueError):
        return False
