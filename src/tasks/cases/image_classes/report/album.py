"""Thumbnails of the pictures that a report shows; what cannot be shown any more is left blank."""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from tasks.features.pictures.queries import is_archive
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.manifest import thumbnail
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import CasebookError


class Album:
    """The pictures of all collections of a run, and those that it was asked about."""

    def __init__(self, manifest: pd.DataFrame, collections: list[str], picture: str) -> None:
        self.manifest = manifest
        self.sources = [open_source(place) for place in collections]
        self.picture = Path(picture) if picture else None

    def __enter__(self) -> "Album":
        return self

    def __exit__(self, *_: object) -> None:
        for source in self.sources:
            source.close()

    def path(self, number: int) -> str:
        """Return the path of a picture of the manifest."""
        return str(self.manifest["path"].iloc[number])

    def thumbnail(self, number: int, side: int = 140) -> bytes:
        """Return a picture of the manifest as JPEG."""
        row = self.manifest.iloc[number]
        with suppress(PictureError):
            return thumbnail(self.sources[int(row["collection"])], str(row["file"]), side)
        return b""

    def asked(self, path: str, side: int = 320) -> bytes:
        """Return a picture that the run was asked about as JPEG."""
        if self.picture is None:
            return b""
        with suppress(PictureError, CasebookError):
            if self.picture.is_file() and not is_archive(self.picture):
                return thumbnail(self.picture.parent, self.picture.name, side)
            return thumbnail(self.picture, path, side)
        return b""
