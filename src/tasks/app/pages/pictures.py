"""Pictures: which are like this one, which class is it, who wears a mask?"""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from tasks.app import uploads
from tasks.app.asking import asked, guarded, plain, ready, title

SHOWN = 12


def uploaded(key: str, camera: bool = False) -> bytes | None:
    """Let a visitor give a picture, by file or camera; None before."""
    given: Any = None
    if camera and st.toggle("By camera", key=f"{key}-by"):
        given = st.camera_input("Take a picture", key=f"{key}-camera", label_visibility="collapsed")
    else:
        given = st.file_uploader(
            "A picture", uploads.PICTURES, key=f"{key}-file", max_upload_size=uploads.MOST_MEGABYTES
        )
    return bytes(given.getvalue()) if given is not None else None


def similar() -> None:
    """Find similar pictures, and go from one to the next."""
    title("Similar pictures", "Which pictures of the collection look like this one?")
    if not ready("similarity"):
        return
    content = uploaded("similar")
    chosen = st.session_state.get("similar-chosen")
    if content is not None and st.session_state.get("similar-last") != hash(content):
        st.session_state["similar-last"], chosen = hash(content), None
        st.session_state["similar-chosen"] = None
    content = chosen or content
    if content is None:
        return
    if chosen and st.button("Back to my picture"):
        st.session_state["similar-chosen"] = None
        st.rerun()
    found = guarded(lambda: _neighbours(content))
    if found is None:
        return
    st.image(content, width=220, caption="asked")
    columns = st.columns(3)
    for place, row in enumerate(found.head(SHOWN).itertuples(index=False)):
        with columns[place % 3]:
            picture = getattr(row, "thumbnail", b"")
            if isinstance(picture, bytes) and picture:
                st.image(picture, caption=f"{row.path} ({row.similarity:.2f})")
                if st.button("Like this", key=f"like-{place}"):
                    st.session_state["similar-chosen"] = picture
                    st.rerun()
            else:
                st.write(f"{plain(str(row.path))} ({row.similarity:.2f})")


def _neighbours(content: bytes) -> pd.DataFrame | None:
    with uploads.picture(content) as path:
        found = asked("similarity", path)
    return found.table if found else None


def classify() -> None:
    """Classify a picture by the published model."""
    title("Which class?", "What the published model says of your picture, or that it is none of its classes.")
    if not ready("image_classes") or (content := uploaded("class", camera=True)) is None:
        return
    found = guarded(lambda: _asked_about("image_classes", content))
    if found is not None:
        st.image(content, width=220)
        chances = found.set_index("class")["chance"] * 100
        st.bar_chart(chances, horizontal=True, x_label="", y_label="chance, %", color="#1b6ca8", sort=False)


def masks() -> None:
    """Say who wears a mask on a picture."""
    title("A mask?", "Each face is found and judged; the picture leaves this machine nowhere.")
    if not ready("masks") or (content := uploaded("mask", camera=True)) is None:
        return
    with tempfile.TemporaryDirectory(prefix="casebook-app-") as folder:
        found = guarded(lambda: _asked_about("masks", content, folder=folder))
        if found is None:
            return
        drawn = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".png", ".jpg"))
        st.image(drawn[0].read_bytes() if drawn else content)
    if len(found):
        st.dataframe(found[["face", "verdict", "confidence"]], hide_index=True)


def _asked_about(case: str, content: bytes, **options: Any) -> pd.DataFrame | None:
    with uploads.picture(content) as path:
        found = asked(case, path, **options)
    return found.table if found else None
