"""The page of all cases: what it tells, what it survives, and what it never does."""

import json
import os
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publishing.run_folders import leave, mae, record
from publishing.test_report import HOSTILE, Page

from tasks.publishing import home, results
from tasks.publishing.comparison import changes, line
from tasks.publishing.home import keep_home, write_home
from tasks.publishing.results import Result, read_runs


def page(output: Path, name: str = "index.html") -> str:
    return (output / name).read_text("utf-8")


def result(**more: Any) -> Result:
    return Result.model_validate(record(**more) | {"flow": "rentals", "run": "r"})


def test_each_case_shows_its_latest_run_and_what_changed(tmp_path: Path) -> None:
    leave(tmp_path, night=0, answer="The old answer.", metrics=mae(25.6))
    leave(
        tmp_path,
        night=1,
        answer="The new answer.",
        metrics=mae(24.1, 25.6),
        crowned=True,
        data=[{"source": "sample", "sha256": "cd" * 32, "rows": 950}],
    )
    leave(tmp_path, "movies", 0, verdict={"met": False, "sentence": "Not good."}, metrics=[], prefect="a" * 36)
    write_home(tmp_path)
    text = Page(page(tmp_path)).text
    assert "The new answer." in text
    assert "The old answer." not in text
    assert "2 cases: 1 met its criterion, 1 did not." in text
    for words in (
        "a new champion",
        "data: 900 → 950 rows",
        "mean absolute error: 25.6 → 24.1\u202f€",
        "75\xa0% cached",
        "12.0 s",
    ):
        assert words in text, words
    links = {value for _, attributes in Page(page(tmp_path)).elements if (value := attributes.get("href"))}
    assert f"http://127.0.0.1:4200/runs/flow-run/{'a' * 36}" in links
    local = {link for link in links if not link.startswith(("http", "#"))}
    assert local
    assert all((tmp_path / link).is_file() for link in local)


def test_a_case_lists_all_its_runs_each_beside_the_one_before_of_its_source(tmp_path: Path) -> None:
    for night, source in enumerate(["sample", "public", "sample"]):
        leave(
            tmp_path,
            night=night,
            answer=f"Answer {night}.",
            parameters={"source": source, "seed": night},
            metrics=mae(20.5 + night),
        )
    write_home(tmp_path)
    text = Page(page(tmp_path, "rentals/index.html")).text
    assert all(f"Answer {night}." in text for night in range(3))
    assert "mean absolute error: 20.5 → 22.5\u202f€" in text
    assert "asked with another seed" in text
    assert "21.5 → 22.5" not in text  # another source does not compare


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(tmp_path: Path, word: str) -> None:
    for night in range(2):
        leave(
            tmp_path,
            night=night,
            question=word,
            answer=word,
            champion=word,
            verdict={"met": None, "sentence": word},
            metrics=[{"name": word, "value": 1.0 + night, "unit": word, "champion": 2.0}],
            prefect="",
            parameters={"source": word, word: f"{word}{night}"},
            data=[{"source": word, "sha256": word, "rows": night}],
            artifacts={word: word, "report": "report.html", "out": "../../x", "js": "javascript:x"},
        )
    assert keep_home(tmp_path)
    for name in ("index.html", "rentals/index.html"):
        html = page(tmp_path, name)
        found = Page(html)
        tags = {tag for tag, _ in found.elements}
        assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "template", "img"}
        assert not [key for _, attributes in found.elements for key in attributes if key.startswith("on")]
        links = [attributes["href"] or "" for _, attributes in found.elements if "href" in attributes]
        assert not [link for link in links if ".." in link.removeprefix("../index.html") or "javascript" in link]
        assert not {"\x1b", "\x07", "\u202e"} & set(html)
        assert "default-src 'none'" in html


def test_damaged_results_are_counted_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_BYTES", 20_000)
    leave(tmp_path, night=0)
    damaged: list[Any] = [
        "{",
        "[]",
        "null",
        b"\xff\xfe",
        "[" * 100_000,
        json.dumps({"answer": "x"}),
        '{"started": "yesterday"}',
        " " * 30_000,
        json.dumps(record(metrics="none")),
        json.dumps(record(started=5)),
        json.dumps(record(answer=None)),
        '{"answer": ' + "9" * 6_000 + "}",
    ]
    for night, content in enumerate(damaged, 1):
        leave(tmp_path, night=night, content=content)
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(record(answer="a secret of another")))
    for night, make in ((40, lambda file: file.symlink_to(secret)), (41, os.mkfifo), (42, Path.mkdir)):
        file = leave(tmp_path, night=night) / "result.json"
        file.unlink()
        make(file)
    past = read_runs(tmp_path, "rentals")
    assert (len(past.runs), past.damaged) == (1, len(damaged) + 3)
    assert keep_home(tmp_path)
    assert f"{len(damaged) + 3} results could not be read" in Page(page(tmp_path)).text
    assert "a secret" not in page(tmp_path)


def test_odd_values_are_no_figures(tmp_path: Path) -> None:
    odd = '{"name": "m", "value": NaN, "low": 1e999, "high": true, "baseline": "7", "champion": -Infinity}'
    leave(tmp_path, content=json.dumps(record()).replace('"metrics": [', f'"metrics": [{odd}, ', 1))
    leave(tmp_path, night=1, verdict=None, stages=[], seconds=None, data=[], parameters={}, quarantine={})
    assert keep_home(tmp_path)
    (newest, older) = read_runs(tmp_path, "rentals").runs
    assert older.metrics[0].model_dump(exclude={"name", "unit"}) == dict.fromkeys(
        ("value", "low", "high", "baseline", "champion")
    )
    assert (newest.took, newest.cached, newest.source) == (0, None, "")


def test_links_and_odd_names_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    leave(elsewhere, answer="from elsewhere")
    output = tmp_path / "out"
    output.mkdir()
    (output / "linked").symlink_to(elsewhere / "rentals")
    leave(output, "a<b", answer="odd name")
    leave(output, ".hidden", answer="hidden")
    write_home(output)
    assert "No run has left a result here yet" in page(output)
    assert not list(elsewhere.rglob("index.html"))


def test_a_page_of_somebody_else_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path)
    (tmp_path / "index.html").write_text("<h1>My own site</h1>")
    assert keep_home(tmp_path, "rentals") is None
    assert page(tmp_path) == "<h1>My own site</h1>"
    assert "stays as it is" in capsys.readouterr().err
    (tmp_path / "index.html").unlink()
    (tmp_path / "index.html").symlink_to(tmp_path / "target")
    assert keep_home(tmp_path, "rentals") is None
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), ValueError("odd"), RecursionError("deep")])
def test_a_home_that_cannot_be_written_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise fault

    leave(tmp_path)
    monkeypatch.setattr(home, "_write", fail)
    assert keep_home(tmp_path, "rentals") is None
    assert str(fault.args[-1]) in capsys.readouterr().err


def test_a_turn_that_does_not_come_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from filelock import FileLock

    monkeypatch.setattr(home, "PATIENCE", 0.05)
    with FileLock(tmp_path / ".home.lock"):
        assert keep_home(tmp_path) is None
    assert "other runs have been writing it" in capsys.readouterr().err


def test_runs_that_end_together_are_all_there(tmp_path: Path) -> None:
    def ends(night: int) -> None:
        flow = f"case{night % 3}"
        leave(tmp_path, flow, night, answer=f"Answer of night {night}.")
        keep_home(tmp_path, flow)

    threads = [threading.Thread(target=ends, args=[night]) for night in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for case in range(3):
        text = Page(page(tmp_path, f"case{case}/index.html")).text
        assert all(f"Answer of night {night}." in text for night in range(12) if night % 3 == case)
        assert f"Answer of night {9 + case}." in page(tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_read_does_not_grow_with_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_RUNS", 5)
    for night in range(12):
        leave(tmp_path, night=night, answer=f"Answer of night {night}.")
    past = read_runs(tmp_path, "rentals", results.MOST_RUNS)
    assert [run.answer[-3:] for run in past.runs] == ["11.", "10.", " 9.", " 8.", " 7."]
    assert past.older == 7


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=12), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_line_stays_in_its_box(values: list[float | None], crowned: bool) -> None:
    runs = [
        result(metrics=[{"name": "m", "value": value, "champion": value}], crowned=crowned, night=night)
        for night, value in enumerate(values)
    ]
    over = line(runs, "m")
    known = [value for value in values if value is not None]
    assert (over is None) == (len(known) < 2)
    if over:
        assert all(0 <= x <= 100 and 0 <= y <= 30 for x, y in over.own)
        assert (over.first, over.last) == (known[-1], known[0])
        assert over.champion.count("M") + over.champion.count("L") == len(known)


def test_the_line_is_that_of_the_champion() -> None:
    nights = [mae(25.0), mae(24.0, 25.0), mae(26.0, 25.0), mae(20.0, 25.0)]
    runs = [result(metrics=metrics, crowned=place in (0, 3)) for place, metrics in enumerate(nights)][::-1]
    over = line(runs, "mae")
    assert over is not None
    assert (over.first, over.last, over.low, over.high, len(over.crowned)) == (25.0, 20.0, 20.0, 25.0, 2)


def test_changes_name_what_turned_better_and_worse() -> None:
    good, bad = result(), result(verdict={"met": False, "sentence": ""}, quarantine={"total": 9})
    assert [(item.words, item.kind) for item in changes(bad, good)] == [
        ("criterion met → not met", "worse"),
        ("put aside: 3 → 9", "plain"),
    ]
    assert changes(good, bad)[0].kind == "better"
    assert changes(good, good) == []
    assert changes(good, None) == []


def test_the_pages_are_well_formed(tmp_path: Path) -> None:
    for night in range(3):
        leave(tmp_path, night=night, metrics=mae(25 - night, 25.0))
    write_home(tmp_path)
    for name in ("index.html", "rentals/index.html"):
        html = page(tmp_path, name).replace("<!doctype html>", "").replace("&nbsp;", " ")
        body = html[html.index("<body>") : html.index("</html>")]
        ids = [node.get("id") for node in ET.fromstring(body).iter() if node.get("id")]
        assert len(ids) == len(set(ids))
