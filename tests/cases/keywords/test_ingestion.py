"""Text files of every kind, cut into chapters: books as published, and files that are none."""

from pathlib import Path

import pandas as pd
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.keywords.ingestion import FEWEST_WORDS, read_texts
from tasks.cases.keywords.sample import BOOKS, CHAPTERS, write_keywords
from tasks.cases.keywords.training import pick_keywords
from tasks.features.text.tfidf import weigh_words
from tasks.features.text.words import tokenise
from tasks.ingestion.encodings import checked_encoding
from tasks.platform.errors import UsageError

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


RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему в этом доме. " * 3
CHINESE = "所有人类成员生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。"
HEBREW = "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. " * 5


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (CHINESE, "gbk"),
        (CHINESE, "gb18030"),
        (PROSE + "Käse, Straße", "cp1252"),
    ],
)
def test_texts_of_other_encodings_are_read(tmp_path: Path, text: str, encoding: str):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    documents, quarantine = read(tmp_path)
    assert quarantine.empty
    assert documents["text"].tolist() == [text.strip()]


def test_a_text_that_could_be_in_two_encodings_is_put_aside_unless_its_encoding_is_known(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(HEBREW.encode("cp1255"))
    documents, quarantine = read(tmp_path)
    assert documents.empty
    assert quarantine["reason"].tolist() == ["unknown-encoding"]
    assert "say which (encoding)" in quarantine["detail"].iloc[0]
    told = read_texts.fn([tmp_path / "a.txt"], "auto", "cp1255").frame
    assert told["text"].tolist() == [HEBREW.strip()]
    with pytest.raises(UsageError, match="no encoding 'klingon'"):
        checked_encoding("klingon")
    assert checked_encoding("GBK") == "gbk"
    with pytest.raises(UsageError, match="no encoding 'hex'"):
        checked_encoding("hex")


def test_the_other_files_decide_where_a_text_could_be_in_two_encodings(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(RUSSIAN.lower().encode("cp1251"))  # without capitals KOI8 looks as well
    assert read(tmp_path)[1]["reason"].tolist() == ["unknown-encoding"]
    (tmp_path / "b.txt").write_bytes(RUSSIAN.encode("cp1251"))
    documents, quarantine = read(tmp_path)
    assert quarantine.empty
    assert documents["encoding"].tolist() == ["cp1251", "cp1251"]


SMALL = (
    "The Project Gutenberg Etext of a book\n\n***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nroyalties"
    " of net profits\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n"
)


@pytest.mark.parametrize(
    "text",
    [
        SMALL * 1 + PROSE + "\nEnd of the Project Gutenberg Etext of a book\nroyalties",
        PROSE * 9 + "\n" + SMALL.partition("\n\n")[2],
        SMALL.replace("*END*THE", "*END THE") + PROSE + "\nEnd of this Project Gutenberg Etext\nroyalties",
    ],
)
def test_the_small_print_of_old_etexts_is_left_out(tmp_path: Path, text: str):
    (tmp_path / "a.txt").write_text(text)
    documents, _ = read(tmp_path)
    assert documents["text"].iloc[0].replace(PROSE.strip(), "").strip() == ""


def test_the_texts_that_people_have(shared: Path):
    cases = shared / "cases"
    if not (cases / "keywords-mixed").exists():
        pytest.skip("../shared/cases/keywords-mixed is missing")
    documents, quarantine = read(cases / "keywords-mixed" / "texts")
    assert quarantine.empty
    words = pick_keywords.fn(weigh_words.fn(documents), 4, 0.3).groupby("document")["word"].agg("".join)
    scripts = {"hi": "Devanagari", "ru": "Cyrillic", "zh": "Han", "en": "Latin"}
    for name, found in words.items():
        assert regex.fullmatch(rf"[\p{{{scripts[name[:2]]}}}\p{{M}}]+", found)
    assert {"हिन्दी", "किताब"} <= set(tokenise(documents.set_index("document")["text"]["hi1"]))
    old, aside = read(cases / "keywords-old-gutenberg" / "texts")
    assert aside.empty
    assert not old["text"].str.contains("small print|royalties|Gutenberg").any()
