"""The report: hostile text stays text, secrets stay out, every list is cut with its number named, JSON is JSON."""

import base64
import csv
import hashlib
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.cases.similarity.figures.pictures import class_scores
from tasks.evaluation.metrics import Metric
from tasks.figures.style import figure_to_svg
from tasks.platform.run import StageRecord
from tasks.publishing import page
from tasks.publishing.blocks import Column, Figure, Gallery, Section, Table, Text, Tile
from tasks.publishing.page import duration, interval_bar, number
from tasks.publishing.report import (
    DataRecord,
    LineageRow,
    QuarantineRow,
    Report,
    Verdict,
    csv_bytes,
    jsonable,
    lineage_rows,
    masked,
    quarantine_rows,
    result_record,
    write_report,
)
from tasks.validation.contract import RuleResult

START = datetime(2026, 3, 4, 13, 5, 11, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "holiday\u202egpj.exe",
    "bell\x07 null\x00 escape\x1b[31m",
    "caf\udce9.jpg",
    "👩‍🚀 宇航员 رائد فضاء",
    "x" * 5000,
]


def render(report: Report) -> str:
    return page.render(masked(report))


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, the text outside style and script, and the scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.text += "" if self._inside in ("style", "script") else data
        self.scripts += [data] if self._inside == "script" else []


def minimal(**more: Any) -> Report:
    given = {"flow": "similarity", "run": "r1", "started": START, "question": "Which one?", "answer": "This one."}
    return Report(**{**given, **more})


def everything(word: str) -> Report:
    """Return a report that shows `word` in every place there is."""
    svg = figure_to_svg(class_scores([(word, 0.5)]))
    table = Table(columns=[word, "n"], rows=[[word, 1], [word, None]], caption=word, limit=1, whole=word)
    tile = Tile(jpeg=PNG, title=word, subtitle=word, alt=word, accent=True)
    gallery = Gallery(tiles=[tile, Tile(title=word, accent=False)], lead=tile, caption=word)
    blocks = [Figure(svg=svg, alt=word, caption=word), table, gallery, Text(paragraphs=[word])]
    safe = word.encode("utf-8", "replace").decode()
    return Report(
        flow=word,
        run=word,
        started=START,
        question=word,
        answer=word,
        verdict=Verdict(met=False, sentence=word),
        parameters={word: word, "list": [word], "map": {word: word}},
        data=[DataRecord(source=word, sha256="ab", rows=3, note=word)],
        metrics=[Metric(name=safe, value=0.5, low=0.4, high=0.6, baseline=0.1, champion=0.45, note=safe)],
        contract=[
            RuleResult(
                rule=safe, severity="critical", passed=False, checked=9, broken=2, examples=[safe[:99]], detail=safe
            )
        ],
        quarantine=[QuarantineRow(path=word, reason=word, detail=word)],
        stages=[StageRecord(name=safe, phase=safe, state="ran", seconds=1.0)],
        sections=[Section(title=word, intro=word, blocks=blocks)],
        hero=[gallery],
        lineage=[LineageRow(artifact=word, made_by=word, sources=[word], when=START)],
        command=word,
        champion=word,
        limits=[word],
    )


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(word: str) -> None:
    html = render(everything(word))
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert page.scripts == []  # too few rows to sort
    assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "template"}
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/")), (tag, attributes)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert "49" not in page.text or "7 * 7" in page.text
    html.encode("utf-8")


def test_stray_characters_are_made_visible() -> None:
    text = Page(render(everything("a\u202eb\x07c\udce9d"))).text
    assert "a[U+202E]b\u2407c\\xe9d" in text


def test_endless_text_is_cut_with_its_length_named() -> None:
    html = render(minimal(limits=["start" + "x" * 50_000 + "end"]))
    assert len(html) < 60_000
    assert "49,408 characters left out" in html
    assert "start" in html
    assert "end</li>" in html
    assert "characters left out" not in render(minimal(limits=["x" * 615]))


def sortable(word: str) -> Report:
    report = everything(word)
    rows = Table(columns=[word, "n"], rows=[[word, i] for i in range(9)])
    return report.model_copy(update={"hero": [rows]})


@pytest.mark.parametrize("word", ["plain", "</script><script>alert(1)</script>"])
def test_the_page_loads_nothing_and_runs_only_what_sorts_its_tables(word: str) -> None:
    seen = Page(html := render(sortable(word)))
    policy = next(a["content"] for t, a in seen.elements if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy
    (script,) = seen.scripts
    assert script == (Path(page.__file__).parent / "templates" / "tables.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.findall(r"script-src [^;]*", policy) == [f"script-src 'sha256-{digest}'"]
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?://|url\((?!#)|@import", html)
    assert not re.search(r"eval|innerHTML|Function|fetch|XMLHttp|document\.write|localStorage", script)


def test_figures_are_named_in_words() -> None:
    metrics = [Metric(name="recall@10", value=0.5), Metric(name="half_width", value=7.0, unit="%")]
    text = Page(render(minimal(metrics=metrics))).text
    assert "recall at 10" in text
    assert "half width of the interval" in text
    assert not re.search("recall@10|half_width", text)


def test_a_line_never_breaks_before_a_sign_and_names_are_set_as_code() -> None:
    html = render(minimal(answer="It cost 5 € or 3 % of `orders-db`, says `<b>`."))
    assert "5\u202f€ or 3\u202f% of <code>orders-db</code>, says <code>&lt;b&gt;</code>." in html


def test_files_beside_the_page_are_links_wherever_they_are_named() -> None:
    figure = Figure(svg=figure_to_svg(class_scores([("a", 0.5)])), alt="a", caption="More in rows.csv.")
    blocks = [Text(paragraphs=["See rows.csv."]), figure, Table(columns=["a"], rows=[], caption="From rows.csv.")]
    artifacts = {"rows": "rows.csv", "docs": "docs/index.html", "report": "report.html", "result": "result.json"}
    artifacts |= {"out": "../secret.csv", "web": "https://example.org/a.csv", "bad": "javascript:alert(1).csv"}
    report = minimal(
        sections=[Section(title="s", blocks=blocks)],
        artifacts=artifacts | {"quarantine": "quarantine.csv"},
        quarantine=[QuarantineRow(path="a", reason="empty")],
    )
    hrefs = [a["href"] for tag, a in Page(render(report)).elements if tag == "a" and not a["href"].startswith("#")]
    assert hrefs.count("rows.csv") == 4
    assert hrefs.count("quarantine.csv") == 2
    assert set(hrefs) == {"rows.csv", "docs/index.html", "result.json", "quarantine.csv"}


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    report = everything("word")
    elements = Page(render(report.model_copy(update={"sections": report.sections * 3}))).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {href[1:] for _, a in elements if (href := a.get("href") or "").startswith("#")}
    assert targets <= set(ids)


def test_pictures_have_alternative_text_and_tables_headers() -> None:
    elements = Page(render(everything("word"))).elements
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    assert all(attributes.get("aria-label") for tag, attributes in elements if attributes.get("role") == "img")
    tables = sum(tag == "table" for tag, _ in elements)
    assert tables
    assert sum(tag == "thead" for tag, _ in elements) == tables
    assert {attributes.get("scope") for tag, attributes in elements if tag == "th" and "scope" in attributes} <= {
        "col",
        "row",
        "rowgroup",
    }


def test_a_report_of_nothing_but_the_question_renders() -> None:
    html = render(minimal())
    text = Page(html).text
    assert "Which one?" in text
    assert "This one." in text
    for heading in ("How good it is", "Data and contract", "Put aside", "Stages", "Limits", "Criterion"):
        assert heading not in text
    assert "None" not in text


def test_empty_blocks_say_so() -> None:
    blocks = [Gallery(tiles=[]), Table(columns=["a"], rows=[]), Text(paragraphs=[])]
    text = Page(render(minimal(sections=[Section(title="Empty", blocks=blocks), Section(title="Emptier")]))).text
    assert "No pictures to show." in text
    assert "no rows" in text


@pytest.mark.parametrize(
    ("met", "words"), [(True, "Criterion met"), (False, "Criterion not met"), (None, "Not decided")]
)
def test_the_verdict_is_told_in_words(met: bool | None, words: str) -> None:
    assert words in Page(render(minimal(verdict=Verdict(met=met, sentence="0.89 was wanted")))).text


def test_long_lists_are_cut_with_the_number_named() -> None:
    table = Table(columns=["i"], rows=[[i] for i in range(30_000)], whole="rows.csv")
    report = minimal(
        sections=[Section(title="s", blocks=[table])],
        quarantine=[QuarantineRow(path=f"p{i}", reason="empty") for i in range(9_000)],
        lineage=[LineageRow(artifact=str(i), made_by="m") for i in range(5_000)],
        stages=[StageRecord(name=f"s{i}", phase="Modelling", state="ran", seconds=0) for i in range(500)],
    )
    html = render(report)
    text = Page(html).text
    assert len(html) < 300_000
    assert "The first 40 of 30,000 rows. All of them: rows.csv." in text
    assert "The first 25 of 9,000; all of them in quarantine.csv." in text
    assert "The first 200 of 5,000 steps." in text
    assert "The first 200 of 500 stages." in text
    assert "empty 9,000" in text


def test_cells_are_formatted_and_aligned() -> None:
    rows = [["a", 0.12345, True, float("nan")], ["b", np.float32(2), False, pd.NA], ["c", None, None]]
    table = Table(columns=["name", Column(title="v", format=".2f"), "yes?", "gap"], rows=rows)
    html = render(minimal(sections=[Section(title="s", blocks=[table])]))
    assert '<td class="right"><bdi>0.12</bdi></td>' in html
    assert '<td class="right"><bdi>2.00</bdi></td>' in html
    assert '<td class="left"><bdi>yes</bdi></td>' in html
    assert '<td class="left"><bdi>–</bdi></td>' in html
    assert '<th scope="row" class="left"><bdi>a</bdi></th>' in html


def test_table_from_frame_takes_titles_and_formats() -> None:
    frame = pd.DataFrame({"a": ["x"], "b": [1.5], "c": [3]})
    table = Table.from_frame(frame, {"b": "B", "a": "A"}, {"b": ".1f"})
    assert [column.title for column in table.columns] == ["B", "A"]
    assert table.rows == [[1.5, "x"]]
    assert [column.title for column in Table.from_frame(frame).columns] == ["a", "b", "c"]


def test_secrets_are_in_neither_file(tmp_path: Path) -> None:
    secret = "hunter2"
    address = f"https://me:{secret}@example.org/a.zip?sig={secret}"
    report = minimal(
        parameters={"api_token": secret, "source": address, "nested": {"password": secret}},
        data=[DataRecord(source=address, note=f"token={secret}")],
        command=f"python flows/x.py --source {address} --api-token {secret}",
        quarantine=[QuarantineRow(path="a", reason="download", detail=f"403 for {address}")],
        limits=[f"see {address}"],
        lineage=[LineageRow(artifact="a", made_by="m", sources=[address])],
        artifacts={"model": f"s3://key:{secret}@bucket/model"},
        sections=[Section(title="s", blocks=[Table(columns=["a"], rows=[[address]]), Text(paragraphs=[address])])],
    )
    write_report(report, tmp_path)
    for name in ("report.html", "result.json", "quarantine.csv"):
        text = (tmp_path / name).read_text("utf-8")
        assert secret not in text, name
        assert "•••" in text
    assert report.parameters["api_token"] == secret, "the report itself is left as it was"


def test_result_holds_the_agreed_keys(tmp_path: Path) -> None:
    write_report(everything("word"), tmp_path)
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert {"flow", "question", "answer", "parameters", "data", "metrics", "stages", "artifacts"} <= set(result)
    assert result["data"] == [{"source": "word", "sha256": "ab", "rows": 3}]
    assert result["metrics"] == [
        {"name": "word", "value": 0.5, "unit": "", "low": 0.4, "high": 0.6, "baseline": 0.1, "champion": 0.45}
    ]
    assert result["stages"] == [{"name": "word", "phase": "word", "state": "ran", "seconds": 1.0}]
    assert result["artifacts"]["report"] == "report.html"
    assert result["quarantine"] == {"total": 1, "reasons": {"word": 1}}
    assert result["started"] == "2026-03-04T13:05:11+00:00"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=80)
    | st.datetimes()
    | st.builds(lambda n: np.float32(n), st.floats(width=32))
    | st.just(Path("a/b"))
    | st.just("caf\udce9"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=20), json_values, max_size=5), st.floats(), st.floats() | st.none())
@settings(max_examples=60, deadline=None)
def test_result_is_always_valid_json(parameters: dict[str, Any], value: float, low: float | None) -> None:
    report = minimal(parameters=parameters, metrics=[Metric(name="m", value=value, low=low, high=value)])
    text = json.dumps(result_record(report), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    result = json.loads(text)
    assert result["metrics"][0]["value"] == (value if math.isfinite(value) else None)
    Page(render(report))


@given(st.text(alphabet=st.characters(), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_into_the_page(word: str) -> None:
    html = render(minimal(limits=[word], champion=word, parameters={word or "x": word}))
    html.encode("utf-8")
    assert not any(tag == "script" for tag, _ in Page(html).elements)


def test_a_lineage_is_told_where_it_is_not_known_when() -> None:
    entry = {"digest": "ab" * 32, "kind": "frame", "stage": "read", "inputs": {"file": ["cd" * 32]}, "started": None}
    (row,) = lineage_rows([entry])
    assert (row.made_by, row.sources, row.when) == ("read", ["cd" * 6], None)
    ran = StageRecord(name="fit", phase="Modelling", state="cached", seconds=0.0)
    assert "<bdi>read</bdi>" in render(minimal(lineage=[row], stages=[ran]))


def test_jsonable_knows_odd_types() -> None:
    assert jsonable({"a": {3, 1}, "b": (np.int64(2), float("inf")), "c": b"\0" * 100, "d": Path("x")}) == {
        "a": [1, 3],
        "b": [2, None],
        "c": "100 bytes",
        "d": "x",
    }


def test_spreadsheet_formulas_are_defused(tmp_path: Path) -> None:
    evil = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", 'quote",x\nnewline', "ok.jpg"]
    write_report(minimal(quarantine=[QuarantineRow(path=path, reason="r", detail=path) for path in evil]), tmp_path)
    with (tmp_path / "quarantine.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [path.replace("\r", "␍") for path in evil]
    assert [row["path"] for row in rows] == [f"'{path}" if path[0] != "␍" else path for path in told[:-2]] + told[-2:]
    assert rows[0]["detail"].startswith("'=")


def test_a_later_report_leaves_nothing_of_the_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    path = write_report(minimal(quarantine=[QuarantineRow(path="a", reason="b")]), folder)
    assert path == folder / "report.html"
    assert sorted(item.name for item in folder.iterdir()) == ["quarantine.csv", "report.html", "result.json"]
    write_report(minimal(answer="Another."), folder)
    assert sorted(item.name for item in folder.iterdir()) == ["report.html", "result.json"]
    assert "Another." in path.read_text("utf-8")


def test_an_unsafe_figure_is_left_out_and_the_rest_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = Figure(svg='<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', alt="two <b>curves</b>")
    page = write_report(minimal(sections=[Section(title="s", blocks=[bad])]), tmp_path).read_text("utf-8")
    assert "A figure is left out (two &lt;b&gt;curves&lt;/b&gt;). The figure holds a &lt;script&gt;" in page
    assert "alert(1)" not in page
    assert "<script" not in page
    assert "A figure is left out" in capsys.readouterr().err
    assert json.loads((tmp_path / "result.json").read_text("utf-8"))["answer"] == minimal().answer


@pytest.mark.parametrize("odd", ["\x00", "\x1b[31m", "\u202e", "\u2066", "\x85", "\x7f", "\udcff"])
def test_no_file_of_a_report_holds_what_cannot_be_seen(odd: str, tmp_path: Path) -> None:
    text = f"gpj{odd}exe"
    rows = [QuarantineRow(path=text, reason=text, detail=text)]
    write_report(minimal(answer=text, quarantine=rows, parameters={text: text}, limits=[text]), tmp_path)
    frame = pd.DataFrame({text: [text], "n": [1]})
    written = [csv_bytes(frame), *(file.read_bytes() for file in tmp_path.iterdir())]
    assert len(written) == 4
    for content in written:
        assert odd not in content.decode()
        assert b"gpj" in content


def test_a_failed_write_leaves_the_old_page_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write_report(minimal(), tmp_path).read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report(minimal(answer="Another."), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir() if item.suffix == ".part") == []


def test_a_report_survives_being_stored_as_json() -> None:
    report = everything("word")
    assert Report.model_validate_json(report.model_dump_json()) == report
    stored = json.loads(json.dumps(report.model_dump(mode="json")))
    again = TypeAdapter(Report).validate_python(stored)
    assert again == report
    assert render(again) == render(report)


def test_pictures_are_inlined_by_what_they_are() -> None:
    tiles = [Tile(jpeg=b"\xff\xd8\xff\xe0", title="a"), Tile(jpeg=PNG, title="b"), Tile(jpeg=b"GIF89a<svg", title="c")]
    html = render(minimal(hero=[Gallery(tiles=tiles)]))
    sources = [attributes["src"] for tag, attributes in Page(html).elements if tag == "img"]
    assert [source.split(";")[0] for source in sources if source] == ["data:image/jpeg", "data:image/png"]
    assert "no picture" in html


@pytest.mark.parametrize(("whole", "led"), [(True, False), (False, False), (True, True), (False, True)])
def test_pictures_are_shown_whole_or_as_squares(whole: bool, led: bool) -> None:
    tile = Tile(jpeg=PNG, title="b")
    html = render(minimal(hero=[Gallery(tiles=[tile], lead=tile if led else None, whole=whole)]))
    (figure,) = [
        attributes for tag, attributes in Page(html).elements if tag == "figure" and "gallery" in attributes["class"]
    ]
    kinds = set(figure["class"].split()) - {"gallery"}
    assert kinds == ({"whole"} if whole else set()) | ({"with-lead"} if led else set() if whole else {"few"})


def test_times_are_told_in_utc() -> None:
    east = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    report = Report(flow="f", question="q", answer="a", started=east)
    assert "31 December 2025, 23:30 UTC" in render(report)
    assert Report(flow="f", question="q", answer="a", started=datetime(2026, 1, 1)).started.tzinfo is UTC


def test_unknown_fields_and_missing_descriptions_are_refused() -> None:
    with pytest.raises(ValidationError):
        minimal(sectoins=[])
    with pytest.raises(ValidationError):
        Figure(svg="<svg/>", alt="")
    with pytest.raises(ValidationError):
        Table(columns=[], rows=[])


def test_lineage_and_quarantine_come_from_what_the_platform_and_ingestion_write() -> None:
    entry = {"digest": "ab" * 32, "kind": "frame", "part": "manifest", "stage": "read", "started": START.isoformat()}
    row = lineage_rows([{**entry, "inputs": {"a": ["cd" * 32, "ef" * 32]}}, {"digest": "x", "stage": "y"}])
    assert row[0].artifact == "abababababab (frame.manifest)"
    assert row[0].sources == ["cdcdcdcdcdcd", "efefefefefef"]
    assert row[1].when is None
    frame = pd.DataFrame({"path": ["caf\udce9"], "reason": ["empty"], "detail": ["no bytes"]})
    assert quarantine_rows(frame)[0].path == "caf\\xe9"
    assert quarantine_rows(frame.head(0)) == []


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.9, "", "0.900"),
        (1.0, "", "1.000"),
        (0.04567, "ms", "0.0457"),
        (2.611, "ms", "2.61"),
        (26.1, "ms", "26.1"),
        (12345.6, "EUR", "12,346"),
        (64.0, "bytes", "64"),
        (None, "", "–"),
        (float("nan"), "", "–"),
        (-0.5, "", "−0.500"),
        (1e-12, "s", "1.00e-12"),
        (1e20, "", "1e+20"),
        (10**30, "", "1e+30"),
        (512, "", "512"),
        (150.5, "s", "150"),
    ],
)
def test_numbers_are_told_as_readers_want_them(value: Any, unit: str, words: str) -> None:
    assert number(value, unit) == words


@given(st.floats(allow_nan=True, allow_infinity=True), st.text(max_size=3))
def test_any_number_can_be_told(value: float, unit: str) -> None:
    assert number(value, unit)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.00 s"),
        (0.004, "0.00 s"),
        (9.999, "10.0 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3900, "1 h 05 min"),
        (float("nan"), "–"),
        (-1, "–"),
    ],
)
def test_durations_are_told_as_readers_want_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(st.floats(), numbers, numbers, numbers, st.sampled_from(["", "ms"]))
def test_interval_bars_stay_on_their_scale(
    value: float, low: float | None, high: float | None, baseline: float | None, unit: str
) -> None:
    bar = interval_bar(Metric(name="m", value=value, unit=unit, low=low, high=high, baseline=baseline))
    assert bar is None or all(0 <= place <= 100 for place in bar.values())


def test_interval_bars_of_shares_span_zero_to_one() -> None:
    assert interval_bar(Metric(name="m", value=0.9, low=0.8, high=0.95)) == {"value": 90, "low": 80, "high": 95}
    assert interval_bar(Metric(name="m", value=float("nan"))) is None
