"""What should this flat cost a night? A form and a map, or a table of flats."""

from typing import Any

import pandas as pd
import streamlit as st

from tasks.app import uploads
from tasks.app.asking import asked, guarded, ready, title
from tasks.publishing.predictions import whose


def show() -> None:
    """Price one flat by a form, with its place on a map, or each flat of a table."""
    title("Price of a flat", "By a form, or a table with the columns of Inside Airbnb's listings.")
    if not ready("rentals"):
        return
    given = st.file_uploader("A table (CSV)", uploads.TABLES, max_upload_size=uploads.MOST_MEGABYTES)
    if given is not None:
        found = guarded(lambda: _priced(bytes(given.getvalue())))
        if found is not None:
            st.dataframe(found, hide_index=True)
        return
    learned = whose("rentals").artifacts.get("learned")
    if learned is None:
        st.info("The newest champion learned on Spark and takes tables only.")
        return
    row = _form(learned.load(pd.DataFrame))
    asked("rentals", row)
    st.map(pd.DataFrame({"lat": [row["latitude"]], "lon": [row["longitude"]]}), size=60, zoom=11)


def _form(learned: pd.DataFrame) -> dict[str, Any]:
    """Let a visitor say where a flat lies and what it is."""
    left, right = st.columns(2)
    row: dict[str, Any] = {}
    for column, name in ((left, "latitude"), (right, "longitude")):
        values = learned[name].astype(float)
        middle, low, high = float(values.median()), float(values.min()), float(values.max())
        row[name] = column.slider(name.capitalize(), low, high, middle, format="%.4f", step=0.0005)
    row["room_type"] = left.selectbox("Room", sorted(learned["room_type"].astype(str).unique()))
    row["minimum_nights"] = right.slider("Nights at least", 1, 60, 2)
    row["name"] = st.text_input("How it is described", "Bright flat, 2 rooms, 50 m2", max_chars=200)
    return row


def _priced(content: bytes) -> pd.DataFrame | None:
    with uploads.table(content) as path:
        found = asked("rentals", path)
    return found.table if found else None
