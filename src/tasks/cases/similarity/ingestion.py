"""Where are the pictures? The sample, the public original, or the user's own folder, archive or address."""

import shutil
import uuid
import zipfile
from pathlib import Path

from pydantic import BaseModel, Field

from tasks.cases.similarity.originals import ORIGINALS
from tasks.cases.similarity.sample import sample_folder
from tasks.ingestion.asked import FETCHED, MOST_BYTES, OWN, existing, fetched, is_address, name_of
from tasks.ingestion.buckets import is_bucket
from tasks.ingestion.files import Data, Source, noted
from tasks.ingestion.pictures.manifest import Engine, Labels, read_pictures, scan_pictures
from tasks.platform.errors import IntegrityError
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.store import Stored, digest_file

(PUBLIC,) = ORIGINALS
INNER = "101_ObjectCategories.tar.gz"  # in the published zip, beside annotations


class Place(BaseModel):
    """Where a collection and its queries lie."""

    name: str = Field(description="short name of the collection, for the registry of models")
    source: str = Field(description="what the user asked for")
    collection: str = Field(description="path of the folder or archive")
    query: str = Field(description='path of a picture or a folder of pictures; "" when none was given')
    sha256: str = Field("", description="SHA-256 of an archive; empty for a folder")
    note: str = ""


def read_collection(
    place: Place, labels: Labels, exclude: list[str], merge: list[str], limit: int, engine: Engine = "local"
) -> tuple[Stored, Data]:
    """List and read the pictures of a collection: its files, and its manifest with what cannot be used.

    Args:
        place: as `locate_pictures` finds it.
        labels: whether top sub-folders are labels.
        exclude: labels to leave out.
        merge: labels to put together.
        limit: read at most this many files; 0 reads all.
        engine: where they are read.
    """
    listing = scan_pictures(place.collection)
    pictures = read_pictures(listing, place.collection, labels, exclude, merge, limit or None, engine)
    sha256 = place.sha256 or pictures.manifest.digest  # that of a folder is its manifest's: names and contents
    where = Source(name=place.name, source=place.source, files=[], sha256=sha256, note=place.note)
    return listing, noted(Data(where, pictures.manifest, pictures.quarantine, pictures))


@stage(phase="Data understanding", live=True)
def locate_pictures(source: str, query: str = "") -> Place:
    """Find the collection and the pictures to look for.

    Args:
        source: `sample`, `public` (Caltech-101), a folder, a zip or tar archive, the https address of one, or the
            address of a folder of object storage.
        query: a picture or a folder of pictures; by default the sample's unseen view of the coffee cup for `sample` and
            `public`, and pictures of the collection itself otherwise.

    Raises:
        UsageError: a path that does not exist or is no picture source.
        CasebookError: a download that failed.
    """
    path, note = _collection(source)
    named = {"sample": "sample", "public": PUBLIC}
    if query:
        asked = str(existing(query, "a picture, or a folder of pictures, as the query"))
    else:
        asked = str(sample_folder() / "queries" / "coffee.jpg") if source in named else ""
    return Place(
        name=named.get(source) or name_of(source, "pictures"),
        source=source,
        collection=path,
        query=asked,
        sha256=digest_file(Path(path)) if not is_bucket(path) and Path(path).is_file() else "",
        note=note,
    )


def _collection(source: str) -> tuple[str, str]:
    """Return the path of a source, fetched first where it is remote, and a note on where it comes from."""
    if source == "sample":
        return str(sample_folder() / "collection"), "embedded sample: views of photographs that come with the packages"
    if source == "public":
        from tasks.platform.downloads import fetch, original

        item = original(PUBLIC)
        return str(_unwrapped(fetch(PUBLIC))), f"{item.what}, {item.licence}"
    if is_bucket(source):
        return source, "read where it lies; its content is not pinned"
    if is_address(source):
        return str(fetched(source)), FETCHED
    return str(existing(source, "sample, public, a folder of pictures, or a zip or tar archive of them")), OWN


def _unwrapped(archive: Path) -> Path:
    """Return the archive of pictures inside a published zip, copied into the cache; the zip when it has none."""
    with zipfile.ZipFile(archive) as outer:
        inner = next((item for item in outer.infolist() if item.filename.endswith(f"/{INNER}")), None)
        if inner is None:
            return archive
        target = settings().cache_folder / f"{digest_file(archive)[:12]}-{INNER}"
        if target.is_file() and target.stat().st_size == inner.file_size:
            return target
        if inner.file_size > MOST_BYTES:
            raise IntegrityError(
                f"{archive}: {inner.filename} claims {inner.file_size:,} bytes; fetch the archive anew."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
        try:
            with outer.open(inner) as content, part.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target
