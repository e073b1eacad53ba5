"""The runners of a marathon, or of a table of one's own: how do groups differ in a measure?"""

import numpy as np
import pandas as pd
import streamlit as st

from tasks.app import uploads
from tasks.app.asking import guarded, plain, title
from tasks.cases.marathon.features import measure_runners
from tasks.cases.marathon.ingestion import read_runners
from tasks.cases.marathon.sample import runners
from tasks.platform.errors import UsageError

FEWEST = 20  # runners of a group that is drawn
MOST_GROUPS = 12
BLUE = "#1b6ca8"


def show() -> None:
    """Explore the sample, or an uploaded table, by measure and group."""
    title("Marathon", "Heights, weights and times by sex and nation: the sample, or a table of your own.")
    given = st.file_uploader("A table of your own (CSV)", uploads.TABLES, max_upload_size=uploads.MOST_MEGABYTES)
    table = guarded(lambda: _own(bytes(given.getvalue())) if given else _sample())
    if table is None:
        return
    measures = [name for name in table.select_dtypes("number").columns if table[name].nunique() > FEWEST]
    groups = [name for name in table.columns if name not in measures and 1 < table[name].nunique() <= len(table) / 2]
    if not measures or not groups:
        st.info("There is no measure and no group to compare in this table.")
        return
    left, right = st.columns(2)
    measure = str(left.selectbox("Measure", measures))
    group = str(right.selectbox("Group", groups))
    means = compared(table, measure, group)
    if means.empty:
        st.info(f"No group has {FEWEST} rows.")
        return
    top, last = means.iloc[0], means.iloc[-1]
    highest = f"{measure}: the highest mean have {top[group]} ({top['mean']:,.1f})"
    st.subheader(plain(f"{highest}, the lowest {last[group]} ({last['mean']:,.1f})."))
    st.bar_chart(
        means.set_index(group)["mean"], horizontal=True, x_label="", y_label=f"mean {measure}", color=BLUE, sort=False
    )
    st.dataframe(means, hide_index=True)
    st.caption(
        "Means with their 95 % interval. Many groups compared show some difference by chance; the case `marathon` tells"
        " which stand."
    )


def compared(table: pd.DataFrame, measure: str, group: str) -> pd.DataFrame:
    """Return the mean of a measure in each large enough group, with its 95 % interval, the highest first."""
    found = table.dropna(subset=[measure]).groupby(group, observed=True)[measure].agg(["size", "mean", "std"])
    found = found[found["size"] >= FEWEST].nlargest(MOST_GROUPS, "size")
    half = 1.96 * found["std"] / np.sqrt(found["size"])
    found = found.assign(low=found["mean"] - half, high=found["mean"] + half).drop(columns="std")
    return found.sort_values("mean", ascending=False).reset_index().rename(columns={"size": "runners"})


@st.cache_data(max_entries=1)
def _sample() -> pd.DataFrame:
    return measure_runners.fn(runners())


def _own(content: bytes) -> pd.DataFrame:
    with uploads.table(content) as path:
        read = read_runners.fn(path)
    if read.frame.empty:
        raise UsageError("No row of the table could be read.")
    return measure_runners.fn(read.frame)
