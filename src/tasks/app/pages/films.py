"""Films that I like: what should I watch next?"""

import streamlit as st

from tasks.app.asking import asked, ready, title


def show() -> None:
    """Take some films, and recommend others."""
    title("What next?", "Name some films that you like; those that people like you watched come back.")
    if not ready("recommendations"):
        return
    liked = st.text_area("Films that I like, one a line", placeholder="Toy Story\nThe Matrix", max_chars=2_000)
    names = [line.strip() for line in liked.splitlines() if line.strip()][:20]
    if names and (found := asked("recommendations", "; ".join(names))):
        st.dataframe(found.table, hide_index=True)
