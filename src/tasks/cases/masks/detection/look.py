"""Who wears a mask in these pictures, in this film, before this camera? Frame by frame, annotated, as fast as it goes.

Faces of the next frames are looked for in one thread while those of this one are judged and drawn, and the frame
before is written in a third: two cores are enough for a camera.
"""

import base64
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.masks.detection.drawing import draw_faces, draw_rate, place_of_rate
from tasks.cases.masks.detection.judge import Found, Judge, find_faces, require_detector
from tasks.cases.masks.detection.media import Looked, open_media
from tasks.cases.masks.detection.tracks import Track, Tracker
from tasks.cases.masks.detection.writing import Writer, can_show, close_window, show
from tasks.cases.masks.training.model import Recognition, verdicts
from tasks.platform.run import current_run
from tasks.platform.settings import settings
from tasks.platform.stage import Unkeyed, stage

AHEAD = 3  # frames that are looked for faces before they are judged
SHOWN = 8  # frames in the report
RATE_SECONDS = 1.0  # over which the shown frames a second are measured
COLUMNS = ("time", "frame", "face", "verdict", "confidence", "x", "y", "width", "height")


class Seen(NamedTuple):
    """What was seen."""

    table: pd.DataFrame  # COLUMNS, a row for each face in each frame
    facts: dict[str, Any]  # kind, name, frames, faces, frames_per_second, seconds, file, window
    tiles: list[dict[str, str]]  # jpeg (base64), title: some annotated frames


@stage(phase="Deployment", live=True)
def look(
    look_at: str, lite8: bytes, known: Recognition, seconds: float, window: bool, folder: Annotated[str, Unkeyed] = ""
) -> Seen:
    """Look at pictures, a film or through a camera, and write what was seen into the run's folder.

    Args:
        look_at: a picture, a folder or archive of them, a film, or `camera`.
        lite8: the 8-bit model.
        known: its classes, temperature and threshold.
        seconds: that a camera is looked through.
        window: whether frames are to be shown live.
        folder: where the annotated film or pictures go; that of the run by default.

    Raises:
        UsageError: nothing is there, or the detector's file is not.
        ContractError: what is there cannot be read.
    """
    require_detector()
    run = current_run()
    place = Path(folder) if folder or run is None else run.folder
    return watch(open_media(look_at, seconds), Judge(lite8, known, _threads()), known, place, window)


def _threads() -> int:
    return min(settings().threads, os.cpu_count() or 1)


class _Rate:
    """Frames a second over the last second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def __call__(self) -> float:
        now = time.perf_counter()
        self._times.append(now)
        while now - self._times[0] > RATE_SECONDS and len(self._times) > 2:
            self._times.popleft()
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0


def watch(looked: Looked, judge: Judge, known: Recognition, folder: Path, window: bool = False) -> Seen:
    """Judge all frames of what is looked at; see `look`."""
    shown, told = can_show(window)
    if told:
        print(f"  {told}", file=sys.stderr, flush=True)
    tracker, rate = Tracker(known), _Rate()
    rows: list[tuple[Any, ...]] = []
    tiles = _Tiles()
    judge.logits(np.zeros((1, 96, 96, 3), np.uint8))  # loads the network, which is no part of the frames' time
    writer, start, count = Writer(looked, folder), time.perf_counter(), 0
    with writer:
        for name, seconds, frame, found in _ahead(looked, known):
            boxes = [face.box for face in found.faces]
            logits = judge.logits(found.crops)
            if looked.kind == "pictures":
                faces = [
                    _still(number, box, row, known) for number, (box, row) in enumerate(zip(boxes, logits, strict=True))
                ]
            else:
                faces = tracker.update(boxes, logits, seconds, frame)
            canvas = np.array(frame, order="C")
            speed = rate()
            words = f"{speed:.0f} frames/s" if looked.kind != "pictures" and speed > 0 else ""
            draw_faces(
                canvas,
                [(track.box, known.classes[track.verdict], float(track.chances[track.verdict])) for track in faces],
                [place_of_rate(canvas, words)] if words else [],
            )
            if words:
                draw_rate(canvas, words)
            rows.extend(_row(track, name, seconds, known) for track in faces)
            writer.write(canvas, seconds)
            count += 1
            tiles.keep(canvas, name, seconds, count, looked)
            if shown and not show(canvas):
                break
    elapsed = time.perf_counter() - start
    close_window(shown)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    facts = {
        "kind": looked.kind,
        "name": looked.name,
        "frames": count,
        "faces": int(table["face"].nunique()),
        "frames_per_second": count / elapsed if elapsed else 0.0,
        "seconds": elapsed,
        "file": writer.name,
        "window": told,
        "most": int(table.groupby("frame").size().max()) if len(table) else 0,
    }
    _link(writer, facts)
    return Seen(table, facts, tiles.kept)


def _ahead(looked: Looked, known: Recognition) -> Iterator[tuple[str, float, np.ndarray, Found]]:
    """Yield frames with their faces, some frames ahead of what is judged."""
    alone = looked.kind == "pictures"
    waiting: deque[tuple[str, float, np.ndarray, Future[Found]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="faces") as pool:
        for name, seconds, frame in looked.frames:
            waiting.append((name, seconds, frame, pool.submit(find_faces, frame, known, alone)))
            if len(waiting) > (0 if looked.kind == "camera" else AHEAD):
                name, seconds, frame, found = waiting.popleft()
                yield name, seconds, frame, found.result()
        while waiting:
            name, seconds, frame, found = waiting.popleft()
            yield name, seconds, frame, found.result()


def _still(number: int, box: tuple[float, float, float, float], logits: np.ndarray, known: Recognition) -> Track:
    told, chances = verdicts(logits[None], known)
    return Track(number + 1, box, logits, 0.0, int(told[0]), chances[0])


def _row(track: Track, name: str, seconds: float, known: Recognition) -> tuple[Any, ...]:
    box = [round(value, 1) for value in track.box]
    chance = round(float(track.chances[track.verdict]), 4)
    return (round(seconds, 3), name, track.number, known.classes[track.verdict], chance, *box)


class _Tiles:
    """Annotated frames for the report: the first of pictures; of a film or camera, some at equal distances."""

    def __init__(self) -> None:
        self.kept: list[dict[str, str]] = []
        self._every = 1

    def keep(self, canvas: np.ndarray, name: str, seconds: float, count: int, looked: Looked) -> None:
        """Keep a frame, the `count`-th, if it is one of those; every second one goes when there are too many."""
        if looked.kind == "pictures":
            if count <= SHOWN:
                self._add(canvas, name)
            return
        if len(self.kept) == SHOWN and (count - 1) % self._every == 0:
            del self.kept[1::2]
            self._every *= 2
        if (count - 1) % self._every == 0:
            self._add(canvas, f"{seconds:.1f} s")

    def _add(self, canvas: np.ndarray, title: str) -> None:
        import cv2

        scale = min(1.0, 360 / max(canvas.shape[:2]))
        small = cv2.resize(canvas, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        content = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
        self.kept.append({"jpeg": base64.b64encode(content).decode(), "title": title})


def _link(writer: Writer, facts: dict[str, Any]) -> None:
    run = current_run()
    if run is not None and writer.name:
        run.links["annotated"] = writer.name
