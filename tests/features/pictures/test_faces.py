"""Faces are brought to one place, whatever their turn, size and place in the picture."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.features.pictures.faces import MEAN_FACE, Face, FaceDetector, align, similarity_transform, whole
from tasks.features.pictures.views import view, views
from tasks.platform.errors import IntegrityError


@given(st.floats(-3, 3), st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_the_transform_undoes_any_turn_scale_and_move(angle: float, scale: float, x: float, y: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    marks = MEAN_FACE.astype(float) @ turn.T + [x, y]
    matrix = similarity_transform(marks, MEAN_FACE)
    assert np.allclose(marks @ matrix[:, :2].T + matrix[:, 2], MEAN_FACE, atol=1e-3)


def test_the_transform_is_the_best_one() -> None:
    rng = np.random.default_rng(0)
    marks, to = rng.normal(0, 30, (2, 5, 2))
    matrix = similarity_transform(marks, to)

    def error(a: float, b: float, x: float, y: float) -> float:
        return float(((marks @ np.array([[a, b], [-b, a]]) + [x, y] - to) ** 2).sum())

    best = (matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2])
    for at in range(4):
        for step in (-1e-3, 1e-3):
            other = list(best)
            other[at] += step
            assert error(*best) < error(*other)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 6.0])
@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
def test_an_aligned_face_shows_the_same_at_every_size(scale: float, angle: float) -> None:
    size = 700
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    marks = (MEAN_FACE - 56) @ turn.T + size / 2
    rows, columns = np.mgrid[:size, :size]
    picture = np.zeros((size, size, 3), np.uint8)
    for number, (x, y) in enumerate(marks):  # a dot of its own colour at each mark
        picture[(columns - x) ** 2 + (rows - y) ** 2 <= (6 * scale) ** 2] = (50 * (number + 1), 255 - 40 * number, 90)
    face = Face((0, 0, 1, 1), marks.astype(np.float32), 1.0)
    crop = align(picture, face, 112)
    for number, (x, y) in enumerate(MEAN_FACE):
        expected = (50 * (number + 1), 255 - 40 * number, 90)
        assert np.abs(crop[round(float(y)), round(float(x))].astype(int) - expected).max() < 25


@pytest.mark.parametrize("scale", [0.7, 1.0, 3.0])
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_a_face_alone_looks_the_same_wherever_its_picture_ends(scale: float, angle: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    marks = ((MEAN_FACE - 56) @ turn.T + 350).astype(np.float32)
    picture = np.random.default_rng(0).integers(0, 100, (700, 700, 3), np.uint8)
    left, top, side = round(350 - 45 * scale), round(350 - 40 * scale), round(90 * scale)
    wide = Face((left, top, side, side), marks, 1.0)
    ended = picture[top : top + side, left : left + side]  # as though somebody had cut the picture to the face
    tight = Face((0, 0, side, side), marks - np.array([left, top], np.float32), 1.0)
    crop, other = (align(*given, 96, alone=True).astype(int) for given in ((picture, wide), (ended, tight)))
    assert np.abs(crop - other).max() <= 1
    assert (crop.min(axis=2) == 127).mean() > 0.05  # around the box
    assert (crop.max(axis=2) < 100).mean() > 0.5  # and inside
    plain, drawn_out = (align(*given, 96).astype(int) for given in ((picture, wide), (ended, tight)))
    assert np.abs(plain - drawn_out).max() > 20


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 1000))
def test_marks_anywhere_give_a_crop(width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 255, (height, width, 3), np.uint8)
    marks = rng.uniform(-300, 500, (5, 2)).astype(np.float32)
    assert align(picture, Face((0, 0, 1, 1), marks, 1.0), 32).shape == (32, 32, 3)
    assert whole(picture, 32).shape == (32, 32, 3)
    x, y, across, down = rng.uniform(-100, 300, 4).tolist()
    assert align(picture, Face((x, y, across, down), marks, 1.0), 32, alone=True).shape == (32, 32, 3)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(IntegrityError, match="no network that OpenCV can read"):
        FaceDetector(tmp_path / "x.onnx")


def test_the_detector_finds_drawn_faces_where_they_are(shared: Path) -> None:
    from tasks.cases.masks.sample.drawing import draw_face, draw_person

    rng = np.random.default_rng(2)
    detector = FaceDetector(shared / "models" / "yunet_n_640_640.onnx")
    frame = np.full((480, 640, 3), 120, np.uint8)
    for place in ((20, 30), (350, 200)):
        frame[place[1] : place[1] + 200, place[0] : place[0] + 200] = np.asarray(
            draw_face(draw_person(rng), "none", "", 200, rng)
        )
    faces = detector.find(frame)
    middles = sorted(
        (face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2) for face in faces if face.score > 0.6
    )
    assert len(middles) == 2
    assert np.allclose(middles, [(120, 130), (450, 300)], atol=40)


def test_views_are_the_same_for_a_seed_and_differ_otherwise() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    stack = np.stack([picture, picture])
    one = views(stack, 1, 7)
    assert (one == views(stack, 1, 7)).all()
    assert (one[0] != one[1]).any()
    assert (one != views(stack, 2, 7)).any()
    assert view(picture, np.random.default_rng(1)).shape == picture.shape
