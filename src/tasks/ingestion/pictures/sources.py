"""Which files does a folder, a zip or a tar hold, and how is each of them read safely?

A folder may be changed, linked in circles or hostile: a link is followed only as long as it stays inside the folder, a
real folder is listed once, and nothing but a regular file is ever opened.
"""

import errno
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tasks.ingestion.buckets import is_bucket
from tasks.ingestion.pictures.entries import (
    Entry,
    PictureError,
    PictureSource,
    escape,
    is_hidden,
    plain,
    too_large,
    unescape,
)
from tasks.ingestion.pictures.tars import is_compressed, open_tar
from tasks.ingestion.pictures.zips import ZipSource
from tasks.platform.errors import UsageError


def open_source(source: str | Path) -> PictureSource:
    """Open a folder, a zip or a tar (plain, gzip, bzip2, xz) of pictures, or a folder of object storage.

    Raises:
        UsageError: there is no such file or folder, or the file is no archive, or a broken one.
    """
    if is_bucket(str(source)):
        from tasks.ingestion.pictures.stored import StoredSource

        return StoredSource(str(source))
    path = Path(source).expanduser()
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return _open_archive(path)
    kind = "no file or folder that can be read" if os.path.lexists(path) else "no such file or folder"
    raise UsageError(f"{source}: {kind}; give a folder of pictures, or a zip or tar archive of them.")


def _open_archive(path: Path) -> PictureSource:
    """Open an archive, known by its content and not by its name."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({plain(error)}); give an archive that can.") from error
    if start[257:262] == b"ustar" or is_compressed(start):
        return open_tar(path, start)  # asked first: a tar that ends in a zip looks like a zip too
    if start.startswith(b"PK") or zipfile.is_zipfile(path):
        return ZipSource(path)
    if tarfile.is_tarfile(path):
        return open_tar(path, start)
    raise UsageError(f"{path}: neither a folder nor a zip or tar archive; give one that holds the pictures.")


class FolderSource(PictureSource):
    """The files below a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._root = os.path.realpath(folder)
        self._inside = self._root.rstrip(os.sep) + os.sep

    def close(self) -> None:
        """Nothing stays open between two reads."""

    def entries(self) -> Iterator[Entry]:
        """Yield the files in the order of their paths, then those that only a link to a folder leads to.

        One folder at a time is held in memory and sorted.
        """
        self.skipped = 0
        seen: set[tuple[int, int]] = set()
        links: list[tuple[str, str]] = []
        yield from self._walk("", self._root, seen, links)
        while links:
            # Only now is it known which folders have been listed under their own names.
            path, target = links.pop(0)
            identity = _identity(target)
            if identity in seen:
                yield Entry(path, problem="linked-twice", detail="links to a folder that is listed under another name")
            else:
                yield from self._walk(path + "/", target, seen, links)

    def _walk(
        self, prefix: str, folder: str, seen: set[tuple[int, int]], links: list[tuple[str, str]]
    ) -> Iterator[Entry]:
        """Yield the files of `folder` and below, depth first; links to folders are put off into `links`."""
        stack: list[tuple[str, Iterator[os.DirEntry[str]]]] = []
        try:
            stack.append((prefix, iter(self._listed(folder, seen))))
        except OSError as error:
            yield Entry(prefix.rstrip("/") or ".", problem="unreadable", detail=plain(error))
        while stack:
            prefix, items = stack[-1]
            item = next(items, None)
            if item is None:
                stack.pop()
                continue
            path = prefix + escape(item.name)
            try:
                if item.is_symlink():
                    yield from self._link(path, item, links)
                elif item.is_dir(follow_symlinks=False):
                    if _identity(item.path) in seen:
                        yield Entry(path, problem="symlink-loop", detail="the folder is mounted inside itself")
                    else:
                        stack.append((path + "/", iter(self._listed(item.path, seen))))
                else:
                    yield _entry(path, item.stat(follow_symlinks=False))
            except OSError as error:
                yield Entry(path, problem="unreadable", detail=plain(error))

    def _listed(self, folder: str, seen: set[tuple[int, int]]) -> list["os.DirEntry[str]"]:
        """Return the visible items of a folder so that a walk through them follows the order of whole paths."""
        seen.add(_identity(folder))
        with os.scandir(folder) as items:
            everything = list(items)
        visible = [item for item in everything if not is_hidden(item.name)]
        self.skipped += len(everything) - len(visible)
        return sorted(visible, key=lambda item: escape(item.name) + "/" * item.is_dir(follow_symlinks=False))

    def _link(self, path: str, item: "os.DirEntry[str]", links: list[tuple[str, str]]) -> Iterator[Entry]:
        target = os.path.realpath(item.path)
        try:
            status = item.stat()
        except FileNotFoundError:
            status = None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            yield Entry(path, problem="symlink-loop", detail="the symbolic link leads back to itself")
            return
        if not self._holds(target):
            yield Entry(path, problem="outside-link", detail="the symbolic link leads out of the folder")
        elif status is None:
            yield Entry(path, problem="dangling-link", detail="the symbolic link leads to nothing")
        elif not stat.S_ISDIR(status.st_mode):
            yield _entry(path, status)
        elif (os.path.realpath(Path(item.path).parent) + os.sep).startswith(target + os.sep):
            yield Entry(path, problem="symlink-loop", detail="the symbolic link leads to a folder that it lies in")
        else:
            links.append((path, target))

    def _holds(self, real: str) -> bool:
        return real == self._root or real.startswith(self._inside)

    def _first(self, path: str, size: int) -> bytes:
        # The path is resolved again: since the listing it may have become a link out of the folder, or a pipe.
        real = os.path.realpath(self._inside + unescape(path))
        if not self._holds(real):
            raise PictureError("outside-link", "the path leads out of the folder")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(real, flags), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise PictureError("not-a-file", f"this is {_kind(status.st_mode)}")
                return file.read(min(size, status.st_size + 1))
        except OSError as error:
            raise PictureError("unreadable", plain(error)) from error


def _entry(path: str, status: os.stat_result) -> Entry:
    if not stat.S_ISREG(status.st_mode):
        return Entry(path, problem="not-a-file", detail=f"this is {_kind(status.st_mode)}")
    stamp = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
    problem = too_large(status.st_size)
    return (
        replace(problem, path=path, stamp=stamp)
        if problem
        else Entry(path, status.st_size, stamp, file=f"{status.st_dev}-{status.st_ino}", modified=status.st_mtime_ns)
    )


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no regular file")


def _identity(folder: str) -> tuple[int, int]:
    status = Path(folder).stat()
    return status.st_dev, status.st_ino
