"""Pictures: which are like this one, which class is it, who wears a mask?"""

from typing import Any

import pandas as pd
import streamlit as st

from tasks.app import uploads
from tasks.app.asking import asked, guarded, plain, ready, title
from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.manifest import small_jpeg
from tasks.platform.scratch import passing_folder
from tasks.platform.store import Stored
from tasks.publishing.predictions import whose

SHOWN = 12
SIDE = 320  # pixels, of a picture that is shown


def uploaded(key: str, camera: bool = False) -> bytes | None:
    """Let a visitor give a picture, by file or camera; None before."""
    given: Any = None
    if camera and st.toggle("By camera", key=f"{key}-by"):
        given = st.camera_input("Take a picture", key=f"{key}-camera", label_visibility="collapsed")
    else:
        given = st.file_uploader(
            "A picture", uploads.PICTURES, key=f"{key}-file", max_upload_size=uploads.MOST_MEGABYTES
        )
    if given is None:
        return None
    content = bytes(given.getvalue())
    return content if guarded(lambda: shown(content)) else None


def shown(content: bytes) -> bytes:
    """Return a picture of a stranger as a small JPEG file of ours.

    Raises:
        UsageError: it is no picture that is read.
    """
    with uploads.picture(content) as path:
        return small_jpeg(decode(path.read_bytes(), SIDE), SIDE)


def similar() -> None:
    """Find similar pictures, and go from one to the next."""
    title("Similar pictures", "Which pictures of the collection look like this one?")
    if not ready("similarity"):
        return
    content = uploaded("similar")
    if content is not None and st.session_state.get("similar-last") != hash(content):
        st.session_state.update({"similar-last": hash(content), "similar-chosen": None})
    chosen = st.session_state.get("similar-chosen")
    if chosen and st.button("Back to my picture"):
        st.session_state["similar-chosen"] = None
        st.rerun()
    if (content := chosen or content) is None:
        return
    st.image(shown(content))
    found = guarded(lambda: _asked_about("similarity", content, neighbours=SHOWN))
    if found is not None:
        _album(found[found["rank"] > 0])


def _album(found: pd.DataFrame) -> None:
    """Show what was found, three in a row; a click goes on from there."""
    stored = whose("similarity").artifacts.get("small")
    small = _small(stored) if stored else {}
    for start in range(0, len(found), 3):
        for column, (_, row) in zip(st.columns(3), found.iloc[start : start + 3].iterrows(), strict=False):
            picture = small.get(row["path"])
            with column:
                if picture:
                    st.image(picture)
                st.caption(plain(f"{row['path']} ({row['similarity']:.2f})"))
                if picture and st.button("More like this", key=f"like-{row['path']}"):
                    st.session_state["similar-chosen"] = picture
                    st.rerun()


@st.cache_resource(max_entries=2, hash_funcs={Stored: lambda stored: stored.digest})
def _small(stored: Stored) -> dict[str, bytes]:
    table = stored.load(pd.DataFrame)
    return dict(zip(table["path"], table["jpeg"], strict=True))


def classify() -> None:
    """Classify a picture by the published model."""
    title("Which class?", "What the published model says of your picture, or that it is none of its classes.")
    if not ready("image_classes") or (content := uploaded("class", camera=True)) is None:
        return
    found = guarded(lambda: _asked_about("image_classes", content))
    if found is not None:
        st.image(shown(content))
        chances = found.set_index("class")["chance"] * 100
        st.bar_chart(chances, horizontal=True, x_label="", y_label="chance, %", color="#1b6ca8", sort=False)


def masks() -> None:
    """Say who wears a mask on a picture."""
    title("A mask?", "Each face is found and judged; the picture leaves this machine nowhere.")
    if not ready("masks") or (content := uploaded("mask", camera=True)) is None:
        return
    with passing_folder("looked-at-") as folder:
        found = guarded(lambda: _asked_about("masks", content, folder=str(folder)))
        if found is None:
            return
        drawn = sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))
        st.image(drawn[0].read_bytes() if drawn else shown(content))
    if len(found):
        st.dataframe(found[["face", "verdict", "confidence"]], hide_index=True)


def _asked_about(case: str, content: bytes, **options: Any) -> pd.DataFrame | None:
    with uploads.picture(content) as path:
        found = asked(case, path, **options)
    return found.table if found else None
