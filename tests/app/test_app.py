"""The data app as a visitor sees it: each page in a browser, wide and narrow, before and after anything was found."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tasks.app.pages.marathon import FEWEST, compared
from tasks.platform import keys
from tasks.platform.errors import UsageError
from tasks.platform.server import Child
from tasks.platform.settings import settings
from tests.platform.browser import Browser, browser, executable

BOOT = "b00t"
PAGES = {
    "": "What was found",
    "similar": "Similar pictures",
    "class": "Which class?",
    "mask": "A mask?",
    "flat": "Price of a flat",
    "films": "What next?",
    "what-if": "What if?",
    "marathon": "Marathon",
    "epidemic": "Epidemic",
}
SEEN = """(() => {
    const main = document.querySelector('[data-testid="stMain"]');
    const busy = document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]');
    return main && main.querySelector('h1') && !busy ? main.innerText : '';
})()"""
TOO_WIDE = """[...document.querySelectorAll('[data-testid="stMain"] p, h1, h2, h3, label, button')]
    .filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.innerText).join('; ')"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("app")
    run = folder / "reports" / "movies" / "20260101-000000-abcd"
    run.mkdir(parents=True)
    (run / "report.html").write_text("<!doctype html><p>the whole report</p>", "utf-8")
    answer = "Films earned 3 <script>alert(1)</script> **millions** [here](http://evil.example)"
    answer += " www.evil.example me@evil.example"
    result = {
        "flow": "movies",
        "run": run.name,
        "started": "2026-01-01T00:00:00+00:00",
        "answer": answer,
        "verdict": {"met": True, "sentence": "good"},
    }
    (run / "result.json").write_text(json.dumps(result), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(folder / "home"))
        patch.setenv("CASEBOOK_OUTPUT", str(folder / "reports"))
        settings.cache_clear()
        server = Child("app", folder / "app.log", boot=BOOT)
        try:
            server.wait()
            server.link = f"{server.url}/?key={keys.key().link(int(server.url.rsplit(':', 1)[1]), BOOT)}"  # type: ignore[attr-defined]
            yield server
        finally:
            server.stop()
    settings.cache_clear()


def seen(page: Browser, url: str, wanted: str) -> str:
    """Open a page, wait until it says what is wanted, and return its text."""
    page.open(url)
    for _ in range(300):
        text = page.run(SEEN)
        if isinstance(text, str) and wanted in text:
            return text
        time.sleep(0.2)
    raise AssertionError(f"{url} does not say {wanted!r}: {text}")


def settled(page: Browser) -> str:
    """What is too wide for the page, once that has laid itself out."""
    for _ in range(25):
        if not (wide := str(page.run(TOO_WIDE))):
            break
        time.sleep(0.2)
    return wide


@pytest.mark.slow
@pytest.mark.skipif(not executable(), reason="there is no Chromium here")
def test_each_page_opens_wide_and_narrow(app: Child) -> None:
    with browser() as page:
        page.open(app.link)  # type: ignore[attr-defined]
        for path, title in PAGES.items():
            page.resize(1280, 900)
            text = seen(page, f"{app.url}/{path}", title)
            assert "Traceback" not in text
            assert page.run(TOO_WIDE) == "", path
            page.resize(390, 844)  # as when a window is made narrow: the page lays itself out anew
            assert settled(page) == "", path
        assert "casebook run quality" in seen(page, f"{app.url}/what-if", "No model has been published")
        text = seen(page, f"{app.url}/", "Films earned 3")
        assert "<script>alert(1)</script> **millions** [here](http://evil.example)" in text.replace("\u200b", "")
        assert page.run("document.querySelectorAll('a[href*=evil], a[href^=mailto]').length") == 0


def test_means_of_groups_are_those_of_pandas_and_small_groups_are_left_out() -> None:
    table = pd.DataFrame({"x": range(70), "group": ["a"] * 30 + ["b"] * (40 - FEWEST + 1) + ["c"] * (FEWEST - 1)})
    found = compared(table, "x", "group").set_index("group")
    assert list(found.index) == ["b", "a"]
    assert found.at["a", "mean"] == table["x"][:30].mean()
    assert found.at["a", "low"] < found.at["a", "mean"] < found.at["a", "high"]


def test_a_taken_port_is_one_sentence(home: Path) -> None:
    from tasks.app.__main__ import main
    from tasks.platform.server import bound_socket

    with bound_socket(0) as taken:
        taken.listen()
        with pytest.raises(UsageError, match="is taken"):
            main(["--port", str(taken.getsockname()[1])])


def test_the_command_says_where_the_app_is_and_ends_on_a_signal(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.app", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        assert process.stdout.readline().startswith("The app  http://127.0.0.1:")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert said.strip().endswith("Stopped.")
    assert process.returncode == 0
