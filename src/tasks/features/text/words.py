"""What is a word? One definition for every engine, so that their counts can be equal.

A word is a run of letters with their marks, so that Hindi keeps its vowel signs; apostrophes, and the joiners of
Persian and Indian scripts, may stand inside. Chinese, Japanese, Thai, Lao, Khmer and Burmese put no blanks between
words: there each pair of neighbouring characters counts as one (J. Nie, J. Gao, J. Zhang and M. Zhou, "On the use of
words and n-grams for Chinese information retrieval", IRAL 2000), a character being what a reader takes for one
(Unicode's extended grapheme cluster).
"""

import functools
import math
import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

LONGEST = 100  # characters; what is longer is no word
FEW_DOCUMENTS = 4  # with fewer, a word in most of them may still tell them apart
NO_BLANKS = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts without blanks between words. Japanese writes loan words in katakana, each a run of its own: a word."""
PLAIN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
ODD = re.compile(
    "[\u00b2\u00b3\u00b9\u00bc-\u00be\u0300-\u036f\u0483-\u0489\u0530-\u1dff\u200c\u200d\u2070-\u209f\u20d0-\u2bff"
    "\u2c80-\U0010ffff]"
)
"""Characters for which the quick pattern of the standard library would not do: marks, other scripts, raised digits."""


@functools.cache
def _patterns() -> tuple[Any, Any]:
    """Return the pattern of words and of runs without blanks, and that of characters."""
    import regex

    run = rf"(?:[[{NO_BLANKS}]&&[\p{{L}}]][\p{{M}}ー]*)+"
    letter = rf"[[\p{{L}}]--[{NO_BLANKS}]][\p{{M}}]*"
    word = rf"(?:{letter})+(?:['\u200c\u200d](?:{letter})+)*"
    return regex.compile(rf"(?V1)(?P<run>{run})|{word}"), regex.compile(r"\X")


def tokenise(text: str) -> list[str]:
    """Return the words of `text` in order: in lower case and composed (NFC), see above."""
    whole = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    if not ODD.search(whole):
        return [word for word in PLAIN.findall(whole) if len(word) <= LONGEST]
    words, characters = _patterns()
    found: list[str] = []
    for match in words.finditer(whole):
        run = match["run"]
        if run is None:
            found.append(match[0])
        else:
            single = characters.findall(run)
            found += [a + b for a, b in pairwise(single)] or single
    return [word for word in found if len(word) <= LONGEST]


def has_pairs(words: Iterable[str]) -> bool:
    """Tell whether some of these words are pairs of characters, of a script without blanks."""
    import regex

    return any(regex.match(rf"[{NO_BLANKS}]", word) for word in words)


def most_documents(total: int, share: float) -> int:
    """Return in how many of `total` documents a word may occur and still tell them apart.

    That is `share` of them and at least one; of fewer than `FEW_DOCUMENTS`, all.
    """
    return max(1, math.floor(share * total + 1e-9)) if total >= FEW_DOCUMENTS else total
