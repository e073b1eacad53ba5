"""Which code does a result rest on? The digest of a module and of the `tasks` modules that it imports.

What moves the data and does not make it stays out: the platform, and the plumbing of publishing. Three things in there
decide results all the same. What stored objects look like (kinds, Spark's time zone, the parts of a report): the number
`FORMAT` of `tasks.platform.formats` stands for that in every key. Text (names, titles, examples, shortened and made
visible): `tasks.platform.text` counts as any other module. The pinned files: what is made from one is keyed by its
digest, as a file or as an argument. Checkpoints (`memo`) bear a digest of what they depend on in their name, which the
technique gives; scratch arrays, transfers, sessions and progress hand on what they are given.

Code counts by its syntax tree: a remark, a docstring or another line break recomputes nothing.
"""

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
PLUMBING = ("tasks.platform", "tasks.publishing")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
COUNTED = frozenset({"tasks.platform.text"})  # it changes what is kept: titles, names, examples of broken rows


def is_plumbing(name: str) -> bool:
    """Tell whether a module moves data without making any."""
    return name not in COUNTED and any(name == room or name.startswith(f"{room}.") for room in PLUMBING)


def module_file(name: str) -> Path | None:
    """Return the file of a `tasks…` module, without importing it; None for anything else."""
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*parts[1:])
    file = base.with_suffix(".py") if len(parts) > 1 and base.with_suffix(".py").is_file() else base / "__init__.py"
    return file if file.is_file() else None


@lru_cache(maxsize=1024)
def syntax_tree(file: Path) -> ast.Module:
    """Return the parsed code of a file."""
    return ast.parse(file.read_text("utf-8"))


def imported_names(file: Path) -> Iterator[str]:
    """Yield what a file imports, at its top, inside its functions or for type checking, as dotted names."""
    queue: list[Any] = list(syntax_tree(file).body)
    while queue:
        node = queue.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):  # statements stand in statements only
            inner = getattr(node, name, None)
            queue += inner if isinstance(inner, list) else []
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [_above(file, node.level), node.module]))
            yield base
            yield from (f"{base}.{item.name}" for item in node.names)


def _above(file: Path, level: int) -> str:
    """Return the package that a relative import of `level` dots starts from; nothing for an absolute one."""
    if level == 0 or not file.is_relative_to(PACKAGE):
        return ""
    folder = file.parents[level - 1]
    return ".".join([PACKAGE.name, *folder.relative_to(PACKAGE).parts]) if folder.is_relative_to(PACKAGE) else ""


@lru_cache(maxsize=1024)
def imported_files(file: Path) -> tuple[Path, ...]:
    """List the files of the `tasks` modules that a file imports, the packages around them included."""
    names = {
        ".".join(parts[:end])
        for name in imported_names(file)
        for parts in [name.split(".")]
        for end in range(1, len(parts) + 1)
    }
    return tuple(sorted({path for name in names if not is_plumbing(name) and (path := module_file(name))}))


def _spelled(node: Any) -> str:
    """Write a part of a syntax tree, the same in every Python: without docstrings, places and empty fields."""
    if isinstance(node, list):
        return f"[{','.join(map(_spelled, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Constant):
        return f"Constant({node.value!r})"
    fields = {name: value for name in node._fields if (value := getattr(node, name, None)) not in (None, [])}
    if isinstance(node, DOCUMENTED) and _is_text(node.body[:1]):
        fields["body"] = node.body[1:]
    return f"{type(node).__name__}({','.join(f'{name}={_spelled(value)}' for name, value in fields.items())})"


def _is_text(statements: list[ast.stmt]) -> bool:
    return any(
        isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)
        for item in statements
    )


@lru_cache(maxsize=1024)
def code_digest(file: Path) -> str:
    """Return the SHA-256 of the code of one file, without remarks, docstrings and layout."""
    return hashlib.sha256(_spelled(syntax_tree(file)).encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=1024)
def source_digest(file: Path) -> str:
    """Return the SHA-256 of a file's code and that of every `tasks` module that it imports, directly or not."""
    seen: set[Path] = set()
    queue = [file]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue += imported_files(current)
    names = {path: path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name for path in seen}
    total = hashlib.sha256()
    for path in sorted(seen, key=lambda item: names[item]):
        total.update(f"{names[path]}\0{code_digest(path)}\n".encode())
    return total.hexdigest()


def function_digest(fn: Callable[..., Any]) -> str:
    """Return the digest of the code that a function rests on; its own text when it has no file (a notebook)."""
    module = sys.modules.get(fn.__module__)
    file = getattr(module, "__file__", None)
    if file and Path(file).suffix == ".py" and Path(file).is_file():
        return source_digest(Path(file).resolve())
    return hashlib.sha256(inspect.getsource(fn).encode()).hexdigest()
