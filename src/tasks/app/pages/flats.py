"""What should this flat cost a night? A form and a map, or a table of flats."""

from typing import Any

import pandas as pd
import streamlit as st

from tasks.app import uploads
from tasks.app.asking import asked, guarded, ready, title
from tasks.publishing.predictions import whose

MOST_DOTS = 2_000  # listings on the map


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
    listings = learned.load(pd.DataFrame)
    row = _form(listings)
    asked("rentals", row)
    st.altair_chart(_map(listings, row))
    st.caption(
        "The listings that the model has learned from, by price, and the flat in black. Nothing is fetched for it."
    )


def _map(listings: pd.DataFrame, row: dict[str, Any]) -> Any:
    """Return a map of the learned listings and the flat; without tiles, which would tell their server where it lies."""
    import altair as alt

    shown = listings[["latitude", "longitude", "price"]].astype(float)
    shown = shown.sample(min(len(shown), MOST_DOTS), random_state=0)
    shown["price"] = shown["price"].rank(pct=True) * 100
    axes = {
        "x": alt.X("longitude:Q", scale=alt.Scale(zero=False), title="longitude, degrees"),
        "y": alt.Y("latitude:Q", scale=alt.Scale(zero=False), title="latitude, degrees"),
    }
    scheme = alt.Scale(scheme="blueorange")
    colour = alt.Color("price:Q", scale=scheme, title="% of listings are cheaper", legend=alt.Legend(orient="top"))
    dots = alt.Chart(shown).mark_circle(size=14, opacity=0.6).encode(**axes, color=colour)
    here = alt.Chart(pd.DataFrame([{name: row[name] for name in ("latitude", "longitude")}]))
    return (dots + here.mark_point(size=160, color="black", filled=True, shape="cross").encode(**axes)).properties(
        height=420
    )


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
