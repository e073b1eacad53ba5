"""How a page asks the champion of a case, and what it says when there is none or the question is wrong."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from tasks.platform.errors import CasebookError
from tasks.platform.text import printable
from tasks.publishing.predictions import Prediction, answering, predict, whose

T = TypeVar("T")


def title(text: str, about: str) -> None:
    """Head a page."""
    st.title(text)
    st.caption(about)


def ready(case: str) -> bool:
    """Tell whether a case has a champion that answers; where it has none, say on the page how to get one."""
    try:
        if case not in answering():
            st.info(f"The case `{case}` cannot be asked yet.")
            return False
        champion = whose(case)
    except CasebookError:
        st.info(
            "No model has been published yet. Run this once where Casebook is installed, then come back:\n\n"
            f"    casebook run {case}"
        )
        return False
    st.caption(f"Answered by {champion.model}, version {champion.version}, of {champion.since:%d %B %Y}.")
    return True


def asked(case: str, given: Any, **options: Any) -> Prediction | None:
    """Ask, show the answer and its warnings; None where it was refused, which is said."""
    found = guarded(lambda: predict(case, given, **options))
    if found is None:
        return None
    st.subheader(plain(found.answer))
    for warning in found.warnings:
        st.warning(plain(warning))
    return found


def guarded(ask: Callable[[], T]) -> T | None:
    """Run what may be refused; show the refusal in its place."""
    try:
        with st.spinner("Looking …"):
            return ask()
    except CasebookError as error:
        st.error(plain(str(error)))
        return None


def plain(text: str) -> str:
    """Return text of strangers without anything that Markdown or a terminal would act on.

    An address becomes a link without any mark, so a blank of no width stands in it.
    """
    marked = re.sub(r"(?i)(:)(?=//)|(www)(?=\.)|([^\s])(?=@)", "\\g<0>\u200b", printable(text))
    for mark in "\\`*_{}[]<>#$~|:":
        marked = marked.replace(mark, f"\\{mark}")
    return marked
