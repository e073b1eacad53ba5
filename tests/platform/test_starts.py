"""A run that is taken up again and again ends itself, so that what kills each worker does not go round for ever."""

from types import SimpleNamespace

import pytest

from tasks.platform.case import MOST_STARTS, _refuse_what_never_ends
from tasks.platform.errors import CasebookError
from tasks.platform.settings import apply_prefect_settings


def began(monkeypatch: pytest.MonkeyPatch, times: int | None) -> None:
    apply_prefect_settings()
    from prefect.context import FlowRunContext

    context = None if times is None else SimpleNamespace(flow_run=SimpleNamespace(run_count=times))
    monkeypatch.setattr(FlowRunContext, "get", lambda: context)


@pytest.mark.parametrize("times", [None, 0, 1, MOST_STARTS])
def test_a_run_may_begin_three_times(monkeypatch: pytest.MonkeyPatch, times: int | None) -> None:
    began(monkeypatch, times)
    _refuse_what_never_ends()


def test_the_fourth_time_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    began(monkeypatch, MOST_STARTS + 1)
    with pytest.raises(CasebookError, match="Begun 3 times, and each time its process died"):
        _refuse_what_never_ends()
