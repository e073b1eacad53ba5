"""PostgreSQL and Redis for the topology: never as root, each in its own folder, passwords in no list of processes."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from deployments.processes import Service
from deployments.site import HOST, Site, installed, plain
from tasks.platform import keys
from tasks.platform.errors import CasebookError


def _owned(folder: Path, user: str) -> Path:
    """Make a folder that only `user` (where root asks for it) may look into."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.getuid() == 0:
        shutil.chown(folder, user, user)
        passes = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "test", "-x", str(folder)]
        if subprocess.run(passes, check=False).returncode:
            raise CasebookError(
                f"The user {user}, who runs the database, cannot get through to {folder}; name another by"
                " CASEBOOK_HOME, below folders that everybody may pass, or start this as a user other than root."
            )
    return folder


def postgres(site: Site) -> Service:
    """Describe PostgreSQL; its cluster is made at the first start."""
    program, initdb = installed("postgres", "postgresql"), installed("initdb", "postgresql")
    folder = _owned(site.folder / "postgres", "postgres")
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _make_cluster(initdb, data, site.passwords["postgres"])
    options = {
        "listen_addresses": HOST,
        "port": site.ports["postgres"],
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "64MB",
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return Service(
        "postgres",
        [program, "-D", str(data), *words],
        {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        lambda: query(site, "postgres", "SELECT 1"),
        user="postgres",
        ending=signal.SIGINT,
        folder=folder,
    )


def _make_cluster(initdb: str, data: Path, password: str) -> None:
    secret = data.with_name("password")
    keys.write_private(secret, password + "\n")
    login: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(secret, "postgres", "postgres")
        login = {"user": "postgres", "group": "postgres", "extra_groups": []}
    words = [f"--pgdata={data}", f"--pwfile={secret}", "--username=casebook", "--auth=scram-sha-256", "--no-locale"]
    try:
        made = subprocess.run(
            [initdb, *words, "--encoding=UTF8"], text=True, capture_output=True, check=False, cwd=data.parent, **login
        )
    finally:
        secret.unlink()
    if made.returncode:
        raise CasebookError(f"PostgreSQL's folder {data} cannot be made: {made.stderr.strip().splitlines()[-1]}")


def query(site: Site, database: str, statement: str) -> bool:
    """Carry out a statement; tell whether it went through."""
    place = ["-h", HOST, "-p", str(site.ports["postgres"]), "-U", "casebook", "-d", database]
    done = subprocess.run(
        [installed("psql", "postgresql"), "-q", "-X", *place, "-c", statement],
        env=plain() | {"PGPASSWORD": site.passwords["postgres"], "PGCONNECT_TIMEOUT": "5"},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def redis(site: Site) -> Service:
    """Describe Redis; its settings go by standard input, and what was said is on disk before it is answered."""
    data = _owned(site.folder / "redis", "redis")
    lines = [
        f"bind {HOST}",
        f"port {site.ports['redis']}",
        f"requirepass {site.passwords['redis']}",
        f"dir {data}",
        "appendonly yes",
        "appendfsync always",
        "daemonize no",
        "maxmemory-policy noeviction",
    ]
    given = "\n".join(lines) + "\n"
    return Service(
        "redis",
        [installed("redis-server", "redis-server"), "-"],
        {"PATH": os.environ["PATH"]},
        lambda: _pong(site),
        given=given,
        user="redis",
        folder=data,
    )


def _pong(site: Site) -> bool:
    from redis import Redis, RedisError

    try:
        with Redis(HOST, site.ports["redis"], password=site.passwords["redis"], socket_timeout=5) as client:
            return bool(client.ping())
    except RedisError:
        return False
