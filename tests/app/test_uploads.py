"""What strangers upload is refused in one sentence where it is not what it should be, and nothing of it stays."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.app import uploads
from tasks.app.asking import plain
from tasks.app.pages.pictures import SIDE, shown
from tasks.platform.errors import UsageError


def encoded(form: str = "PNG", side: int = 40) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 90, np.uint8)).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_there_while_it_is_asked_about(form: str) -> None:
    with uploads.picture(encoded(form)) as path:
        assert path.read_bytes() == encoded(form)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "no picture that can be read"),
        (b"<script>alert(1)</script>", "no picture that can be read"),
        (encoded()[:60], "no picture that can be read"),
        (b"x" * (uploads.MOST_MEGABYTES * 2**20 + 1), "at most 20 MB"),
    ],
    ids=["empty", "broken", "script", "cut", "large"],
)
def test_what_is_no_picture_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words), uploads.picture(content):
        pass


def test_what_is_shown_is_a_picture_of_ours_whose_content_was_decoded() -> None:
    small = Image.open(io.BytesIO(shown(encoded("PNG", 900) + b"<script>")))
    assert (small.format, small.size) == ("JPEG", (SIDE, SIDE))
    with pytest.raises(UsageError, match="no picture"):
        shown(encoded("JPEG", 900)[:900])


def test_a_table_is_text() -> None:
    with uploads.table(b"a,b\n1,2\n") as path:
        assert path.suffix == ".csv"
    for content, words in ((b"PK\x03\x04\0\0", "save it as CSV"), (b"", "empty")):
        with pytest.raises(UsageError, match=words), uploads.table(content):
            pass


@given(st.binary(max_size=300))
def test_no_bytes_break_the_check(content: bytes) -> None:
    try:
        with uploads.picture(content) as path:
            assert isinstance(path, Path)
    except UsageError:
        pass


@given(st.text(max_size=200))
def test_text_of_strangers_is_no_markdown(text: str) -> None:
    shown = plain(text)
    for mark in "*_`[]<>$#":
        assert shown.count(mark) == shown.count(f"\\{mark}")
    assert "\x1b" not in shown
