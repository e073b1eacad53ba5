"""The key-word case end to end: planted words in the report, both engines equal, the second run cached."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.cases.keywords.sample import truth
from tasks.platform.errors import ContractError, UsageError


@pytest.mark.slow
def test_the_sample_from_end_to_end_and_again(prefect_server: str, spark: Any):
    from flows.keywords import keywords

    report = Path(keywords())
    result = json.loads((report.parent / "result.json").read_text())
    metrics = {metric["name"]: metric for metric in result["metrics"]}
    assert metrics["mrr"]["value"] > metrics["mrr"]["baseline"] + 0.1
    assert metrics["recall_minhash"]["value"] == 1
    page = report.read_text()
    assert "0 counts differ" in page
    planted = truth().keywords["the-glass-harbour 1"]
    assert any(word in result["answer"] for word in planted)
    assert (report.parent / "similar.csv").read_text().count("\n") == 7
    again = json.loads((Path(keywords()).parent / "result.json").read_text())
    live = {"locate", "read_champion", "promote", "publish_report"}
    assert {stage["name"] for stage in again["stages"] if stage["state"] == "ran"} <= live
    assert again["metrics"] == result["metrics"]


def run(folder: Path, files: list[str], **options: Any) -> dict[str, Any]:
    """Run the case with scikit-learn on files d0.txt, d1.txt, ... and return the report's contents."""
    from flows.keywords import keywords

    folder.mkdir()
    for n, text in enumerate(files):
        (folder / f"d{n}.txt").write_text(text)
    return json.loads(
        (Path(keywords(source=str(folder), engine="sklearn", **options)).parent / "result.json").read_text()
    )


def test_documents_without_key_words(prefect_server: str, tmp_path: Path):
    shared = "alpha beta gamma delta epsilon " * 8
    own = [f"{shared} {word} {word} {word}" for word in ("", "whale", "ship", "harbour", "orchard")]
    result = run(tmp_path / "first", own)
    assert result["answer"].startswith("d1 stands out by whale.")
    result = run(tmp_path / "none", [shared] * 4)
    assert result["answer"].startswith("No word tells the 4 documents apart")
    assert not result["verdict"]["met"]


def test_files_of_numbers_are_put_aside(prefect_server: str, tmp_path: Path):
    with pytest.raises(ContractError, match="at least 2 documents"):
        run(tmp_path / "numbers", ["12 345 6 " * 40] * 3)


def test_wrong_sources_are_named(prefect_server: str, tmp_path: Path):
    from flows.keywords import keywords

    with pytest.raises(UsageError, match="no such file or folder"):
        keywords(source=str(tmp_path / "missing"), engine="sklearn")
    (tmp_path / "one.txt").write_text("only one document, which is not enough to tell it from any other one " * 3)
    with pytest.raises(ContractError, match="at least 2 documents"):
        keywords(source=str(tmp_path), engine="sklearn")
