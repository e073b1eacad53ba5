"""What did the cases find last?"""

from datetime import datetime
from pathlib import Path

import streamlit as st

from tasks.app.asking import plain, title
from tasks.platform.questions import cases
from tasks.platform.settings import settings
from tasks.publishing.results import last_results

VERDICTS = {
    True: ":green-badge[criterion met]",
    False: ":orange-badge[criterion not met]",
    None: ":gray-badge[not judged]",
}
MOST_BYTES = 30_000_000  # of a report that is shown in the page


def show() -> None:
    """List the cases with what they found, newest first, and show the report of one."""
    title("What was found", "The last answer of each case. Reports are those of the last run.")
    asked = cases()
    rows = last_results(settings().output.expanduser().absolute(), asked)
    told = sorted((row for row in rows if row["started"]), key=lambda row: row["started"], reverse=True)
    if not told:
        st.info("Nothing has been run yet. `casebook run similarity` is a first one.")
    for row in told:
        with st.container(border=True):
            st.markdown(f"**{plain(asked[row['case']])}**")
            st.markdown(plain(row["answer"] or "No answer."))
            when = datetime.fromisoformat(row["started"])
            st.markdown(f"{VERDICTS[row['met']]} :gray[{when:%d %B %Y, %H:%M} UTC]")
            if st.toggle("Show the report", key=f"report-{row['case']}"):
                _report(Path(row["report"]))
    waiting = [row["case"] for row in rows if not row["started"]]
    if told and waiting:
        st.caption(f"Not run yet: {', '.join(waiting)}.")


def _report(path: Path) -> None:
    """Show a report in a frame of its own, which runs no script and loads nothing."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OSError
        st.iframe(path.read_text("utf-8"), height=700)
    except (OSError, ValueError):
        st.error("The report cannot be shown here; open its file.")
