"""What should this flat cost a night? A form, and where it lies on the map."""

import pandas as pd
import streamlit as st

from tasks.app import uploads
from tasks.app.asking import asked, guarded, ready, title


def show() -> None:
    """Take a table of flats, and price each."""
    title("Price of a flat", "A row per flat, with the columns of Inside Airbnb's listings.")
    if not ready("rentals"):
        return
    given = st.file_uploader("A table (CSV)", uploads.TABLES, max_upload_size=uploads.MOST_MEGABYTES)
    if given is None:
        return
    found = guarded(lambda: _priced(bytes(given.getvalue())))
    if found is None:
        return
    st.dataframe(found, hide_index=True)
    if {"latitude", "longitude"} <= set(found.columns):
        st.map(found.rename(columns={"latitude": "lat", "longitude": "lon"})[["lat", "lon"]])


def _priced(content: bytes) -> pd.DataFrame | None:
    with uploads.table(content) as path:
        found = asked("rentals", path)
    return found.table if found else None
