"""`@stage`: a plain typed function becomes a Prefect task whose result is stored once, by its content.

The key of a stage is its name, the code that it rests on (`tasks.platform.sources`), its plain arguments, and the
digests of its inputs. Where the key has been seen before, and the object that it gave is whole, Prefect hands back the
stored record and the function does not run: in this run, in a retry, after a kill -9, tomorrow night, on another worker
that shares the store.

    @stage(phase="Modelling")
    def fit(table: pd.DataFrame, depth: int) -> Tree: ...

    tree = fit(table, depth=3)      # in a flow: `table` and `tree` are `Stored` records
    fit.fn(frame, depth=3)          # in a test or a notebook: the plain function
"""

import functools
import hashlib
import inspect
import json
import time
import uuid
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Generic, ParamSpec, TypeVar

from tasks.platform.arguments import Unkeyed, annotations_of, bare, canonical, describe, digests_of, load, unkeyed
from tasks.platform.formats import FORMAT
from tasks.platform.options import PHASES, Options
from tasks.platform.run import StageRecord, current_run
from tasks.platform.sources import function_digest
from tasks.platform.store import Stored, store

__all__ = ["PHASES", "Stage", "Unkeyed", "stage"]

P = ParamSpec("P")
R = TypeVar("R")

_key_of_the_call: ContextVar[str | None] = ContextVar("casebook_key", default=None)


class Stage(Generic[P, R]):
    """A function that runs as a Prefect task and stores what it returns. `fn` is the plain function."""

    def __init__(self, fn: Callable[P, R], options: Options) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.options = options
        self.signature = inspect.signature(fn)

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        """The evaluated annotations of the function; libraries are imported for them, so only where it runs."""
        return annotations_of(self.fn)

    @functools.cached_property
    def unkeyed(self) -> frozenset[str]:
        """The parameters that do not decide the result."""
        return unkeyed(self.fn)

    def key(self, arguments: dict[str, Any]) -> str:
        """Return the key of this stage for the given arguments (40 hex digits); one of its own for a live stage."""
        if self.options.live:
            return uuid.uuid4().hex + "0" * 8
        keyed = {name: canonical(item) for name, item in arguments.items() if name not in self.unkeyed}
        text = json.dumps([FORMAT, self.options.name, function_digest(self.fn), keyed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def key_of_the_call(self, arguments: dict[str, Any]) -> str:
        """Return the key that `__call__` has worked out for the call in progress; work it out in any other call."""
        return _key_of_the_call.get() or self.key(arguments)

    def run(self, arguments: dict[str, Any], key: str) -> Stored:
        """Run the function on the given arguments, store what it returns, and note the pedigree."""
        place = store()
        started, clock = datetime.now(UTC), time.perf_counter()
        wanted = {name: bare(note) for name, note in self.annotations.items()}
        loaded = {name: load(item, wanted.get(name, Any), place) for name, item in arguments.items()}
        token = _key_of_the_call.set(None)  # the function may call stages of its own
        try:
            stored = place.put(self.fn(**loaded), self.options.name, key)  # type: ignore[call-arg]
        finally:
            _key_of_the_call.reset(token)
        seconds = round(time.perf_counter() - clock, 3)
        place.write_pedigree(stored, self._entry(arguments, key, started.isoformat(timespec="milliseconds"), seconds))
        return stored

    def _entry(
        self, arguments: dict[str, Any], key: str, started: str | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        """Return what the pedigree says of a call; when it was made may not be known any more."""
        inputs = {name: digests for name, item in arguments.items() if (digests := digests_of(item))}
        plain = {name: item for name, item in arguments.items() if name not in inputs}
        keyed = {name: item for name, item in plain.items() if name not in self.unkeyed}
        return {
            "stage": self.options.name,
            "module": self.fn.__module__,
            "key": key,
            "started": started,
            "seconds": seconds,
            "parameters": {name: describe(item) for name, item in keyed.items()},
            "inputs": inputs,
        }

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
        token = _key_of_the_call.set(key)
        try:
            state = self.task(**arguments, return_state=True)
        finally:
            _key_of_the_call.reset(token)
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
            if record.state == "cached":
                store().renew_pedigree(stored, self._entry(arguments, key))
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

    def decorate(fn: Callable[P, R]) -> Stage[P, R]:
        return Stage(fn, Options(phase, name or fn.__name__, live, retries, retry_seconds))

    return decorate
