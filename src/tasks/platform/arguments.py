"""What do the arguments of a stage mean? For its key, for its pedigree, and for the function that it runs.

A stage is called with plain values, paths and `Stored` records. The key needs what each of them means (the content, not
the place), the pedigree where it comes from, and the function what a record stands for, read as the annotation says.
"""

import ast
import builtins
import importlib
import json
import sys
import typing
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ForwardRef, get_args, get_origin

from pydantic import BaseModel

from tasks.platform.digests import digest_path
from tasks.platform.errors import UsageError
from tasks.platform.store import Store, Stored


class Unkeyed:
    """Marks a parameter that does not decide the result (a place, a number of threads): `Annotated[str, Unkeyed]`."""


class _AnyName(type):
    """The type of the class that stands for any foreign name, its attributes and its parameters."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __getitem__(cls, item: Any) -> Any:
        return cls


class _Foreign(metaclass=_AnyName):
    """Stands for a class or module of a library where only our own marks are looked for."""


class _Names(dict[str, Any]):
    """Names for annotations: the module's own, and what it imports for type checking only.

    That is imported when asked for; with `spare_foreign` something stands for what is not ours.
    """

    def __init__(self, module: Any, spare_foreign: bool) -> None:
        super().__init__(vars(module))
        self._lazy = _type_checking_imports(module)
        self._spare_foreign = spare_foreign

    def __missing__(self, name: str) -> Any:
        if name not in self._lazy:
            raise KeyError(name)
        module, attribute = self._lazy[name]
        if self._spare_foreign and module.partition(".")[0] != "tasks":
            return _Foreign
        value = importlib.import_module(module)
        return getattr(value, attribute) if attribute else value


def _type_checking_imports(module: Any) -> dict[str, tuple[str, str]]:
    """Read the imports under `if TYPE_CHECKING:` of a module: name -> (module, attribute or "")."""
    file = getattr(module, "__file__", None)
    names: dict[str, tuple[str, str]] = {}
    if not file:
        return names
    for node in ast.parse(Path(file).read_text("utf-8")).body:
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            continue
        for line in node.body:
            if isinstance(line, ast.Import):
                names |= {item.asname or item.name: (item.name, "") for item in line.names}
            elif isinstance(line, ast.ImportFrom) and line.module:
                names |= {item.asname or item.name: (line.module, item.name) for item in line.names}
    return names


def annotations_of(fn: Callable[..., Any], spare_foreign: bool = False) -> dict[str, Any]:
    """Return the evaluated annotations of a function, or of a named tuple.

    Names imported for type checking only are imported now.

    Args:
        fn: the function or class.
        spare_foreign: import no library for it; something without a meaning stands for its classes.
    """
    module = sys.modules[fn.__module__]
    names: _Names | None = None
    found: dict[str, Any] = {}
    for name, annotation in fn.__annotations__.items():
        if isinstance(annotation, ForwardRef):  # what a named tuple makes of a name in quotes
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            names = names or _Names(module, spare_foreign)
            known = {"__builtins__": vars(typing) | vars(builtins)}
            annotation = eval(annotation, known, names)  # noqa: S307 - our own source
        found[name] = annotation
    return found


def bare(annotation: Any) -> Any:
    """Return a type without the marks that `Annotated` puts on it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_unkeyed(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and any(
        mark is Unkeyed or isinstance(mark, Unkeyed) for mark in get_args(annotation)[1:]
    )


def unkeyed(fn: Callable[..., Any]) -> frozenset[str]:
    """Return the parameters of a function that are marked as not deciding its result; no library is imported for it."""
    return frozenset(name for name, note in annotations_of(fn, spare_foreign=True).items() if _is_unkeyed(note))


def canonical(value: Any) -> Any:
    """Turn an argument into plain JSON that is equal exactly when the argument means the same.

    A stored result and a file count by their content, not by their place.

    Raises:
        UsageError: a path that does not exist.
        TypeError: a value that has to come from a stage (a frame, a model).
    """
    if isinstance(value, Stored):
        return {"stored": value.digest}
    if isinstance(value, Path):
        if not value.exists():
            raise UsageError(f"{value} does not exist; give the path of a file or folder that does.")
        return {"file": digest_path(value)}
    if isinstance(value, BaseModel):
        return {"model": type(value).__name__, "fields": {name: canonical(item) for name, item in value}}
    if isinstance(value, Enum):
        return {"enum": canonical(value.value)}
    if isinstance(value, dict):
        return {"dict": sorted([[canonical(key), canonical(item)] for key, item in value.items()], key=json.dumps)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, set | frozenset):
        return {"set": sorted((canonical(item) for item in value), key=json.dumps)}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"A {type(value).__name__} is no plain argument; pass the result of a stage instead.")


def digests_of(value: Any) -> list[str]:
    """List the digests of the stored results in an argument."""
    if isinstance(value, Stored):
        return [part.digest for part in value.parts.values()] or [value.digest]
    if isinstance(value, list | tuple):
        return [digest for item in value for digest in digests_of(item)]
    if isinstance(value, dict):
        return [digest for item in value.values() for digest in digests_of(item)]
    return []


def describe(value: Any) -> Any:
    """Describe an argument for the pedigree: plain values as they are, results by their digest."""
    digests = digests_of(value)
    if digests:
        return digests if len(digests) > 1 else digests[0]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def load(value: Any, wanted: Any, place: Store) -> Any:
    """Replace stored results by what they hold, read as the annotation says.

    A result of several parts becomes the named tuple that the annotation asks for. That may be another one than the
    stage returned, with some of the parts only: what it does not name is not read.
    """
    if isinstance(value, Stored):
        if wanted is Stored:
            return value
        together = _tuple_in(wanted) if value.parts else None
        return _together(value, together, place) if together else place.load(value, wanted)
    if isinstance(value, list | tuple):
        return [load(entry, _item(wanted, list), place) for entry in value]
    if isinstance(value, dict):
        return {key: load(entry, _item(wanted, dict), place) for key, entry in value.items()}
    return value


def _tuple_in(wanted: Any) -> Any:
    """Return the named tuple in an annotation such as `Split | None`; None where there is none."""
    return next((choice for choice in (wanted, *get_args(wanted)) if hasattr(choice, "_fields")), None)


def _together(value: Stored, wanted: Any, place: Store) -> Any:
    """Return the parts of a result that a named tuple has fields for, each read as its field is annotated.

    Raises:
        TypeError: a part that the result has not.
    """
    fields = annotations_of(wanted)
    if absent := [name for name in wanted._fields if name not in value.parts]:
        raise TypeError(f"{value.stage} has no part {absent[0]!r}; it has {sorted(value.parts)}")
    return wanted(**{name: load(value.parts[name], bare(fields[name]), place) for name in wanted._fields})


def _item(wanted: Any, container: type) -> Any:
    """Return what a list or dictionary holds by its annotation, such as `dict[str, pd.DataFrame] | None`."""
    for choice in (wanted, *get_args(wanted)):
        if get_origin(choice) is container and get_args(choice):
            return get_args(choice)[-1]
    return Any
