"""Where do tracked runs and registered models live, and which version is the champion? The way to MLflow.

By default MLflow is embedded: an SQLite file in the home folder, artifacts beside it, nothing to start. A server is
used when the setting `mlflow_uri` names one.

Importing MLflow takes seconds, and most runs only want to know who the champion is. So the champion's record is kept in
the store as well (`champions/<model>.json`), next to every move of the alias. MLflow remains the authority: the record
counts only while the alias still names its version, which for the embedded database is one look into its table. Where
that look fails, or finds another version (somebody moved the alias by hand), MLflow is asked and the record renewed.
"""

import logging
import os
import re
import sqlite3
import uuid
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.settings import settings
from tasks.platform.text import shorten
from tasks.publishing.masking import mask_addresses

ALIAS = "champion"
LOCK_SECONDS = 120.0
MODEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
UNKNOWN = "?"  # a version that only MLflow itself can tell
_PASSING = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_LIMIT_EXCEEDED"}
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


def checked_name(model: str) -> str:
    """Return `model` when it can name a registered model and a file.

    Raises:
        UsageError: it cannot.
    """
    if not MODEL_NAME.fullmatch(model):
        raise UsageError(f"{shorten(model, 80)!r} cannot name a model; use up to 100 letters, digits, dots, dashes.")
    return model


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
    with closing(sqlite3.connect(folder / "lock.db", timeout=LOCK_SECONDS, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise TransientError(
                f"{folder / 'lock.db'} cannot be locked ({error}): another run is tracking; wait for it and run again."
            ) from None
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
        import mlflow.exceptions
        import sqlalchemy.exc
        from mlflow import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)
        try:
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
        except mlflow.exceptions.MlflowException as error:
            raise _translated(error, error.error_code, uri) from error
        except sqlalchemy.exc.SQLAlchemyError as error:
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
    """Create the embedded MLflow database where it is missing; set-up calls it ahead, because it takes seconds.

    The database is made under another name and renamed when it is whole, so that a kill leaves none or a good one.
    """
    file = embedded_file()
    if file is None or file.exists():
        return
    with one_at_a_time():
        if file.exists():
            return
        scratch = file.with_name(f".{uuid.uuid4().hex}.db")
        try:
            with mlflow_client(f"sqlite:///{scratch}") as client:
                client.search_experiments(max_results=1)
            _identity(exists=False)
            _identity_file(exists=False).replace(_identity_file(exists=True))
            scratch.replace(file)
        finally:
            scratch.unlink(missing_ok=True)


def _identity_file(exists: bool) -> Path:
    return mlflow_folder() / ("registry.id" if exists else "registry.next")


def _identity(exists: bool) -> str:
    """Return the name of the present database, or of the one to be made next; write it down when it has none."""
    file = _identity_file(exists)
    try:
        known = file.read_text("utf-8").strip()
    except FileNotFoundError:
        known = ""
    if re.fullmatch(r"[0-9a-f]{32}", known):
        return known
    fresh = uuid.uuid4().hex
    scratch = file.with_name(f".{fresh}")
    scratch.write_text(fresh, "utf-8")
    scratch.replace(file)
    return fresh


def registry_identity() -> str:
    """Return what tells this registry from one that was deleted and made anew.

    A stage that is keyed by it runs again after the registry was lost, and registers its model in the new one. The
    name is given before the database exists, so that the first run and the second see the same one.
    """
    file = embedded_file()
    if file is None:
        return sha256(mask_addresses(settings().mlflow_tracking_uri).encode()).hexdigest()[:32]
    if _identity_file(file.exists()).exists():
        return _identity(file.exists())
    with one_at_a_time():
        return _identity(file.exists())


def alias_version(model: str) -> str | None:
    """Return the version that the alias names, without importing MLflow; UNKNOWN when only MLflow can tell."""
    file = embedded_file()
    if file is None:
        return UNKNOWN
    if not file.exists():
        return None
    query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as database:
            rows = database.execute(query, (model, ALIAS)).fetchall()
    except sqlite3.Error:  # another layout, a damaged file: MLflow says what it is
        return UNKNOWN
    if len(rows) > 1:
        return UNKNOWN
    return str(rows[0][0]) if rows else None


def registered_champion(client: Any, model: str) -> Any | None:
    """Return MLflow's record of the version that the alias names; None when there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(model, ALIAS)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


if __name__ == "__main__":  # set-up calls it, so that the first run does not wait for the migrations
    prepare_tracking()
