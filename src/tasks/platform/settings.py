"""Settings: the one documented place for what differs between a laptop, a server and a cluster.

Each setting is an environment variable `CASEBOOK_<NAME>`; `python -m tasks.platform.doctor` shows the values in force.
"""

import os
import sys
import time
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.platform.errors import UsageError

# No package that flows use may call home.
SILENT = {"DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def project_root() -> Path:
    """Return the checkout that this package runs from, or the current folder when it is installed without one."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "flows").is_dir() else Path.cwd()


def python_path() -> str:
    """Return the PYTHONPATH by which a child process finds this package, wherever it is started."""
    return os.pathsep.join(filter(None, [str(Path(__file__).resolve().parents[2]), os.getenv("PYTHONPATH")]))


class Settings(BaseSettings):
    """What a site may set; the defaults make a laptop work with no setting at all."""

    model_config = SettingsConfigDict(env_prefix="CASEBOOK_", frozen=True)

    home: Path = Field(
        default_factory=lambda: project_root() / ".casebook",
        description="folder of everything that Casebook keeps: store, cache, Prefect and MLflow databases",
    )
    store: str = Field("", description="results: a folder or an fsspec URL (s3://, gs://, az://); <home>/store")
    output: Path = Field(
        default_factory=lambda: project_root() / "reports", description="folder that receives the reports"
    )
    reports_url: str = Field("", description="where the output folder is served, for links in the Prefect UI")
    cache: Path | None = Field(None, description="folder of pinned downloads; <home>/cache")
    mirror: Path | None = Field(
        None, description="folder that holds pinned downloads by file name, looked in before the network"
    )
    offline: bool = Field(False, description="no network: pinned downloads come from the mirror or the cache")
    threads: int = Field(
        default_factory=lambda: min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
        ge=1,
        le=256,
        description="threads for decoding, embedding and search",
    )
    mlflow_uri: str = Field("", description="MLflow tracking server; an SQLite file below <home> when empty")
    tracking: Literal["background", "wait", "off"] = Field(
        "background", description="whether runs are shown in MLflow: after the run, before it ends, or not at all"
    )
    spark_master: str = Field("local[*]", description="where Spark runs: local[*], spark://…, sc://…, yarn, k8s://…")
    spark_memory: str = Field(
        "2g", pattern=r"^[1-9][0-9]{0,5}[mgMG]$", description="memory of Spark's driver, and of each executor"
    )
    server_minutes: float = Field(
        default_factory=lambda: 0.0 if os.environ.get("CI") else 5.0,
        ge=0,
        le=1440,
        description="minutes that the server of a command stays after its last use; 0 ends it with the command",
    )
    server_start: float = Field(120.0, gt=0, le=3600, description="seconds that a server may take to start")
    output_roots: str = Field(
        "", description="folders that runs from the UI may write to, as a PATH; the output folder"
    )
    source_roots: str = Field("", description="folders that runs from the UI may read from, as a PATH; any when empty")
    private_targets: bool = Field(False, description="whether addresses of the inner network may be fetched")
    bigquery_endpoint: str = Field("", description="a server that speaks BigQuery's API; Google's own when empty")
    network_timeout: float = Field(10.0, gt=0, le=600, description="seconds to wait for a connection or a read")

    @property
    def store_url(self) -> str:
        """URL or folder of the result store."""
        return self.store or str(self.home / "store")

    @property
    def cache_folder(self) -> Path:
        """Folder of pinned downloads."""
        return self.cache or self.home / "cache"

    @property
    def mlflow_tracking_uri(self) -> str:
        """MLflow tracking URI; the embedded SQLite database by default."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the settings from the environment, once per process (`settings.cache_clear()` reads anew).

    Raises:
        UsageError: a variable `CASEBOOK_*` holds a value that its setting does not take.
    """
    try:
        found = Settings()
        _have_a_home(found.home)
        return found
    except ValidationError as error:
        first = error.errors()[0]
        name = "CASEBOOK_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(f"{name}={first['input']!r}: {first['msg']}.") from None


def _have_a_home(folder: Path) -> None:
    """Let `~` lead into the folder of this house where the user has none: without HOME, and without an entry.

    Containers run as such users. Prefect, MLflow and Great Expectations cannot be imported there.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ |= {"HOME": str(folder.absolute()), "USER": os.environ.get("USER") or "casebook"}


def _flatten(table: dict[str, Any], prefix: str) -> dict[str, str]:
    """Turn nested settings into environment names: {server: {x: false}} becomes {PREFECT_SERVER_X: "false"}."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        key = f"{prefix}_{name}".upper()
        flat |= _flatten(value, key) if isinstance(value, dict) else {key: str(value)}
    return flat


def prefect_environment() -> dict[str, str]:
    """Return `[tool.prefect]` of pyproject.toml as environment variables, with paths made absolute.

    Prefect reads that table from the current folder only; handed on as environment it holds from every folder and
    in every child process. A variable that is set already wins.
    """
    file = project_root() / "pyproject.toml"
    table = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("prefect", {}) if file.is_file() else {}
    folder = (settings().home / "prefect").absolute()
    profiles = Path(os.environ.get("PREFECT_HOME", folder)) / "profiles.toml"
    places = {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(profiles)}
    wanted = _flatten(table, "PREFECT") | places | SILENT
    return {name: value for name, value in wanted.items() if name not in os.environ}


def apply_prefect_settings() -> None:
    """Put the project's Prefect settings into the environment; call before Prefect is imported.

    Prefect imports jsonschema, which compiles a grammar of addresses for three seconds where `rfc3987_syntax` is there
    (the bill of materials needs it). No schema of ours has such a field, so it counts as missing, as jsonschema allows.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    os.environ.update(prefect_environment())
    folder = Path(os.environ["PREFECT_HOME"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)  # the database holds Secret blocks
    _put_aside(Path(os.environ["PREFECT_PROFILES_PATH"]))


def _put_aside(file: Path) -> None:
    """Rename profiles of ours that cannot be read: Prefect would not even be imported."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
        sound = isinstance(content.get("active", ""), str) and isinstance(content.get("profiles", {}), dict)
    except OSError:
        return
    except ValueError:  # no TOML, or no UTF-8
        sound = False
    if not sound and file.is_relative_to(settings().home.absolute()):
        aside = file.with_name(f"{file.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        file.rename(aside)
        print(f"  {file} was damaged: it is now {aside.name}, and a new one is made.", file=sys.stderr, flush=True)
