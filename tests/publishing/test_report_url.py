"""The Prefect UI shows a link to a report of any run while `make serve` shows the folder."""

import json
from pathlib import Path

import pytest

from deployments.serve import reports_server
from tasks.platform.server import note_file, reports_address
from tasks.platform.settings import settings
from tasks.publishing.publish import report_url


def test_a_report_links_to_where_make_serve_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    report = settings().output / "movies" / "a run" / "report.html"
    assert report_url(report) == report.as_uri()
    with reports_server(0, "boot") as base:
        note = {"api_url": f"{base}/api", "reports_url": base, "output": str(settings().output)}
        note_file().write_text(json.dumps(note))
        assert report_url(report) == f"{base}/movies/a run/report.html".replace(" ", "%20")
        assert reports_address(tmp_path / "elsewhere" / "report.html") is None
    assert report_url(report) == report.as_uri()  # the note is left, the server is not
    note_file().write_text("[]")
    assert report_url(report) == report.as_uri()
    monkeypatch.setenv("CASEBOOK_REPORTS_URL", "https://reports.example.org/")
    settings.cache_clear()
    assert report_url(report).startswith("https://reports.example.org/movies/")
