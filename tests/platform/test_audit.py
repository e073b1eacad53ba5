"""The audit: weaknesses are named and fail, a service out of reach is said and does not."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.platform import audit

KNOWN = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "GHSA-1", "fix_versions": ["2"]}]}]}'
CLEAN = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "unknown"}]}'
NOTHING = '{"dependencies": [{"name": "a", "skip_reason": "Dependency not found"}]}'


def answering(*outputs: str) -> Any:
    left = list(outputs)

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, left.pop(0), "Traceback\nConnectionError: no route to host")

    return run


@pytest.mark.parametrize(
    ("outputs", "status", "words"),
    [
        ([KNOWN], 1, "a 1: GHSA-1 (mended in 2)"),
        ([CLEAN], 0, "1 pinned packages asked for, 1 unknown to the service: none known to be vulnerable."),
        (["", KNOWN], 1, "GHSA-1"),
        ([NOTHING, CLEAN], 0, "none known"),
        (["", NOTHING], 0, "nothing was checked: pypi: ConnectionError: no route to host; osv: Dependency not found"),
    ],
)
def test_what_is_known_decides(
    outputs: list[str], status: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", answering(*outputs))
    assert audit.main() == status
    assert words in capsys.readouterr().out


def test_a_service_that_does_not_answer_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(command: list[str], timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    assert "no answer within" in str(audit.ask(tmp_path))
