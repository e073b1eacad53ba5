"""What does a file or folder hold? The SHA-256 of its content, worked out once as long as the file stays the same.

A file counts as the same while its place, inode, size and both of its times are. A file that was written a moment ago
may change once more within the same tick of the file system's clock, so its digest is not remembered yet.
"""

import hashlib
import time
from pathlib import Path

TICK_NS = 20_000_000  # twice the coarsest clock that Linux stamps files with
COARSE_NS = 2_000_000_000  # where file systems keep whole seconds only, or every other one
MOST_REMEMBERED = 200_000  # files

State = tuple[int, int, int, int, int]
_known: dict[str, tuple[State, str]] = {}


def _state(path: Path) -> State:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    before, began = _state(path), time.time_ns()
    known = _known.get(str(path.absolute()))
    if known and known[0] == before:
        return known[1]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if before == _state(path):
        _remember(path, before, digest, began)
    return digest


def _remember(path: Path, state: State, digest: str, moment: int) -> None:
    """Keep a digest that held at `moment` (nanoseconds), unless a later change might show in no time stamp."""
    tick = TICK_NS if state[3] % 1_000_000_000 else COARSE_NS
    if moment - state[3] > tick:
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        _known[str(path.absolute())] = (state, digest)


def digest_files(path: Path) -> dict[str, str]:
    """Return the digest of each file below a folder by its relative name; of a single file under the name ""."""
    if not path.is_dir():
        return {"": digest_file(path)}
    files = sorted(item for item in path.rglob("*") if item.is_file())
    return {file.relative_to(path).as_posix(): digest_file(file) for file in files}


def combined(files: dict[str, str]) -> str:
    """Return one digest for what `digest_files` gives."""
    if files.keys() == {""}:
        return files[""]
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in files.items()).encode()).hexdigest()


def digest_path(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's relative names and contents."""
    return combined(digest_files(path))


def remember(path: Path, files: dict[str, str]) -> None:
    """Note what `digest_files` gave for something that was then moved to `path` and has been out of others' reach."""
    for name, digest in files.items():
        file = path / name if name else path
        _remember(file, _state(file), digest, time.time_ns())
