"""Where is each process of the topology, and by which password does it let one in?"""

import os
import shlex
import shutil
import socket
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from tasks.platform import keys
from tasks.platform.errors import CasebookError
from tasks.platform.settings import SILENT, python_path, settings

HOST = "127.0.0.1"
POOL = "casebook"
HEARTBEAT = 30  # seconds; the least that Prefect takes
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Site:
    """Where everything is, and the passwords."""

    folder: Path
    ports: dict[str, int]
    passwords: dict[str, str]

    @property
    def client_file(self) -> Path:
        """The file with what a client has to set, for `set -a; . FILE`."""
        return self.folder / "client.env"

    @property
    def api(self) -> str:
        """Prefect's API."""
        return f"http://{HOST}:{self.ports['prefect']}/api"

    def login(self, name: str) -> str:
        """Return `user:password` of Prefect or MLflow."""
        return f"casebook:{self.passwords[name]}"

    def addresses(self) -> dict[str, str]:
        """Return where each can be reached."""
        kinds = {"prefect": "http", "mlflow": "http", "spark": "spark", "postgres": "postgresql", "redis": "redis"}
        return {name: f"{kind}://{HOST}:{self.ports[name]}" for name, kind in kinds.items()}

    def environment(self) -> dict[str, str]:
        """Return what a client has to set, and keep it in a file that only its owner can read."""
        wanted = {
            "PREFECT_API_URL": self.api,
            "PREFECT_API_AUTH_STRING": self.login("prefect"),
            # An answer 500 is what Prefect gives while its database restarts: ask again, for about two minutes.
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
            "PREFECT_CLIENT_MAX_RETRIES": "12",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT),
            "CASEBOOK_STORE": settings().store or str(settings().home.absolute() / "store"),
            "CASEBOOK_MLFLOW_URI": f"http://{HOST}:{self.ports['mlflow']}",
            "MLFLOW_TRACKING_USERNAME": "casebook",
            "MLFLOW_TRACKING_PASSWORD": self.passwords["mlflow"],
            "CASEBOOK_SPARK_MASTER": f"spark://{HOST}:{self.ports['spark']}",
            "SPARK_CONF_DIR": str(self.folder / "spark"),  # holds the secret of the cluster
        }
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in wanted.items())
        keys.write_private(self.client_file, text)
        return wanted


def plain() -> dict[str, str]:
    """Return this process's environment without what belongs to another Prefect or MLflow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    return kept | SILENT | {"PYTHONPATH": python_path()}


def listens(port: int) -> bool:
    """Tell whether something listens on a port of the loopback address."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(url: str, login: str) -> bool:
    """Tell whether an address answers who logs in by `user:password`."""
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {b64encode(login.encode()).decode()}"})  # noqa: S310
    try:
        with _direct.open(request, timeout=15) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def installed(name: str, package: str) -> str:
    """Return the path of a program; Debian keeps PostgreSQL's out of the PATH.

    Raises:
        CasebookError: it is not there.
    """
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(places[-1]) if places else shutil.which(name)
    if not found:
        raise CasebookError(f"The topology needs {name}; on Debian and Ubuntu: apt install {package}")
    return found
