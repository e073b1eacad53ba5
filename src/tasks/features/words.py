"""What is a word? One definition for every engine, so that their counts can be equal."""

import re
import unicodedata

import numpy as np

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LONGEST = 100  # characters; what is longer is no word


def tokenise(text: str) -> list[str]:
    """Return the words of `text` in order: letters, with apostrophes inside, in lower case and composed (NFC)."""
    whole = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return [word for word in WORD.findall(whole) if len(word) <= LONGEST]


def inverse_document_frequency(documents: int, containing: np.ndarray) -> np.ndarray:
    """Return ln((1 + n) / (1 + df)) + 1, smoothed as scikit-learn does it, for words in `containing` of n documents."""
    return np.asarray(np.log((1.0 + documents) / (1.0 + containing)) + 1.0)
