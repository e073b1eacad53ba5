"""Spark: one session per task, on this machine or on a cluster, from the same stages.

A stage that takes or returns a `pyspark.sql.DataFrame` gets its session here; no session crosses a task. The setting
`CASEBOOK_SPARK_MASTER` says where it runs:

| master                  | where                                                                         |
|-------------------------|-------------------------------------------------------------------------------|
| `local[*]`              | this machine, with `CASEBOOK_THREADS` threads and `CASEBOOK_SPARK_MEMORY`      |
| `local[4]`              | this machine, four threads                                                    |
| `spark://host:7077`     | a standalone cluster                                                          |
| `sc://host:15002`       | Spark Connect                                                                 |
| `yarn`, `k8s://https:…` | those clusters, configured as usual by SPARK_CONF_DIR or HADOOP_CONF_DIR       |

On a cluster the store is a folder that driver and workers see under the same path. Any other option of Spark is an
environment variable or a file of SPARK_CONF_DIR, as for every Spark application.
"""

import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.platform.errors import CasebookError, TransientError
from tasks.platform.java import java_home
from tasks.platform.scratch import scratch_folder
from tasks.platform.settings import settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOPBACK = re.compile(r"^spark://(127\.0\.0\.1|localhost|\[::1\])(:|$)")
LOG4J = """rootLogger.level = error
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1}: %m%n
# The level that Spark would else announce to change for Python.
logger.python.name = org.apache.spark.api.python.PythonGatewayServer
logger.python.level = error
# Spark says the same again in the exception that reaches Python.
logger.executor.name = org.apache.spark.executor.Executor
logger.executor.level = off
logger.tasks.name = org.apache.spark.scheduler.TaskSetManager
logger.tasks.level = off
"""
SQL = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # what pandas reads as it was
}
SCRATCH = "spark-"  # how the folder of a session begins, in the scratch folder of the store
_lock = threading.Lock()


def master() -> str:
    """Return the master in force; `local[*]` takes the threads of the settings."""
    chosen = settings().spark_master
    return f"local[{settings().threads}]" if chosen in {"local", "local[*]"} else chosen


def _options(chosen: str) -> dict[str, Any]:
    """Return the options of a session; those of a cluster's own that the caller may set are left to it."""
    home = settings().home.absolute() / "spark"
    home.mkdir(parents=True, exist_ok=True)
    logging = home / "log4j2.properties"
    if not logging.is_file() or logging.read_text("utf-8") != LOG4J:
        logging.write_text(LOG4J, "utf-8")
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=scratch_folder().absolute()))
    options: dict[str, Any] = SQL | {
        "spark.sql.adaptive.enabled": "true",
        "spark.ui.showConsoleProgress": "true" if sys.stderr.isatty() else "false",
        "spark.ui.enabled": "false",
        "spark.driver.memory": settings().spark_memory,
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging.as_uri()} -Dderby.system.home={home}",
        "spark.sql.warehouse.dir": (home / "warehouse").as_uri(),
        "spark.checkpoint.dir": local_path(scratch / "checkpoints"),
    }
    if chosen.startswith("local"):
        cores = re.search(r"\d+", chosen)
        options["spark.sql.shuffle.partitions"] = str(2 * int(cores[0]) if cores else 8)
        if "," not in str(scratch):  # which would part two folders
            options["spark.local.dir"] = str(scratch / "local")  # else a killed run would leave it among the system's
    else:
        options["spark.executor.memory"] = settings().spark_memory
    if chosen.startswith("local") or LOOPBACK.match(chosen):
        options |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return options


def spark_session() -> "SparkSession":
    """Return the session of this process, started on the first call; a stage calls it, or gets its frames from it.

    Raises:
        CasebookError: no Java, or Spark does not start.
        TransientError: the cluster does not answer.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    chosen = master()
    with _lock:
        try:
            if chosen.startswith("sc://"):
                remote = SparkSession.builder.remote(chosen).getOrCreate()
                for name, value in SQL.items():
                    remote.conf.set(name, value)
                return remote
            active = _session()
            if active is not None:
                return active
            _prepare_environment(chosen)
            builder = SparkSession.builder.master(chosen).appName("casebook")
            session = builder.config(map=_options(chosen)).getOrCreate()
        except (PySparkException, OSError, RuntimeError) as error:
            raise CasebookError(f"Spark does not start on {chosen}: {error}") from error
        except Exception as error:
            if type(error).__module__.startswith("py4j"):
                raise TransientError(f"The Spark master {chosen} does not answer: {_first_line(error)}") from error
            raise
    session.sparkContext.setLogLevel("ERROR")
    return session


def _prepare_environment(chosen: str) -> None:
    """Set what the Java process and Python's workers inherit; on a cluster the caller may name the workers' Python."""
    home = java_home()
    if home is not None:
        os.environ["JAVA_HOME"] = str(home)
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if chosen.startswith("local"):
        os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _session() -> Any:
    """Return the session of this process, or None; never imports Spark."""
    if "pyspark.sql" not in sys.modules:
        return None
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() or getattr(SparkSession, "_instantiatedSession", None)


def is_running() -> bool:
    """Tell whether this process has a Spark session; never imports Spark."""
    return _session() is not None


def stop_spark() -> None:
    """Stop the session of this process and its Java process, if there is one."""
    session = _session()
    if session is None:
        return
    from pyspark import SparkContext

    scratch = None if master().startswith("sc://") else _scratch_of(session)
    session.stop()
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        process = getattr(gateway, "proc", None)
        if process is not None:
            if process.stdin:
                process.stdin.close()  # the Java process ends when its standard input does
            process.wait(timeout=30)
        SparkContext._gateway = SparkContext._jvm = None
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch_of(session: Any) -> Path | None:
    """Return the scratch folder of a session of ours; None for one that others configured."""
    checkpoints = session.sparkContext.getConf().get("spark.checkpoint.dir", "")
    folder = Path(checkpoints.removeprefix("file://")).parent
    return folder if folder.name.startswith(SCRATCH) else None


@contextmanager
def spark_closed_at_the_end() -> Iterator[None]:
    """Stop at the end the session that was started inside; one that was there before is left to whoever started it."""
    before = is_running()
    try:
        yield
    finally:
        if not before:
            stop_spark()


def local_path(path: Path, pattern: bool = False) -> str:
    """Return a path as Spark takes it, of the local or shared file system.

    Args:
        path: a file or folder; what is written goes there, whatever characters its name has.
        pattern: where Spark takes what it reads for a pattern; what would make one is then escaped.
    """
    text = str(path.absolute())
    return "file://" + (re.sub(r"([\\\[\]{}*?])", r"\\\1", text) if pattern else text)
