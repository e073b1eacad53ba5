"""Boxes of the right colour, tracks that hold, verdicts that do not flicker, films that open, and clear refusals."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.cases.masks.detection import judge, writing
from tasks.cases.masks.detection.drawing import GREEN, RED, draw_faces, draw_rate, place_of_rate
from tasks.cases.masks.detection.judge import Found, find_faces
from tasks.cases.masks.detection.look import look, watch
from tasks.cases.masks.detection.media import Looked, bounded, open_media
from tasks.cases.masks.detection.tracks import HIDDEN_SECONDS, Tracker, overlap
from tasks.cases.masks.features.crops import SIDE
from tasks.cases.masks.ingestion import WITH, WITHOUT, WRONG
from tasks.cases.masks.training.model import Recognition, verdicts
from tasks.features.pictures.faces import MEAN_FACE, Face, align
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.settings import settings

KNOWN = Recognition(classes=[WITHOUT, WITH], own=True, recipe="", detect=True, temperature=1.0, threshold=0.5, side=48)
BOX = (20.0, 30.0, 40.0, 50.0)


def logits(chance: float) -> np.ndarray:
    return np.log(np.array([1 - chance, chance]))


@pytest.mark.parametrize(("verdict", "colour"), [(WITH, GREEN), (WITHOUT, RED), (WRONG, RED)])
def test_a_box_is_green_only_for_a_mask_worn_properly(verdict: str, colour: tuple[int, int, int]) -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    draw_faces(frame, [(BOX, verdict, 0.9)])
    assert tuple(frame[30 + 25, 20]) == colour  # the left edge, half way down
    assert tuple(frame[55, 40]) == (0, 0, 0)  # and nothing inside


@given(st.floats(-200, 600), st.floats(-200, 600), st.floats(1, 900), st.floats(1, 900))
def test_a_box_may_lie_anywhere(x: float, y: float, width: float, height: float) -> None:
    frame = np.zeros((60, 80, 3), np.uint8)
    draw_faces(frame, [((x, y, width, height), WITH, 0.5), (BOX, WITHOUT, 1.0)])
    draw_rate(frame, "25 frames/s")
    assert frame.shape == (60, 80, 3)


def test_words_hide_no_other_face_and_no_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    filled = []
    rectangle = cv2.rectangle

    def noted(frame: np.ndarray, one: tuple[int, int], other: tuple[int, int], *style: object) -> None:
        if style[-1] == cv2.FILLED:
            filled.append((*one, *other))
        rectangle(frame, one, other, *style)

    monkeypatch.setattr(cv2, "rectangle", noted)
    boxes = [(20.0, 60.0, 60.0, 80.0), (110.0, 60.0, 60.0, 80.0), (200.0, 60.0, 60.0, 80.0), (110.0, 160.0, 60.0, 60.0)]
    draw_faces(np.zeros((240, 320, 3), np.uint8), [(box, WITHOUT, 1.0) for box in boxes])
    faces = [(x, y, x + width, y + height) for x, y, width, height in boxes]
    for number, (words, own) in enumerate(zip(filled, faces, strict=True)):
        for other in [*(face for face in faces if face != own), *filled[:number]]:
            assert min(words[2], other[2]) <= max(words[0], other[0]) or min(words[3], other[3]) <= max(
                words[1], other[1]
            )


def test_words_do_not_hide_the_rate() -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    rate = place_of_rate(frame, "25 frames/s")
    draw_rate(frame, "25 frames/s")
    drawn = np.argwhere(frame.any(axis=2))
    assert (drawn.min(axis=0) >= (rate[1] - 3, rate[0] - 3)).all()
    assert (drawn.max(axis=0) <= (rate[3] + 3, rate[2] + 3)).all()
    faces = [((60.0, 185.0, 100.0, 34.0), WITHOUT, 1.0), ((60.0, 149.0, 100.0, 34.0), WITHOUT, 1.0)]  # none above free
    for written, hidden in (([], True), ([rate], False)):
        shown = np.zeros((240, 320, 3), np.uint8)
        draw_faces(shown, faces, written)
        assert shown[rate[1] : rate[3], rate[0] : rate[2]].any() == hidden


def test_faces_are_cut_out_as_the_model_learned_them(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(0).integers(0, 100, (200, 300, 3), np.uint8)
    marks = (MEAN_FACE * 0.9 + np.array([90, 40])).astype(np.float32)
    face = Face((100.0, 50.0, 85.0, 85.0), marks, 1.0)

    class Finder:
        def find(self, picture: np.ndarray, margin: float) -> list[Face]:
            return [face]

    monkeypatch.setattr(judge, "detector", lambda side, sure: Finder())
    alone, earlier = (find_faces(frame, KNOWN.model_copy(update={"alone": value}), False) for value in (True, False))
    assert (alone.crops[0] == align(frame, face, SIDE, alone=True)).all()
    assert (alone.crops[0] == 127).all(axis=2).any()  # grey around the box
    assert (earlier.crops[0] == align(frame, face, SIDE)).all()
    assert not KNOWN.alone  # a model that was stored before says nothing of it


def test_overlap_is_symmetric_and_between_0_and_1() -> None:
    assert overlap(BOX, BOX) == pytest.approx(1)
    assert overlap(BOX, (500, 500, 10, 10)) == 0
    other = (30.0, 40.0, 40.0, 50.0)
    assert overlap(BOX, other) == pytest.approx(overlap(other, BOX))
    assert overlap(BOX, other) == pytest.approx(30 * 40 / (2 * 2000 - 30 * 40))


def test_one_bad_frame_changes_no_verdict_and_a_lasting_change_does() -> None:
    tracker, told = Tracker(KNOWN), []
    chances = [0.97] * 10 + [0.02] + [0.97] * 10 + [0.02] * 30
    for number, chance in enumerate(chances):
        (track,) = tracker.update([BOX], logits(chance)[None], number / 25)
        told.append(KNOWN.classes[track.verdict])
        assert track.number == 1
    assert set(told[:21]) == {WITH}
    assert told[-1] == WITHOUT
    assert sum(a != b for a, b in pairwise(told)) == 1


def test_faces_keep_their_numbers_while_they_move_cross_frames_and_hide() -> None:
    tracker = Tracker(KNOWN)
    for number in range(50):
        left, right = (10.0 + number, 20.0, 40.0, 40.0), (200.0 - number, 20.0, 40.0, 40.0)
        boxes = [left, right] if number % 2 else [right, left]  # the detector gives them in any order
        tracks = tracker.update(boxes, np.stack([logits(0.9), logits(0.1)][:: 1 if number % 2 else -1]), number / 25)
        by_box = {track.box: track.number for track in tracks}
        if number == 0:
            first = {"left": by_box[left], "right": by_box[right]}
        assert by_box == {left: first["left"], right: first["right"]}
    hidden = tracker.update([left], logits(0.9)[None], 2.0 + HIDDEN_SECONDS / 2)[0]
    assert hidden.number == first["left"]
    assert tracker.update([left], logits(0.9)[None], 60.0)[0].number not in first.values()


def picture(seed: int, rows: int, columns: int) -> np.ndarray:
    """Return a picture with light and dark parts, uint8, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(30, 225, (rows // 16, columns // 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC))


def scene(ground: int, face: int, left: int, top: int, light: float = 1.0) -> np.ndarray:
    frame = picture(ground, 240, 320)
    frame[top : top + 80, left : left + 64] = picture(face, 80, 64)
    return (light * frame).astype(np.uint8)


PLACE = (100.0, 80.0, 64.0, 80.0)


def test_after_a_cut_the_face_at_the_same_place_is_a_new_one_with_its_own_verdict() -> None:
    tracker, told = Tracker(KNOWN), []
    for number in range(60):
        part = number // 20
        (track,) = tracker.update([PLACE], logits((0.98, 0.02, 0.98)[part])[None], number / 25, scene(part, 9, 100, 80))
        told.append((track.number, KNOWN.classes[track.verdict]))
    assert told == [(1, WITH)] * 20 + [(2, WITHOUT)] * 20 + [(3, WITH)] * 20
    assert len(tracker.tracks) == 1  # nobody else stands there


def test_a_cut_through_black_is_one_and_black_itself_is_none() -> None:
    tracker, black = Tracker(KNOWN), np.zeros((240, 320, 3), np.uint8)
    first = tracker.update([PLACE], logits(0.98)[None], 0.0, scene(1, 9, 100, 80))[0].number
    assert tracker.update([], np.zeros((0, 2)), 0.04, black) == []
    assert tracker.update([PLACE], logits(0.98)[None], 0.08, scene(1, 9, 100, 80))[0].number == first
    tracker.update([], np.zeros((0, 2)), 0.12, black)
    assert tracker.update([PLACE], logits(0.02)[None], 0.16, scene(2, 8, 100, 80))[0].number != first


@pytest.mark.parametrize("rate", [25, 8])
def test_a_face_stays_who_it_is_whatever_moves_passes_or_lights_it(rate: int) -> None:
    tracker = Tracker(KNOWN)
    for number in range(2 * rate):
        at = number / rate
        left, top = 120 + round(60 * np.sin(4 * at)), 80 + round(20 * np.cos(5 * at))
        frame = scene(1, 9, left, top, 0.6 + 0.4 * abs(np.sin(6 * at)))
        frame[:, 20 + round(120 * at) : 60 + round(120 * at)] = (180, 140, 120)  # an arm passes
        (track,) = tracker.update([(left, top, 64.0, 80.0)], logits(0.9)[None], at, frame)
        assert track.number == 1


def test_a_hand_before_the_face_in_one_frame_changes_no_verdict() -> None:
    tracker = Tracker(KNOWN)
    for number in range(30):
        frame, chance = scene(1, 9, 100, 80), 0.03
        if number == 15:
            frame[80:160, 95:170], chance = (180, 140, 120), 0.97
        (track,) = tracker.update([PLACE], logits(chance)[None], number / 25, frame)
        assert (track.number, KNOWN.classes[track.verdict]) == (1, WITHOUT)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 255), st.integers(0, 9))
def test_frames_of_any_size_and_light_are_compared(height: int, width: int, light: int, seed: int) -> None:
    tracker = Tracker(KNOWN)
    noise = np.random.default_rng(seed).integers(0, light + 1, (height, width, 3), np.uint8)
    for number, frame in enumerate((noise, np.full_like(noise, light), noise)):
        assert len(tracker.update([PLACE], logits(0.5)[None], number / 25, frame)) == 1


@pytest.mark.parametrize("threshold", [0.02, 0.5, 0.95])
def test_a_track_changes_its_verdict_around_any_threshold(threshold: float) -> None:
    tracker = Tracker(KNOWN.model_copy(update={"threshold": threshold}))
    told = []
    for number in range(90):
        chance = 0.999 if number < 30 or number >= 60 else threshold / 2
        (track,) = tracker.update([BOX], logits(chance)[None], number / 25)
        told.append(KNOWN.classes[track.verdict])
    assert (told[29], told[59], told[89]) == (WITH, WITHOUT, WITH)


def test_costs_move_the_threshold_and_the_likeliest_other_class_is_told() -> None:
    three = KNOWN.model_copy(update={"classes": [WITHOUT, WITH, WRONG], "threshold": 0.8})
    rows = np.log(np.array([[0.1, 0.85, 0.05], [0.1, 0.7, 0.2], [0.2, 0.7, 0.1]]))
    told, chances = verdicts(rows, three)
    assert [three.classes[number] for number in told] == [WITH, WRONG, WITHOUT]
    assert chances.sum(axis=1) == pytest.approx(1)


class Painted:
    """A judge that reads the verdict off the colour of the crop: green wears a mask."""

    def logits(self, crops: np.ndarray) -> np.ndarray:
        return np.array([logits(0.98 if crop[:, :, 1].mean() > 128 else 0.02) for crop in crops]).reshape(-1, 2)


def painted(frame: np.ndarray, known: Recognition, alone: bool) -> Found:
    """Find the coloured squares of a frame in place of faces."""
    grey = (frame.max(axis=2) > 120).astype(np.uint8)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(grey)
    faces, crops = [], []
    for x, y, width, height, area in boxes[1:count]:
        if area > 400:
            faces.append(Face((float(x), float(y), float(width), float(height)), np.zeros((5, 2), np.float32), 1.0))
            crops.append(cv2.resize(frame[y : y + height, x : x + width], (96, 96)))
    return Found(faces, np.stack(crops) if crops else np.zeros((0, 96, 96, 3), np.uint8))


def film_of(path: Path, frames: int = 40) -> None:
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for number in range(frames):
        frame = np.zeros((240, 320, 3), np.uint8)
        frame[60:140, 20 + 2 * number : 80 + 2 * number] = (0, 200, 0)
        if number >= 10:
            frame[150:220, 220:280] = (0, 0, 200)  # red, as OpenCV counts
        film.write(frame)
    film.release()


def test_a_film_is_annotated_tracked_and_tabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.masks.detection.look.find_faces", painted)
    film_of(tmp_path / "in.avi")
    seen = watch(open_media(str(tmp_path / "in.avi"), 1), Painted(), KNOWN, tmp_path / "out")  # type: ignore[arg-type]
    assert seen.facts["frames"] == 40
    assert seen.facts["faces"] == 2
    assert seen.facts["most"] == 2
    assert seen.facts["frames_per_second"] > 0
    one = seen.table[seen.table["face"] == 1]
    assert set(one["verdict"]) == {WITH}
    assert len(one) == 40
    assert seen.table[seen.table["face"] == 2]["time"].min() == pytest.approx(0.4)
    film = cv2.VideoCapture(str(tmp_path / "out" / seen.facts["file"]))
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1][:, :, ::-1])
    assert len(frames) == 40
    last = frames[-1].astype(int)
    left, right = last[100, 97:100].mean(axis=0), last[185, 219:222].mean(axis=0)  # left edges of both boxes
    assert left[1] > left[0] + 30
    assert right[0] > right[1] + 30
    assert [tile["title"] for tile in seen.tiles] == ["0.0 s", "0.3 s", "0.6 s", "1.0 s", "1.3 s"]


def test_a_frame_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.masks.detection.look.find_faces", painted)
    Image.fromarray(np.zeros((200, 300, 3), np.uint8)).save(tmp_path / "one.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "annotated").write_text("no folder")
    with pytest.raises(OSError, match="annotated"):
        watch(open_media(str(tmp_path / "one.png"), 1), Painted(), KNOWN, tmp_path / "out")  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited by resource, which is not there")
@pytest.mark.parametrize(("rate", "suffix"), [(25.0, ".mp4"), (66.667, ".avi")])  # which mp4 cannot tell exactly
def test_a_film_for_which_there_is_no_space_is_told(rate: float, suffix: str, tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
import numpy as np
from tasks.cases.masks.detection.media import Looked
from tasks.cases.masks.detection.writing import Writer
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
rng = np.random.default_rng(0)
with Writer(Looked("film", "in.mp4", float(sys.argv[3]), iter(())), Path(sys.argv[1])) as writer:
    for number in range(50):
        writer.write(rng.integers(0, 255, (240, 320, 3), np.uint8), number / 25)
print(writer.name)
"""
    for bytes_at_most, told in ((200_000, "the film could not be written to its end"), (100_000_000, "")):
        command = [sys.executable, "-c", program, str(tmp_path / str(bytes_at_most)), str(bytes_at_most), str(rate)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode == 0) == (not told)
        assert told in done.stderr
    assert done.stdout.strip().endswith(suffix)


def test_what_a_camera_shows_stays_until_the_next_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.masks.detection.look.find_faces", painted)
    shown = [(0.0, 10), (0.04, 50), (2.0, 110)]  # nothing comes for two seconds
    frames = ((f"frame {n}", at, np.full((120, 160, 3), grey, np.uint8)) for n, (at, grey) in enumerate(shown))
    monkeypatch.setattr("tasks.cases.masks.detection.look.draw_rate", lambda *_: None)
    seen = watch(Looked("camera", "camera:0", 25.0, frames), Painted(), KNOWN, tmp_path)  # type: ignore[arg-type]
    film, greys = cv2.VideoCapture(str(tmp_path / seen.facts["file"])), []
    while (read := film.read())[0]:
        greys.append(float(read[1].mean()))
    assert len(greys) == 51
    assert np.abs(np.array(greys[1:50]) - 50).max() < 12
    assert greys[-1] > 95


@pytest.mark.parametrize("rate", [8, 25, 60])
def test_the_film_of_a_camera_runs_as_fast_as_what_it_shows(
    rate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.cases.masks.detection.look.find_faces", painted)
    words: list[str] = []
    monkeypatch.setattr(
        "tasks.cases.masks.detection.look.draw_rate", lambda _, told: words.append(told) or (0, 0, 0, 0)
    )
    frames = ((f"frame {n + 1}", n / rate, np.full((120, 160, 3), n, np.uint8)) for n in range(2 * rate))
    seen = watch(Looked("camera", "camera:0", 25.0, frames), Painted(), KNOWN, tmp_path)  # type: ignore[arg-type]
    film = cv2.VideoCapture(str(tmp_path / seen.facts["file"]))
    count = 0
    while film.read()[0]:
        count += 1
    assert abs(count / film.get(cv2.CAP_PROP_FPS) - 2) <= 1 / rate + 1 / 25
    assert seen.facts["frames"] == 2 * rate
    assert "0 frames/s" not in words
    assert len(words) >= 2 * rate - 2


def test_pictures_are_annotated_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.masks.detection.look.find_faces", painted)
    (tmp_path / "in").mkdir()
    for number, colour in enumerate(((0, 200, 0), (200, 0, 0))):
        frame = np.zeros((200, 300, 3), np.uint8)
        frame[50:120, 60:130] = colour
        Image.fromarray(frame).save(tmp_path / "in" / f"{number} ü.png")
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    seen = watch(open_media(str(tmp_path / "in"), 1), Painted(), KNOWN, tmp_path / "out")  # type: ignore[arg-type]
    assert seen.table["verdict"].tolist() == [WITH, WITHOUT]
    assert sorted(path.name for path in (tmp_path / "out" / "annotated").iterdir()) == ["00001.jpg", "00002.jpg"]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("broken.mp4", b"no film", ContractError, "is no film that can be read"),
        ("empty.avi", b"", ContractError, "is no film that can be read"),
        ("broken.jpg", b"\xff\xd8\xff\xe0 nothing", ContractError, "broken.jpg"),
        ("notes.txt", b"words", UsageError, "neither a folder nor a zip"),
    ],
)
def test_what_cannot_be_looked_at_is_told_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        list(open_media(str(tmp_path / name), 1).frames)
    assert "\n" not in str(caught.value)


def test_missing_files_cameras_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        open_media(str(tmp_path / "nothing"), 1)
    with pytest.raises(UsageError, match=r"camera:77 cannot be opened.*give a film"):
        open_media("camera:77", 1)
    with pytest.raises(ContractError, match="holds no picture"):
        list(open_media(str(tmp_path), 1).frames)


def test_without_the_detector_looking_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(UsageError, match=r"--look-at: faces are found by a detector.*yunet_n_640_640.onnx") as caught:
        look.fn("camera", b"", KNOWN, 1.0, False)
    assert "\n" not in str(caught.value)


def test_a_window_is_shown_only_where_there_is_one_and_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert writing.can_show(False) == (False, "")
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:   NONE\n")
    assert writing.can_show(True) == (False, writing.NO_WINDOW)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:   GTK3\n")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert writing.can_show(True) == (False, writing.NO_SCREEN)
    monkeypatch.setenv("DISPLAY", ":0")
    assert writing.can_show(True) == (True, "")


def test_frames_are_bounded_and_have_even_sides() -> None:
    for size in ((2001, 3001), (3, 3), (1, 900), (720, 1280)):
        height, width = bounded(np.zeros((*size, 3), np.uint8)).shape[:2]
        assert height % 2 == width % 2 == 0
        assert 2 <= max(height, width) <= 1280
