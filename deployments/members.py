"""What does each process of the topology need? compose.yaml has the same as containers.

| name             | what it is                                        | its data                      |
|------------------|---------------------------------------------------|-------------------------------|
| postgres         | Prefect's database                                | postgres/                     |
| redis            | Prefect's messages, leases and order of events    | redis/, each change on disk   |
| prefect          | Prefect's API and UI                              | in postgres                   |
| prefect-services | scheduler, late runs, automations, task runs      | in postgres and redis         |
| mlflow           | experiments and models                            | mlflow/                       |
| spark            | a standalone cluster                              | none                          |
| worker-1, -2     | run the deployments, each with a home of its own  | the store, which they share   |
"""

import functools
import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Callable

from deployments.databases import postgres, query, redis
from deployments.processes import Service
from deployments.site import HOST, POOL, Site, answers, listens, plain
from tasks.platform import keys
from tasks.platform.errors import CasebookError
from tasks.platform.settings import project_root, settings


def _prefect_environment(site: Site) -> dict[str, str]:
    database = f"casebook:{site.passwords['postgres']}@{HOST}:{site.ports['postgres']}/prefect"
    return plain() | {
        "PREFECT_HOME": str(keys.private_folder(site.folder / "prefect")),
        "PREFECT_PROFILES_PATH": os.devnull,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{database}",
        "PREFECT_SERVER_API_AUTH_STRING": site.login("prefect"),
        "PREFECT_API_AUTH_STRING": site.login("prefect"),
        "PREFECT_API_URL": site.api,
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(site.ports["prefect"]),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_URL": f"redis://:{site.passwords['redis']}@{HOST}:{site.ports['redis']}/0",
    }


def _needs(module: str) -> None:
    """Check that an optional package is there.

    Raises:
        CasebookError: it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise CasebookError(f'The topology needs the package {module}: pip install "casebook[cluster]"')


def prefect(site: Site) -> Service:
    """Describe Prefect's API and UI, without the services."""
    _needs("prefect_redis")
    where = ["--host", HOST, "--port", str(site.ports["prefect"])]
    return Service(
        "prefect",
        [sys.executable, "-m", "prefect", "server", "start", "--no-services", *where],
        _prefect_environment(site),
        lambda: answers(f"{site.api}/ready", site.login("prefect")),
        folder=site.folder,
    )


def prefect_services(site: Site) -> Service:
    """Describe Prefect's services: scheduler, late runs, automations, task runs."""
    return Service(
        "prefect-services",
        [sys.executable, "-m", "prefect", "server", "services", "start"],
        _prefect_environment(site),
        lambda: True,
        folder=site.folder,
    )


def mlflow(site: Site) -> Service:
    """Describe MLflow, with its own users."""
    _needs("flask_wtf")
    folder = keys.private_folder(site.folder / "mlflow")
    config = folder / "auth.ini"
    keys.write_private(
        config,
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{folder}/users.db\n"
        f"admin_username = casebook\nadmin_password = {site.passwords['mlflow']}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
    )
    where = ["--host", HOST, "--port", str(site.ports["mlflow"])]
    stores = [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    address = f"http://{HOST}:{site.ports['mlflow']}"
    return Service(
        "mlflow",
        [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1", *where, *stores],
        plain() | {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": site.passwords["flask"]},
        lambda: answers(f"{address}/api/2.0/mlflow/users/get?username=casebook", site.login("mlflow")),
        folder=folder,
    )


def spark(site: Site, workers: int) -> Service:
    """Describe the Spark cluster; who does not know its secret is not let in."""
    folder = keys.private_folder(site.folder / "spark")
    keys.write_private(
        folder / "spark-defaults.conf",
        f"spark.authenticate true\nspark.authenticate.secret {site.passwords['spark']}\n"
        "spark.network.crypto.enabled true\n",
    )
    port = site.ports["spark"]
    return Service(
        "spark",
        [sys.executable, "-m", "tasks.platform.cluster", "--workers", str(workers), "--port", str(port)],
        plain() | {"SPARK_CONF_DIR": str(folder)},
        lambda: listens(port),
        folder=folder,
    )


def worker(site: Site, name: str) -> Service:
    """Describe a worker of Prefect, as on a machine of its own: it shares the store and the reports, and no more."""
    home = keys.private_folder(site.folder / name)
    own = {
        "CASEBOOK_HOME": str(home),
        "CASEBOOK_OUTPUT": str(settings().output.absolute()),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_PROFILES_PATH": os.devnull,
        "CASEBOOK_SERVER_MINUTES": "0",
    }
    return Service(
        name,
        [
            sys.executable,
            "-m",
            "prefect",
            "worker",
            "start",
            "--pool",
            POOL,
            "--type",
            "process",
            "--name",
            name,
            "--limit",
            "2",
        ],
        plain() | site.environment() | own,
        lambda: True,
        folder=project_root(),
    )


def members(site: Site, workers: int, spark_workers: int) -> dict[str, Callable[[], Service]]:
    """Return how each is described, in the order in which they are started."""
    described: dict[str, Callable[[Site], Service]] = {
        "postgres": postgres,
        "redis": redis,
        "prefect": prefect,
        "prefect-services": prefect_services,
        "mlflow": mlflow,
        "spark": functools.partial(spark, workers=spark_workers),
    }
    described |= {f"worker-{n}": functools.partial(worker, name=f"worker-{n}") for n in range(1, workers + 1)}
    return {name: functools.partial(make, site) for name, make in described.items()}


def prepare(site: Site, name: str) -> None:
    """Do what has to be done once a process is there: the database, the work pool."""
    if name == "postgres" and not query(site, "prefect", "SELECT 1"):
        query(site, "postgres", "CREATE DATABASE prefect")
    if name == "prefect":
        command(site, "-m", "prefect", "work-pool", "create", POOL, "--type", "process", "--overwrite")


def deploy(site: Site) -> None:
    """Make every deployment of prefect.yaml, and the automations by which a silent run is taken up again."""
    command(site, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", "deployments/prefect.yaml", "--all")
    command(site, "deployments/alerts.py", "--recovery", "on")


def command(site: Site, *words: str) -> str:
    """Give Python a command, as a client of the topology; return what it said.

    Raises:
        CasebookError: it failed.
    """
    own = {"PREFECT_PROFILES_PATH": os.devnull, "CASEBOOK_HOME": str(site.folder / "prefect")}
    done = subprocess.run(
        [sys.executable, *words],
        env=plain() | site.environment() | own,
        capture_output=True,
        text=True,
        check=False,
        cwd=project_root(),
    )
    if done.returncode:
        raise CasebookError(f"{shlex.join(words)}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
