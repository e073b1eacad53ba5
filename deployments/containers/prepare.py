"""Make what compose.yaml needs once: passwords, and the folders of its data; what is there already is left alone.

    python deployments/containers/prepare.py        # deployments/secrets, deployments/data, deployments/.env
    docker compose -f deployments/compose.yaml up --build --wait

Every container runs as the user who calls this (as 10001 where root does): it can read what only its owner may. No
password stands in compose.yaml, in the environment that an engine shows, or in a list of processes.
"""

import os
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
UID = 10001
FOLDERS = ("postgres", "redis", "mlflow", "prefect", "worker", "app", "store", "reports", "spark")


def texts() -> dict[str, str]:
    """Return the secrets by the name of their file: those in capitals become environment variables."""
    word = {name: secrets.token_urlsafe(24) for name in ("postgres", "redis", "prefect", "mlflow", "flask", "spark")}
    return {
        "postgres_password": word["postgres"],
        "redis_password": word["redis"],
        "redis.conf": f"requirepass {word['redis']}\nappendonly yes\nappendfsync everysec\ndir /data\n"
        "maxmemory-policy noeviction\n",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://prefect:{word['postgres']}@postgres:5432/prefect",
        "PREFECT_REDIS_MESSAGING_URL": f"redis://:{word['redis']}@redis:6379/0",
        "PREFECT_API_AUTH_STRING": f"casebook:{word['prefect']}",
        "PREFECT_SERVER_API_AUTH_STRING": f"casebook:{word['prefect']}",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": word["flask"],
        "MLFLOW_TRACKING_PASSWORD": word["mlflow"],
        "mlflow.ini": "[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:////data/users.db\n"
        f"admin_username = casebook\nadmin_password = {word['mlflow']}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        "spark-defaults.conf": f"spark.authenticate true\nspark.authenticate.secret {word['spark']}\n"
        "spark.network.crypto.enabled true\n",
    }


def write(file: Path, text: str, owner: tuple[int, int]) -> None:
    """Write a file that only its owner can read, unless it is there."""
    if file.exists():
        return
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
        sink.write(text)
    os.chown(file, *owner)


def prepare(folder: Path = HERE) -> None:
    """Make secrets, folders and the file of settings below `folder`.

    The secrets belong together: where one of them is missing, take all of them away and begin anew.
    """
    owner = (os.getuid(), os.getgid()) if os.getuid() else (UID, UID)
    for name in ("secrets", "data", *(f"data/{name}" for name in FOLDERS)):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
        os.chown(folder / name, *owner)
    made = texts()
    missing = [name for name in made if not (folder / "secrets" / name).exists()]
    if missing and len(missing) < len(made):
        raise SystemExit(f"{folder / 'secrets'} lacks {missing[0]}; take the folder away, or put that file back.")
    for name, text in made.items():
        write(folder / "secrets" / name, text, owner)
    write(folder / ".env", f"CASEBOOK_UID={owner[0]}\nCASEBOOK_GID={owner[1]}\n", (os.getuid(), os.getgid()))


if __name__ == "__main__":
    prepare()
    print("Next: docker compose -f deployments/compose.yaml up --build --wait", file=sys.stderr)
