"""A standalone Spark cluster on this machine, from the installed package: one master, some workers, loopback only.

For tests, and for whoever wants to see a flow on a cluster before there is one:

    python -m tasks.platform.cluster --workers 2          # prints the address, runs until it is interrupted
    CASEBOOK_SPARK_MASTER=spark://127.0.0.1:7077 python flows/payments.py --engine spark
"""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tasks.platform.errors import CasebookError
from tasks.platform.java import java_home
from tasks.platform.server import free_port
from tasks.platform.settings import settings

PATIENCE = 90.0  # seconds until every worker is there
HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it is gone, killed for instance."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class LocalCluster:
    """Master and workers as processes of their own; they end with the `with` block."""

    def __init__(self, workers: int = 2, cores: int = 1, memory: str = "1g", port: int = 0) -> None:
        """Describe a cluster of `workers`, each with `cores` and `memory`; a free `port` of the master when 0."""
        self.count, self.cores, self.memory = workers, cores, memory
        self.port, self.page = port or free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.folder = settings().home.absolute() / "spark" / f"cluster-{self.port}"

    @property
    def url(self) -> str:
        """The address for `CASEBOOK_SPARK_MASTER`."""
        return f"spark://{HOST}:{self.port}"

    @property
    def workers(self) -> list["subprocess.Popen[bytes]"]:
        """The processes of the workers."""
        return self.processes[1:]

    def __enter__(self) -> "LocalCluster":
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = ["--port", str(self.port), "--webui-port", str(self.page)]
        try:
            self._start("org.apache.spark.deploy.master.Master", "--host", HOST, *ports)
            for _ in range(self.count):
                self._start_worker()
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_worker(self) -> None:
        self._start(
            "org.apache.spark.deploy.worker.Worker",
            *("--host", HOST, "--webui-port", "0", "--cores", str(self.cores), "--memory", self.memory),
            *("--work-dir", str(self.worker_folder(len(self.workers))), self.url),
        )

    def worker_folder(self, number: int) -> Path:
        """Return the folder in which a worker keeps its executors' files, one folder per application."""
        return self.folder / f"worker-{number}"

    def _start(self, *command: str) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        java = java_home()
        environment = os.environ | {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "256m",
            "PYSPARK_PYTHON": sys.executable,
            **({"JAVA_HOME": str(java)} if java else {}),
        }
        with (self.folder / f"log-{len(self.processes)}.txt").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [str(home / "bin" / "spark-class"), *command],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # so that a worker ends together with its executors
                    preexec_fn=_end_with_parent if sys.platform == "linux" else None,
                )
            )

    def state(self) -> dict[str, object]:
        """Return what the master says of itself; empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.page}/json/", timeout=5) as answer:
                return dict(json.loads(answer.read()))
        except (urllib.error.URLError, OSError, ValueError):
            return {}

    def wait(self) -> None:
        """Wait until every worker that was not killed is known to the master.

        Raises:
            CasebookError: one ended by itself, or it takes longer than 90 seconds.
        """
        deadline = time.monotonic() + PATIENCE
        while self.state().get("aliveworkers") != self.count:
            ended = [process for process in self.processes if process.poll() not in {None, -signal.SIGKILL}]
            if ended or time.monotonic() > deadline:
                raise CasebookError(f"The Spark cluster does not start; see the logs in {self.folder}.")
            time.sleep(0.3)

    def kill_worker(self, number: int = 0) -> None:
        """Kill a worker and its executors at once, as a machine that loses its power."""
        process = self.workers[number]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        self.count -= 1

    def add_worker(self) -> None:
        """Start another worker, without waiting for it."""
        self._start_worker()
        self.count += 1

    def stop(self) -> None:
        """End every process of the cluster."""
        running = [process for process in reversed(self.processes) if process.poll() is None]
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)


def main() -> None:
    """Start a cluster and keep it until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="number of workers (default: 2)")
    parser.add_argument("--cores", type=int, default=1, help="cores of each worker (default: 1)")
    parser.add_argument("--memory", default="1g", help="memory of each worker (default: 1g)")
    parser.add_argument("--port", type=int, default=7077, help="port of the master (default: 7077)")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LocalCluster(chosen.workers, chosen.cores, chosen.memory, chosen.port) as cluster:
        print(f"CASEBOOK_SPARK_MASTER={cluster.url}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)


if __name__ == "__main__":
    main()
