"""Commands as forks of this process, which has imported the libraries once: most of a cached run would be imports.

What is killed, damaged or short in a trial is outside of the process, so a fork stands for a command of its own. It is
a process of its own in all that matters here: session, environment, standard streams, and the place in the home.
"""

import contextlib
import importlib
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "matplotlib.figure",
    "sklearn.ensemble",
    "scipy.stats",
    "jinja2",
    "prefect",
    "prefect.artifacts",
    "prefect.events.worker",
    "tasks.platform.case",
    "tasks.platform.orchestration",
    "tasks.publishing.publish",
    "tasks.publishing.page",
    "tasks.evaluation.contest",
    "tasks.validation.tables",
)


def prepare(environment: dict[str, str]) -> None:
    """Import the libraries, in the environment that the commands will have; start no thread."""
    os.environ.clear()
    os.environ.update(environment)
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"  # read once, here; as a command sets it
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    from tasks.platform.settings import apply_prefect_settings

    apply_prefect_settings()
    for name in LIBRARIES:
        importlib.import_module(name)


class Forked:
    """A command in a fork of this process; the part of `subprocess.Popen` that the trials use."""

    def __init__(self, words: Sequence[str], environment: dict[str, str]) -> None:
        out, err = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _run(words, environment, out[1], err[1])
        os.close(out[1])
        os.close(err[1])
        self.stdout = open(out[0], encoding="utf-8", errors="replace")  # noqa: SIM115, PTH123 - a descriptor
        self.stderr = open(err[0], encoding="utf-8", errors="replace")  # noqa: SIM115, PTH123
        self.returncode: int | None = None
        self.highest = 0.0  # MB of memory that it, or the largest process it waited for, has held

    def poll(self) -> int | None:
        """Return the exit status; None as long as the process runs."""
        if self.returncode is None:
            done, status, used = os.wait4(self.pid, os.WNOHANG)
            self.highest = max(self.highest, used.ru_maxrss / 1024)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def kill(self) -> None:
        """Kill it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Read what it says until it ends; return standard output and error.

        Raises:
            TimeoutExpired: it does not end.
        """
        import selectors

        said = {self.stdout: b"", self.stderr: b""}
        until = time.monotonic() + timeout
        with selectors.DefaultSelector() as ready:
            for stream in said:
                ready.register(stream, selectors.EVENT_READ)
            while self.poll() is None or ready.get_map():
                for key, _ in ready.select(0.1):
                    stream = key.fileobj  # type: ignore[assignment]
                    content = os.read(stream.fileno(), 65536)
                    said[stream] += content
                    if not content:
                        ready.unregister(stream)
                if self.poll() is not None and not ready.select(0):
                    break  # a helper of its own may hold the streams open
                if time.monotonic() > until:
                    raise subprocess.TimeoutExpired("flow", timeout)
        for stream in said:
            stream.close()
        return said[self.stdout].decode("utf-8", "replace"), said[self.stderr].decode("utf-8", "replace")


def _run(words: Sequence[str], environment: dict[str, str], out: int, err: int) -> NoReturn:
    """Become the command; never return."""
    status = 1
    try:
        os.setsid()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(3, 256)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", buffering=1) for number in (1, 2))  # noqa: PTH123, SIM115
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = list(words)
        _follow_the_environment()
        runpy.run_path(words[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - what the interpreter would print
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _follow_the_environment() -> None:
    """Let Prefect read its settings where a command would import it: when the address of the server is known."""
    import prefect.context

    from tasks.platform import case
    from tasks.platform.settings import apply_prefect_settings, settings

    settings.cache_clear()
    apply_prefect_settings()
    as_flow = case.as_flow

    def followed(fn):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        prefect.context.refresh_global_settings_context()
        return as_flow(fn)

    case.as_flow = followed
