"""What tests of whole commands share: the command itself, where it keeps its things, its record, leaked secrets."""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.platform.case import main
from tasks.platform.settings import settings

ROOT = Path(__file__).resolve().parents[1]


def environment_of(tmp_path: Path, server: str) -> dict[str, str]:
    """The environment of a command with home and reports of its own, without the network, that talks to `server`."""
    return os.environ | {
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
        "CASEBOOK_OFFLINE": "true",
        "PREFECT_API_URL": server,
    }


def without_our_script(page: str) -> str:
    """Return a report without the one script that it may have, which sorts its tables."""
    script = (ROOT / "src" / "tasks" / "publishing" / "templates" / "tables.js").read_text("utf-8")
    return page.replace(f"<script>{script}</script>", "", 1)


def command(case: str, *argv: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `python flows/<case>.py <argv>` in this process: the same entry, without importing everything once more."""
    flow = getattr(importlib.import_module(f"flows.{case}"), case)
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", [f"flows/{case}.py", *argv])
        settings.cache_clear()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as end:
            main(flow)
    settings.cache_clear()
    return subprocess.CompletedProcess(argv, int(end.value.code or 0), out.getvalue(), errors.getvalue())


def end_server(tmp_path: Path) -> None:
    """End the server of commands below `tmp_path` that stays for the next one, so that what it wrote is whole."""
    environment = os.environ | {"CASEBOOK_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "tasks.platform.lingering"]
    subprocess.run(command, cwd=ROOT / "src", env=environment, timeout=120, check=True)


def result_of(report: str | Path) -> dict[str, Any]:
    """The record beside a report."""
    return json.loads((Path(report).parent / "result.json").read_text())


def leaked(tmp_path: Path, said: bytes, planted: Iterable[str]) -> list[str]:
    """Where a planted secret stands: in a file that a run left, or in what it said."""
    planted = list(planted)
    found = [f"output: {secret}" for secret in planted if secret.encode() in said]
    for place in ("home", "reports"):
        for file in (tmp_path / place).rglob("*"):
            if file.is_file() and not file.is_symlink():
                content = file.read_bytes()
                found += [f"{file}: {secret}" for secret in planted if secret.encode() in content]
    return found
