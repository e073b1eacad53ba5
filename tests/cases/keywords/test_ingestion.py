"""Text files of every kind, cut into chapters: books as published, and files that are none."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.keywords.ingestion import FEWEST_WORDS, read_texts
from tasks.cases.keywords.sample import BOOKS, CHAPTERS, write_keywords
from tasks.features.text.words import tokenise

PROSE = "the quick brown fox jumps over the lazy dog and runs away from it all, far into the dark wood, alone at last. "


def read(folder: Path, split: str = "auto") -> tuple[pd.DataFrame, pd.DataFrame]:
    texts = read_texts.fn(sorted(folder.iterdir()), split)
    return texts.frame, texts.quarantine


def test_the_sample_is_read_chapter_by_chapter(tmp_path: Path):
    write_keywords(tmp_path)
    documents, quarantine = read(tmp_path)
    assert documents["document"].tolist() == [f"{book} {n}" for book in BOOKS for n in range(1, CHAPTERS + 1)]
    assert quarantine[["path", "reason"]].to_numpy().tolist() == [["blank-page.txt", "empty"]]
    assert not documents["text"].str.contains("CHAPTER|EBOOK|licence").any()


def test_the_public_books_have_all_their_chapters(shared: Path):
    files = [shared / "data" / "texts" / name for name in ("moby-dick.txt", "tom-sawyer.txt")]
    documents, quarantine = read_texts.fn(files)
    assert len(documents) == 173
    assert quarantine[["path", "reason"]].to_numpy().tolist() == [["tom-sawyer (contents)", "contents"]]
    numbers = documents[documents["number"] > 0].groupby("file")["number"].agg(list)
    assert numbers["moby-dick.txt"] == list(range(1, 136))
    assert numbers["tom-sawyer.txt"] == list(range(1, 36))
    texts = documents.set_index("document")["text"]
    assert texts["moby-dick 1"].startswith("Call me Ishmael.")
    assert texts["tom-sawyer 2"].startswith("SATURDAY morning was come")
    assert "Project Gutenberg" not in " ".join(texts)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str):
    quoted = "" if encoding == "latin-1" else "don’t"
    text = f"Straße und Käse, {PROSE}{quoted}".replace("\n", "\r\n")
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    documents, quarantine = read(tmp_path)
    assert documents["text"].iloc[0].startswith("Straße und Käse")
    assert quoted in documents["text"].iloc[0]
    assert quarantine.empty


def test_what_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.cases.keywords.ingestion.LARGEST", 5000)
    (tmp_path / "binary.txt").write_bytes(b"MZ\0\0" + PROSE.encode())
    (tmp_path / "blank.txt").write_bytes(b"\n \n")
    (tmp_path / "short.txt").write_bytes(b"three words only")
    (tmp_path / "large.txt").write_bytes(b"a " * 3000)
    (tmp_path / "odd16.txt").write_bytes(b"\xff\xfe\x00\xd8" + b"a")
    (tmp_path / "good.txt").write_text(PROSE)
    documents, quarantine = read(tmp_path)
    assert documents["document"].tolist() == ["good"]
    reasons = dict(zip(quarantine["path"], quarantine["reason"], strict=True))
    assert reasons == {
        "binary.txt": "not-text",
        "blank.txt": "empty",
        "short": "too-short",
        "large.txt": "too-large",
        "odd16.txt": "not-text",
    }


@pytest.mark.parametrize(
    ("split", "expected"),
    [("auto", ["b"]), ("files", ["b"]), ("chapters", ["b 1", "b 4"])],
)
def test_two_chapters_make_no_book_unless_asked_for(tmp_path: Path, split: str, expected: list[str]):
    (tmp_path / "b.txt").write_text(f"CHAPTER 1. One\n\n{PROSE}\n\nChapter IV\n\n{PROSE}")
    assert read(tmp_path, split)[0]["document"].tolist() == expected


def test_of_two_chapters_with_one_number_the_longer_counts(tmp_path: Path):
    contents = "".join(f"CHAPTER {n}. A name\n\n" for n in range(1, 5))
    body = "".join(f"CHAPTER {n}. A name\n\nunique{'abcd'[n - 1]} {PROSE}\n\n" for n in range(1, 5))
    (tmp_path / "b.txt").write_text(contents + body)
    documents, quarantine = read(tmp_path)
    assert documents["number"].tolist() == [1, 2, 3, 4]
    assert all(text.startswith("unique") for text in documents["text"])
    assert quarantine.empty


def test_each_book_of_a_novel_may_begin_at_chapter_1(tmp_path: Path):
    novel = "".join(
        f"BOOK {book}\n\n" + "".join(f"CHAPTER {n}\n\nbook{book} {PROSE}\n\n" for n in (1, 2, 3))
        for book in ("I", "II")
    )
    contents = "".join(f"CHAPTER {n}. A name\n\n" for n in (1, 2, 3)) * 2
    for start in ("", contents):
        (tmp_path / "b.txt").write_text(start + novel)
        documents, quarantine = read(tmp_path)
        assert documents["document"].tolist() == ["b 1", "b 2", "b 3", "b 1 (2)", "b 2 (2)", "b 3 (2)"]
        assert [text[:6].strip() for text in documents["text"]] == ["bookI"] * 3 + ["bookII"] * 3
        assert quarantine.empty


def test_what_follows_the_table_of_contents_is_put_aside_by_name(tmp_path: Path):
    contents = "".join(f"CHAPTER {n}\n\n" for n in (1, 2, 3))
    (tmp_path / "b.txt").write_text(contents + f"Foreword: {PROSE}\n\n" + contents.replace("\n\n", f"\n\n{PROSE}\n\n"))
    documents, quarantine = read(tmp_path)
    assert documents["document"].tolist() == ["b 1", "b 2", "b 3"]
    assert not documents["text"].str.contains("Foreword").any()
    assert quarantine[["path", "reason"]].to_numpy().tolist() == [["b (contents)", "contents"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_headings_are_found_whatever_the_encoding_and_the_ends_of_lines(tmp_path: Path, encoding: str, end: str):
    text = "".join(f"{heading}\n\né {PROSE}\n\n" for heading in ("PROLOGUE", "CHAPTER 1", "CHAPTER 2. Two", "EPILOGUE"))
    (tmp_path / "b.txt").write_bytes(text.replace("\n", end).encode(encoding))
    documents = read(tmp_path)[0]
    assert documents["document"].tolist() == ["b prologue", "b 1", "b 2", "b epilogue"]
    assert not documents["text"].str.contains("\r").any()


def test_numbers_alone_are_too_short_for_a_document(tmp_path: Path):
    (tmp_path / "numbers.txt").write_text("12 345 6.78\n" * 100)
    documents, quarantine = read(tmp_path)
    assert documents.empty
    assert quarantine.to_numpy().tolist() == [["numbers", "too-short", "0 words, at least 20 are wanted"]]


@given(st.text(max_size=400))
def test_any_text_is_read_or_put_aside(tmp_path_factory: pytest.TempPathFactory, text: str):
    file = tmp_path_factory.mktemp("texts") / "any.txt"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    texts = read_texts.fn([file])
    assert len(texts.frame) + len(texts.quarantine) >= 1
    assert all(len(tokenise(text)) >= FEWEST_WORDS for text in texts.frame["text"])
