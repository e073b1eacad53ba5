"""`@stage`: a plain typed function becomes a Prefect task whose result is stored once, by its content.

The key of a stage is its name, the code that it rests on, its plain arguments and the digests of its inputs. Where the
key has been seen before, and the object that it gave is whole, Prefect hands back the stored record and the function
does not run: in this run, in a retry, after a kill -9, tomorrow night, on another worker that shares the store.

    @stage(phase="Modelling")
    def fit(table: pd.DataFrame, depth: int) -> Tree: ...

    tree = fit(table, depth=3)      # in a flow: `table` and `tree` are `Stored` records
    fit.fn(frame, depth=3)          # in a test or a notebook: the plain function
"""

import ast
import functools
import hashlib
import importlib
import inspect
import json
import sys
import time
import typing
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, ParamSpec, TypeVar, get_args, get_origin

from pydantic import BaseModel

from tasks.platform.errors import TransientError, UsageError
from tasks.platform.run import StageRecord, current_run
from tasks.platform.sources import function_digest
from tasks.platform.storage import is_url
from tasks.platform.store import Store, Stored, digest_path, store

P = ParamSpec("P")
R = TypeVar("R")

PHASES = (
    "Business understanding",
    "Data understanding",
    "Data preparation",
    "Modelling",
    "Evaluation",
    "Deployment",
)


class Unkeyed:
    """Marks a parameter that does not decide the result (a place, a number of threads): `Annotated[str, Unkeyed]`."""


class _Names(dict[str, Any]):
    """Names for annotations: the module's own, and what it imports for type checking only, imported when asked for."""

    def __init__(self, module: Any) -> None:
        super().__init__(vars(module))
        self._lazy = _type_checking_imports(module)

    def __missing__(self, name: str) -> Any:
        if name not in self._lazy:
            raise KeyError(name)
        module, attribute = self._lazy[name]
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


def annotations_of(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return the evaluated annotations of a function; names imported for type checking only are imported now."""
    module = sys.modules[fn.__module__]
    names: _Names | None = None
    found: dict[str, Any] = {}
    for name, annotation in fn.__annotations__.items():
        if isinstance(annotation, str):
            names = names or _Names(module)
            annotation = eval(annotation, {"__builtins__": vars(typing) | __builtins_dict()}, names)  # noqa: S307 - our own source
        found[name] = annotation
    return found


def __builtins_dict() -> dict[str, Any]:
    import builtins

    return vars(builtins)


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _unkeyed(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and any(
        mark is Unkeyed or isinstance(mark, Unkeyed) for mark in get_args(annotation)[1:]
    )


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


def _digests(value: Any) -> list[str]:
    """List the digests of the stored results in an argument."""
    if isinstance(value, Stored):
        return [part.digest for part in value.parts.values()] or [value.digest]
    if isinstance(value, list | tuple):
        return [digest for item in value for digest in _digests(item)]
    if isinstance(value, dict):
        return [digest for item in value.values() for digest in _digests(item)]
    return []


def _describe(value: Any) -> Any:
    """Describe an argument for the pedigree: plain values as they are, results by their digest."""
    digests = _digests(value)
    if digests:
        return digests if len(digests) > 1 else digests[0]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _load(value: Any, wanted: Any, place: Store) -> Any:
    """Replace stored results by what they hold, read as the annotation says."""
    if isinstance(value, Stored):
        return value if wanted is Stored else place.load(value, wanted)
    if isinstance(value, list | tuple):
        return [_load(entry, _item(wanted, list), place) for entry in value]
    if isinstance(value, dict):
        return {key: _load(entry, _item(wanted, dict), place) for key, entry in value.items()}
    return value


def _item(wanted: Any, container: type) -> Any:
    """Return what a list or dictionary holds by its annotation, such as `dict[str, pd.DataFrame] | None`."""
    for choice in (wanted, *get_args(wanted)):
        if get_origin(choice) is container and get_args(choice):
            return get_args(choice)[-1]
    return Any


@dataclass(frozen=True)
class Options:
    """How a stage runs."""

    phase: str
    name: str
    live: bool = False
    retries: int = 0
    retry_seconds: float = 2.0


class Stage(Generic[P, R]):
    """A function that runs as a Prefect task and stores what it returns. `fn` is the plain function."""

    def __init__(self, fn: Callable[P, R], options: Options) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.options = options
        self.signature = inspect.signature(fn)

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        """The evaluated annotations of the function."""
        return annotations_of(self.fn)

    def key(self, arguments: dict[str, Any]) -> str:
        """Return the key of this stage for the given arguments (40 hex digits); one of its own for a live stage."""
        if self.options.live:
            return uuid.uuid4().hex + "0" * 8
        keyed = {name: canonical(item) for name, item in arguments.items() if not _unkeyed(self.annotations.get(name))}
        text = json.dumps([self.options.name, function_digest(self.fn), keyed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def run(self, arguments: dict[str, Any], key: str) -> Stored:
        """Run the function on the given arguments, store what it returns, and note the pedigree."""
        place = store()
        started, clock = datetime.now(UTC), time.perf_counter()
        wanted = {
            name: get_args(note)[0] if get_origin(note) is Annotated else note
            for name, note in self.annotations.items()
        }
        loaded = {name: _load(item, wanted.get(name, Any), place) for name, item in arguments.items()}
        stored = place.put(self.fn(**loaded), self.options.name, key)  # type: ignore[call-arg]
        place.write_pedigree(
            stored,
            {
                "stage": self.options.name,
                "module": self.fn.__module__,
                "key": key,
                "started": started.isoformat(timespec="milliseconds"),
                "seconds": round(time.perf_counter() - clock, 3),
                "parameters": {
                    name: _describe(item)
                    for name, item in arguments.items()
                    if not _digests(item) and not _unkeyed(self.annotations.get(name))
                },
                "inputs": {name: _digests(item) for name, item in arguments.items() if _digests(item)},
            },
        )
        return stored

    @functools.cached_property
    def task(self) -> Any:
        """The Prefect task, with result storage beside the store."""
        from tasks.platform.orchestration import task_of

        return task_of(self)

    def _bind(self, args: Iterable[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def __call__(self, *args: Any, **kwargs: Any) -> Stored:
        """Run as a Prefect task; return the record of the stored result.

        Raises:
            UsageError, TypeError: an argument that cannot be part of a key.
            Exception: whatever the function raised, after its retries.
        """
        arguments = self._bind(args, kwargs)
        key = self.key(arguments)
        clock = time.perf_counter()
        state = self.task(**arguments, return_state=True)
        record = StageRecord(
            name=self.options.name,
            phase=self.options.phase,
            state="cached" if state.name == "Cached" else "ran" if state.is_completed() else "failed",
            seconds=round(time.perf_counter() - clock, 3),
            key=key,
        )
        try:
            stored = Stored.model_validate(state.result())
            record.digest = stored.digest
        finally:
            if run := current_run():
                run.add(record)
        return stored


def stage(
    phase: str, name: str = "", live: bool = False, retries: int = 0, retry_seconds: float = 2.0
) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Make a plain function a stage.

    Args:
        phase: the CRISP-DM phase, one of `PHASES`.
        name: the name of the stage; that of the function by default.
        live: it reads a live source (a folder, a service, a clock): never cached. Its result is stored all the same,
            and where it comes out as before, the stages behind it are cached.
        retries: how often a `TransientError` (network, cluster) is tried again; nothing else ever is.
        retry_seconds: the first wait; it doubles each time, with jitter.
    """
    if phase not in PHASES:
        raise ValueError(f"{phase!r} is no CRISP-DM phase; they are {', '.join(PHASES)}")

    def decorate(fn: Callable[P, R]) -> Stage[P, R]:
        return Stage(fn, Options(phase, name or fn.__name__, live, retries, retry_seconds))

    return decorate


def is_transient(error: BaseException) -> bool:
    """Tell whether an error may pass by itself."""
    return isinstance(error, TransientError)


def records_folder(place: Store) -> Path | str:
    """Return where Prefect keeps its result records: a local folder, or the URL of a remote one."""
    return f"{place.url.rstrip('/')}/records" if is_url(place.url) else Path(place.folder.root) / "records"
