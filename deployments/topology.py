"""The topology of compose.yaml as processes of this machine, for whoever has no containers: up, down, status.

    python deployments/topology.py up        # PostgreSQL, Redis, Prefect's API and services, MLflow, Spark, two workers
    set -a; . .casebook/topology/client.env  # what a command needs to talk to them
    python flows/rentals.py                  # reports to that server
    prefect deployment run rentals/sample    # runs on one of the workers
    python deployments/topology.py status
    python deployments/topology.py down

Everything listens on the loopback address only and asks for a password. The passwords are made at the first start and
lie in <home>/topology, readable by their owner only; so do data and logs, and a later `up` goes on with them. Needed
besides what `make` sets up: Debian's packages postgresql and redis-server.
"""

import argparse
import contextlib
import json
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from deployments import members  # noqa: E402 - the path comes first
from deployments.processes import Noted, end, start  # noqa: E402
from tasks.platform import keys  # noqa: E402
from tasks.platform.errors import CasebookError  # noqa: E402
from tasks.platform.locks import alone  # noqa: E402
from tasks.platform.server import free_port  # noqa: E402
from tasks.platform.settings import settings  # noqa: E402

PORTS = ("postgres", "redis", "prefect", "mlflow", "spark")


class Topology:
    """The processes, their passwords and their ports; a context manager ends them all."""

    def __init__(self, folder: Path | None = None, workers: int = 2, spark_workers: int = 1) -> None:
        self.folder = (folder or settings().home / "topology").absolute()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # PostgreSQL, which refuses root, has to get through to its own folder; to list this one is the owner's alone.
        self.folder.mkdir(mode=0o711, exist_ok=True)
        self.folder.chmod(0o711)
        self.site = self._site()
        self.site.environment()  # writes what clients need
        self.order = members.members(self.site, workers, spark_workers)

    def _site(self) -> members.Site:
        file = self.folder / "site.json"
        if not file.exists():
            made: dict[str, Any] = {"ports": {name: free_port() for name in PORTS}}
            made["passwords"] = {name: secrets.token_urlsafe(24) for name in (*PORTS, "flask")}
            keys.write_private(file, json.dumps(made))
        known = json.loads(file.read_text("utf-8"))
        return members.Site(self.folder, known["ports"], known["passwords"])

    @property
    def noted(self) -> dict[str, Noted]:
        """The processes that were started and not ended yet, by name; some may have died since."""
        try:
            entries = json.loads((self.folder / "processes.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {name: Noted(**entry) for name, entry in entries.items()}

    def _note(self, name: str, process: Noted | None) -> None:
        entries = {key: asdict(item) for key, item in self.noted.items() if key != name}
        if process:
            entries[name] = asdict(process)
        keys.write_private(self.folder / "processes.json", json.dumps(entries))

    def running(self, name: str) -> bool:
        """Tell whether a process of that name runs."""
        return (noted := self.noted.get(name)) is not None and noted.alive()

    def start(self, name: str) -> None:
        """Start one, unless it runs, and wait until it is ready."""
        if not self.running(name):
            service = self.order[name]()
            self._note(name, start(service, self.folder / f"{name}.log"))

    def end(self, name: str, number: signal.Signals | None = None) -> None:
        """End one with all that it has started; SIGKILL does it as a power cut would."""
        if noted := self.noted.get(name):
            end(noted, number or (signal.SIGINT if name == "postgres" else signal.SIGTERM))
        self._note(name, None)

    def up(self) -> None:
        """Start what does not run; where one cannot start, end them all.

        Raises:
            CasebookError: one does not start, or what it needs is not installed.
        """
        with alone(self.folder / "lock", settings().server_start):
            try:
                for name in self.order:
                    print(f"  {name}", file=sys.stderr, flush=True)
                    self.start(name)
                    members.prepare(self.site, name)
                print("  deployments", file=sys.stderr, flush=True)
                members.deploy(self.site)
            except BaseException:
                self.down()
                raise

    def down(self) -> None:
        """End them, the last one first; those of an earlier call too."""
        for name in reversed([*self.noted]):
            self.end(name)

    def __enter__(self) -> "Topology":
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM end the `with` blocks too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def told(topology: Topology) -> str:
    """Return what runs where, as lines of text."""
    addresses = topology.site.addresses()
    noted = topology.noted
    lines = []
    for name in topology.order:
        state = f"process {noted[name].pid}" if topology.running(name) else "died" if name in noted else "not started"
        lines.append(f"{name:<17}{state:<18}{addresses.get(name, '')}".rstrip())
    return "\n".join(lines)


def main() -> int:
    """Carry out a command; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "down", "status"])
    parser.add_argument("--workers", type=int, default=2, help="workers of Prefect (default: 2)")
    parser.add_argument("--spark-workers", type=int, default=1, help="workers of Spark (default: 1)")
    given = parser.parse_args()
    try:
        topology = Topology(workers=given.workers, spark_workers=given.spark_workers)
        if given.command == "down":
            topology.down()
            print("All have ended.")
            return 0
        if given.command == "up":
            with ended_by_signals():
                topology.up()
        print(told(topology))
        if given.command == "up":
            print(f"\nFor commands: set -a; . {topology.site.client_file}")
        return 0 if all(topology.running(name) for name in topology.order) else 1
    except CasebookError as error:
        print(f"casebook: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
