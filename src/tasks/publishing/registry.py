"""Where do MLflow's runs and registered models live? The way to it, silenced, with failures as errors of Casebook.

By default MLflow is embedded: an SQLite file in the home folder, artifacts beside it, nothing to start. A server is
used when the setting `mlflow_uri` names one.
"""

import logging
import os
import sqlite3
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.platform.databases import is_whole, mended
from tasks.platform.errors import CasebookError, TransientError
from tasks.platform.locks import alone
from tasks.platform.masking import mask_addresses
from tasks.platform.settings import settings
from tasks.platform.text import shorten

LOCK_SECONDS = 120.0
_PASSING = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_LIMIT_EXCEEDED"}
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


def embedded_file(uri: str = "") -> Path | None:
    """Return the SQLite file of the embedded MLflow; None when the setting names a server."""
    uri = uri or settings().mlflow_tracking_uri
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]) if uri.startswith("sqlite:///") else None


def mlflow_folder() -> Path:
    """Return the folder of the embedded database, its artifacts and the lock."""
    file = embedded_file()
    return file.parent if file else settings().home / "mlflow"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other processes and threads of this machine out; the system lets go when the process ends, however it ends.

    Raises:
        TransientError: another process has been at it for two minutes.
    """
    folder = mlflow_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "mlflow.lock", LOCK_SECONDS):
        yield


@contextmanager
def mlflow_client(uri: str = "") -> Iterator[Any]:
    """Yield a client of MLflow, silenced, whose failures are errors of Casebook.

    Raises:
        TransientError: the database is locked or the server does not answer.
        CasebookError: MLflow refuses what is asked.
    """
    seconds = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(settings().network_timeout)))}
    uri = uri or settings().mlflow_tracking_uri
    # An open connection would go on writing into a database file that has been deleted meanwhile.
    pool = {"MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool"} if embedded_file(uri) else {}
    for name, value in (_QUIET | seconds | pool).items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import alembic.util
        import mlflow.exceptions
        import sqlalchemy.exc
        from mlflow import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)
        try:
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
        except mlflow.exceptions.MlflowException as error:
            raise _translated(error, error.error_code, uri) from error
        except (sqlalchemy.exc.SQLAlchemyError, sqlite3.Error, alembic.util.CommandError) as error:
            raise _translated(error, "", uri) from error


def _translated(error: Exception, code: str, uri: str) -> CasebookError:
    """Say what MLflow's error means for the user."""
    said = shorten(mask_addresses(str(error).partition("[SQL:")[0]), 300).rstrip(". ")
    place = mask_addresses(uri)
    passing = (
        "database is locked" in said if embedded_file(uri) else code in _PASSING or "failed with exception" in said
    )
    if passing:
        return TransientError(f"MLflow at {place} does not answer now ({said}); see that it runs, and run again.")
    if "out-of-date database schema" in said:
        return CasebookError(
            f"The MLflow database {place} is of another MLflow version; save a copy of it, then run"
            f" `mlflow db upgrade {place}`."
        )
    return CasebookError(
        f"MLflow at {place} refuses: {said}; when the database is damaged, move it away and run again, else set"
        " CASEBOOK_MLFLOW_URI to a server that works."
    )


def prepare_tracking() -> None:
    """Create the embedded MLflow database where it is missing or damaged; set-up calls it ahead, as it takes seconds.

    The database is made under another name and renamed when it is whole, so that a kill leaves none or a good one.
    """
    file = embedded_file()
    if file is None or (file.exists() and is_whole(file, "experiments")):
        return
    with one_at_a_time():
        if not mended(file, "experiments", "MLflow's mirror of the runs") and file.exists():
            return
        scratch = file.with_name(f".{uuid.uuid4().hex}.db")
        try:
            with mlflow_client(f"sqlite:///{scratch}") as client:
                client.search_experiments(max_results=1)
            scratch.replace(file)
        finally:
            scratch.unlink(missing_ok=True)


if __name__ == "__main__":  # set-up calls it, so that the first run does not wait for the migrations
    prepare_tracking()
