"""How stages become Prefect tasks: cache keys by content, JSON records, retries of passing faults only."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from prefect import Task, task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.context import TaskRunContext
from prefect.filesystems import RemoteFileSystem
from prefect.serializers import JSONSerializer
from prefect.tasks import exponential_backoff

from tasks.platform.errors import TransientError
from tasks.platform.options import Options
from tasks.platform.storage import is_url
from tasks.platform.store import Store, Stored, store

if TYPE_CHECKING:
    import inspect

    from prefect.client.schemas.objects import State, TaskRun


class Plan(Protocol):
    """What a task has to know of its stage."""

    @property
    def fn(self) -> Callable[..., Any]:
        """The plain function."""

    @property
    def options(self) -> Options:
        """How it runs."""

    @property
    def signature(self) -> "inspect.Signature":
        """What it takes."""

    def key_of_the_call(self, arguments: dict[str, Any]) -> str:
        """Return the key of the call in progress."""

    def run(self, arguments: dict[str, Any], key: str) -> Stored:
        """Run the function and store what it returns."""


@dataclass
class ContentPolicy(CachePolicy):
    """Cache key of a stage: its code, its plain arguments, the digests of its inputs."""

    stage: Plan | None = None

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the key, after dropping a record whose object is damaged or missing."""
        if self.stage is None:
            return None
        key = self.stage.key_of_the_call(inputs)
        store().evict_damaged(key)
        return key

    def __deepcopy__(self, memo: dict[int, Any]) -> "ContentPolicy":
        return self


def _retry(task: Task[..., Any], run: "TaskRun", state: "State[Any]") -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, TransientError)


def _records_folder(place: Store) -> Path | str:
    """Return where Prefect keeps its result records: a local folder, or the URL of a remote one."""
    return f"{place.url.rstrip('/')}/records" if is_url(place.url) else Path(place.folder.root) / "records"


@functools.lru_cache(maxsize=8)
def _record_storage(place: Path | str) -> Path | str:
    """Return Prefect's result storage for the records: the folder itself, or a saved block for a remote store."""
    if isinstance(place, Path):
        return place
    name = f"casebook-records-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
    RemoteFileSystem(basepath=place).save(name, overwrite=True)
    return f"{RemoteFileSystem.get_block_type_slug()}/{name}"


def task_of(stage: Plan) -> Callable[..., Any]:
    """Build the Prefect task of a stage; its result is the JSON of a `Stored` record."""

    @functools.wraps(stage.fn)
    def run(*args: Any, **kwargs: Any) -> dict[str, Any]:
        arguments = dict(stage.signature.bind(*args, **kwargs).arguments)
        return stage.run(arguments, stage.key_of_the_call(arguments)).model_dump(mode="json")

    built = task(
        name=stage.options.name,
        # No tags: for each tagged run Prefect asks the server for a concurrency slot, which takes 0.15 s a stage.
        description=f"{stage.options.phase}: {(stage.fn.__doc__ or stage.options.name).strip()}",
        cache_policy=NO_CACHE if stage.options.live else ContentPolicy(stage=stage),
        cache_result_in_memory=False,
        persist_result=not stage.options.live,
        result_serializer=JSONSerializer(object_encoder=None, object_decoder=None),
        retries=stage.options.retries,
        retry_delay_seconds=exponential_backoff(stage.options.retry_seconds) if stage.options.retries else None,
        retry_jitter_factor=0.5 if stage.options.retries else None,
        retry_condition_fn=_retry if stage.options.retries else None,
    )(run)

    def call(*args: Any, **kwargs: Any) -> Any:
        where = None if stage.options.live else _record_storage(_records_folder(store()))
        return built.with_options(result_storage=where)(*args, **kwargs) if where else built(*args, **kwargs)

    return call
