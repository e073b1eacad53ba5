"""Folders that are put in place while others read them."""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.platform.storage import Folder

FILES = 40


def _made(home: Path) -> Path:
    part = home / f".{uuid.uuid4().hex}"
    part.mkdir()
    for number in range(FILES):
        (part / f"{number}.txt").write_text("whole")
    return part


def _is_whole(home: Path) -> bool:
    return len(list((home / "it").glob("*.txt"))) == FILES


def test_a_whole_folder_is_never_away_while_others_put_the_same(tmp_path: Path) -> None:
    """Each writer found none, made its own and puts it: the first stays, and no reader sees a gap."""
    Folder(str(tmp_path)).put(_made(tmp_path), "it")
    seen: set[bool] = set()

    def write() -> None:
        for _ in range(60):
            Folder(str(tmp_path)).put(_made(tmp_path), "it", intact=lambda: _is_whole(tmp_path))

    def read() -> None:
        for _ in range(2_000):
            seen.add(_is_whole(tmp_path))

    _at_once([write, write, read])
    assert seen == {True}
    assert [item.name for item in tmp_path.iterdir()] == ["it"]


@pytest.mark.parametrize("repairers", [1, 6])
def test_a_damaged_folder_is_replaced_once(tmp_path: Path, repairers: int) -> None:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "0.txt").write_text("damaged")
    kept: list[int] = []

    def repair() -> None:
        Folder(str(tmp_path)).put(_made(tmp_path), "it", intact=lambda: _is_whole(tmp_path))
        kept.append((tmp_path / "it").stat().st_ino)

    _at_once([repair] * repairers)
    assert len(set(kept)) == 1
    assert (tmp_path / "it" / "0.txt").read_text() == "whole"
    assert [item.name for item in tmp_path.iterdir()] == ["it"]


def _at_once(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
