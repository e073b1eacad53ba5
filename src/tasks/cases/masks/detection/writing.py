"""Where do annotated frames go? Into a film or a folder of pictures, and into a window where there is a screen."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from tasks.cases.masks.detection.media import Looked

CODECS = (("annotated.mp4", "mp4v"), ("annotated.avi", "MJPG"))
TITLE = "Casebook: masks (q ends)"
NO_WINDOW = (
    "No live window: the OpenCV that is installed (opencv-python-headless) has none; put opencv-python in its place for"
    " one. What is seen is written beside the report all the same."
)
NO_SCREEN = "No live window: there is no screen (DISPLAY is not set). What is seen is written beside the report."


class Writer:
    """Writes frames in a thread of its own, in order: a film, or pictures in a folder."""

    def __init__(self, looked: Looked, folder: Path) -> None:
        self._looked, self._folder = looked, folder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writing")
        self._pending: list[Future[None]] = []
        self._film: Any = None
        self._size = (0, 0)
        self._count = 0
        self._shown = 0  # frames of a camera's film up to now
        self._last: np.ndarray | None = None
        self.name = ""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=True)
        if self._film is not None:
            self._film.release()
        if error is None:
            for written in self._pending:
                written.result()
            if self._film is not None:
                self._check(self._folder / self.name)

    def _check(self, path: Path) -> None:
        """Refuse a film that lacks frames; OpenCV says nothing of those that it could not write."""
        import cv2

        film = cv2.VideoCapture(str(path))
        whole = film.isOpened() and film.read()[0] and film.get(cv2.CAP_PROP_FRAME_COUNT) >= self._count - 1
        film.release()
        if not whole:
            raise OSError(0, "the film could not be written to its end; is the disk full?", str(path))

    def write(self, frame: np.ndarray, seconds: float) -> None:
        """Write a frame, RGB uint8, soon.

        A film that a camera makes runs as fast as what it shows: a frame stays until the next one is due, and one that
        comes too early is left out.

        Raises:
            OSError: this frame or one before it cannot be written; at the end of the block at the latest.
        """
        if self._looked.kind == "camera":
            due = int(seconds * self._looked.rate) + 1 - self._shown
            if due <= 0:
                return
            for _ in range(due - 1):
                self._submit(frame if self._last is None else self._last)
            self._shown, self._last = self._shown + due, frame
        self._submit(frame)

    def _submit(self, frame: np.ndarray) -> None:
        self._pending.append(self._pool.submit(self._write, frame))
        if len(self._pending) > 8:
            self._pending.pop(0).result()

    def _write(self, frame: np.ndarray) -> None:
        import cv2

        turned = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        self._count += 1
        if self._looked.kind == "pictures":
            self.name = "annotated"
            (self._folder / self.name).mkdir(exist_ok=True)
            content = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
            (self._folder / self.name / f"{self._count:05d}.jpg").write_bytes(content)
            return
        if self._film is None:
            self._open((frame.shape[1], frame.shape[0]))
        if (frame.shape[1], frame.shape[0]) != self._size:
            turned = cv2.resize(turned, self._size)
        self._film.write(turned)

    def _open(self, size: tuple[int, int]) -> None:
        import cv2

        for name, codec in CODECS:
            film = cv2.VideoWriter(str(self._folder / name), cv2.VideoWriter.fourcc(*codec), self._looked.rate, size)
            if film.isOpened():
                self._film, self._size, self.name = film, size, name
                return
            film.release()
        raise OSError(0, "no film can be written here: OpenCV has neither mp4v nor MJPG", str(self._folder))


def can_show(wanted: bool) -> tuple[bool, str]:
    """Tell whether frames can be shown live; if not and it is wanted, why."""
    if not wanted:
        return False, ""
    import cv2

    if not any(
        line.strip().startswith("GUI:") and "NONE" not in line for line in cv2.getBuildInformation().splitlines()
    ):
        return False, NO_WINDOW
    if os.name == "posix" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False, NO_SCREEN
    return True, ""


def show(frame: np.ndarray) -> bool:
    """Show a frame, RGB uint8; return whether to go on."""
    import cv2

    cv2.imshow(TITLE, frame[:, :, ::-1])
    return (cv2.waitKey(1) & 0xFF) not in (ord("q"), 27)


def close_window(shown: bool) -> None:
    """Close the window."""
    if shown:
        import cv2

        cv2.destroyAllWindows()
