"""Two small books that nobody wrote: invented words with a known meaning for each chapter.

Every chapter has five key words of its own, which occur nowhere else, on a background that follows Zipf's law. Six
chapters of the second book repeat chapters of the first, with more and more words changed. The files look as Project
Gutenberg's do: a mark of the encoding, a preamble, a table of contents, numbered chapters, a licence at the end.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

SEED = 18_511_018
BOOKS = ("the-glass-harbour", "the-north-orchard")
CHAPTERS, WORDS, KEYS = 14, 700, 5
KEY_SHARE = 0.07  # of the words of a chapter
COPIES = {9: (5, 0.05), 10: (6, 0.15), 11: (7, 0.25), 12: (8, 0.35), 13: (9, 0.5), 14: (10, 0.6)}
"""Chapters of the second book that repeat one of the first: which, and the share of words that differ."""
SYLLABLES = """
ba be bo da del dor el en fa fen gal gor ha hin il ka kel lo lum ma mer na nor ol pa per ra ros sa sil ta tor u val ven
wi zan""".split()  # noqa: SIM905 - forty quotation marks are harder to read


class Truth(NamedTuple):
    """What is known of the sample."""

    keywords: dict[str, list[str]]  # chapter ("<book> 3") -> its five key words
    repeated: dict[tuple[str, str], float]  # a chapter and its near-copy -> share of words that differ


def _vocabulary(chance: np.random.Generator, count: int) -> list[str]:
    """Return `count` different words of two to four syllables."""
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(chance.choice(SYLLABLES, chance.integers(2, 5)))] = None
    return list(words)


def _plan() -> tuple[Truth, dict[str, list[str]]]:
    """Return the truth, and the words of every chapter in order."""
    chance = np.random.default_rng(SEED)
    names = [f"{book} {number}" for book in BOOKS for number in range(1, CHAPTERS + 1)]
    words = _vocabulary(chance, 1500 + KEYS * len(names))
    background, special = np.array(words[:1500]), words[1500:]
    weights = 1 / np.arange(1, 1501)
    keywords = {name: sorted(special[KEYS * i : KEYS * (i + 1)]) for i, name in enumerate(names)}
    texts = {}
    for name in names:
        drawn = chance.choice(background, WORDS, p=weights / weights.sum())
        places = chance.random(WORDS) < KEY_SHARE
        drawn[places] = chance.choice(np.array(keywords[name]), int(places.sum()))
        texts[name] = drawn.tolist()
    repeated = {}
    for to, (of, changed) in COPIES.items():
        first, second = f"{BOOKS[0]} {of}", f"{BOOKS[1]} {to}"
        copy, other = np.array(texts[first]), chance.random(WORDS) < changed
        copy[other] = chance.choice(background, int(other.sum()), p=weights / weights.sum())
        texts[second], keywords[second] = copy.tolist(), keywords[first]
        repeated[first, second] = changed
    return Truth(keywords, repeated), texts


def truth() -> Truth:
    """Return what is known of the sample."""
    return _plan()[0]


def _roman(number: int) -> str:
    return "X" * (number // 10) + ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"][number % 10]


def _prose(words: list[str], chance: np.random.Generator) -> str:
    """Set words as sentences and lines."""
    lines, start = [], 0
    while start < len(words):
        end = start + int(chance.integers(7, 15))
        sentence = " ".join(words[start:end])
        lines.append(f"{sentence[0].upper()}{sentence[1:]}.")
        start = end
    return "\n".join(lines)


def write_keywords(folder: Path) -> None:
    """Write the sample's books into `folder`."""
    _, texts = _plan()
    chance = np.random.default_rng(SEED + 1)
    for place, book in enumerate(BOOKS):
        title = book.replace("-", " ").title()
        number = (lambda n: str(n)) if place == 0 else _roman
        headings = [f"CHAPTER {number(n)}. Part {n}" for n in range(1, CHAPTERS + 1)]
        parts = [
            f"An invented book.\n\n*** START OF THIS EBOOK {title.upper()} ***\n\n{title}\n\nCONTENTS\n",
            *headings,
            "",
        ]
        for n, heading in enumerate(headings, 1):
            parts += [heading, "", _prose(texts[f"{book} {n}"], chance), ""]
        parts.append(f"*** END OF THIS EBOOK {title.upper()} ***\n\nCHAPTER 99. Of the licence, which is no chapter.\n")
        (folder / f"{book}.txt").write_text("\ufeff" + "\n".join(parts), "utf-8", newline="\n")
    (folder / "blank-page.txt").write_text(" \n", "utf-8")
