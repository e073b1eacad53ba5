"""What is a word? One definition for every engine, so that their counts can be equal."""

import math
import re
import unicodedata

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LONGEST = 100  # characters; what is longer is no word
FEW_DOCUMENTS = 4  # with fewer, a word in most of them may still tell them apart


def tokenise(text: str) -> list[str]:
    """Return the words of `text` in order: letters, with apostrophes inside, in lower case and composed (NFC)."""
    whole = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return [word for word in WORD.findall(whole) if len(word) <= LONGEST]


def most_documents(total: int, share: float) -> int:
    """Return in how many of `total` documents a word may occur and still tell them apart.

    That is `share` of them and at least one; of fewer than `FEW_DOCUMENTS`, all.
    """
    return max(1, math.floor(share * total + 1e-9)) if total >= FEW_DOCUMENTS else total
