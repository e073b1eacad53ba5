"""What tests of whole commands share: where a command keeps its things, its record, the search for leaked secrets."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def environment_of(tmp_path: Path, server: str) -> dict[str, str]:
    """The environment of a command with home and reports of its own, without the network, that talks to `server`."""
    return os.environ | {
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
        "CASEBOOK_OFFLINE": "true",
        "PREFECT_API_URL": server,
    }


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
