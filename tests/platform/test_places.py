"""A run that comes over the API stays inside the folders that the site allows."""

import types
from pathlib import Path

import pytest

from tasks.platform.errors import UsageError
from tasks.platform.places import check_places, check_run_of_the_api
from tasks.platform.settings import settings


def test_output_stays_below_the_folder_of_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reports = tmp_path / "reports"
    (tmp_path / "elsewhere").mkdir()
    reports.mkdir()
    (reports / "link").symlink_to(tmp_path / "elsewhere")
    for fine in ("", str(reports), str(reports / "mine" / "too"), str(reports / "a" / ".." / "b")):
        check_places({"output": fine})
    outside = [tmp_path, tmp_path / "reports2", reports / "..", reports / "link" / "x", "/etc", "~", "relative"]
    for refused in map(str, outside):
        with pytest.raises(UsageError, match="CASEBOOK_OUTPUT_ROOTS"):
            check_places({"output": refused})
    monkeypatch.setenv("CASEBOOK_OUTPUT_ROOTS", f"{tmp_path / 'elsewhere'}:{tmp_path / 'more'}")
    settings.cache_clear()
    check_places({"output": str(reports / "link" / "x")})
    check_places({"output": str(tmp_path / "more")})
    with pytest.raises(UsageError):
        check_places({"output": str(tmp_path)})


def test_sources_are_free_until_roots_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    check_places({"source": "/etc", "query": "/etc/passwd"})
    data = tmp_path / "data"
    data.mkdir()
    (data / "out").symlink_to("/etc")
    monkeypatch.setenv("CASEBOOK_SOURCE_ROOTS", str(data))
    settings.cache_clear()
    for fine in ("sample", "public", "api", "lastfm:me", "https://example.org/a.zip", str(data), str(data / "a.csv")):
        check_places({"source": fine, "neighbours": 5, "merge": ["Faces=Faces,Faces_easy"], "zone": "UTC"})
    for refused in ("/etc", "file:///etc/passwd", str(data / "out" / "passwd"), str(data / ".." / "x"), "~/x", "here"):
        with pytest.raises(UsageError, match="put the data there"):
            check_places({"source": refused})
    with pytest.raises(UsageError, match="query /etc/passwd"):
        check_places({"source": "sample", "query": "/etc/passwd"})
    with pytest.raises(UsageError, match="exclude"):
        check_places({"exclude": ["a", "/etc"]})


@pytest.mark.parametrize("deployment", [None, "one"])
def test_only_runs_of_a_deployment_are_held_to_it(monkeypatch: pytest.MonkeyPatch, deployment: str | None):
    from prefect.context import FlowRunContext

    run = types.SimpleNamespace(deployment_id=deployment)
    monkeypatch.setattr(FlowRunContext, "get", classmethod(lambda cls: types.SimpleNamespace(flow_run=run)))
    if deployment is None:
        return check_run_of_the_api({"output": "/etc"})
    with pytest.raises(UsageError):
        check_run_of_the_api({"output": "/etc"})
