"""Which code does a stage rest on? The digest of a module and of the `tasks` modules that it imports."""

import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
IMPORT = re.compile(
    r"^[ \t]*(?:from\s+(tasks[\w.]*)\s+import\s+(\([^)]*\)|[^\n]+)|import\s+(tasks[\w.]*))", re.MULTILINE
)


def _module_file(name: str) -> Path | None:
    """Return the file of a `tasks…` module, without importing it."""
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*parts[1:])
    file = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
    return file if file.is_file() else None


@lru_cache(maxsize=1024)
def _imports(file: Path) -> tuple[Path, ...]:
    """List the files of the `tasks` modules that a file imports, at its top or inside its functions.

    A line in a docstring that looks like an import only makes the digest depend on more than it has to.
    """
    found: set[Path] = set()
    for module, members, plain in IMPORT.findall(file.read_text("utf-8")):
        names = [module or plain, *(f"{module}.{name}" for name in re.findall(r"\w+", members))]
        found |= {path for path in map(_module_file, names) if path}
    return tuple(sorted(found))


@lru_cache(maxsize=1024)
def source_digest(file: Path) -> str:
    """Return the SHA-256 of a source file together with every `tasks` module that it imports, directly or not."""
    seen: set[Path] = set()
    queue = [file]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue += _imports(current)
    names = {path: path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name for path in seen}
    total = hashlib.sha256()
    for path in sorted(seen, key=lambda item: names[item]):
        total.update(f"{names[path]}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def function_digest(fn: Callable[..., Any]) -> str:
    """Return the digest of the code that a function rests on; its own text when it has no file (a notebook)."""
    module = sys.modules.get(fn.__module__)
    file = getattr(module, "__file__", None)
    if file and Path(file).suffix == ".py" and Path(file).is_file():
        return source_digest(Path(file).resolve())
    return hashlib.sha256(inspect.getsource(fn).encode()).hexdigest()
