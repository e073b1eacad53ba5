"""Which words tell a document from the others? TF-IDF with scikit-learn, on one machine.

The weight of a word is 1 + ln(count) times ln((1 + n) / (1 + df)) + 1 with n documents of which df contain it, and each
document's weights are scaled to length 1 (scikit-learn's smoothed definition with sublinear counts: a word that comes
ten times as often is not ten times as telling; K. Spärck Jones, "A statistical
interpretation of term specificity", Journal of Documentation, 1972).
"""

from typing import Any

import numpy as np
import pandas as pd

from tasks.features.text.words import tokenise
from tasks.platform.stage import stage

SCHEME: dict[str, Any] = {"smooth_idf": True, "sublinear_tf": True, "norm": "l2"}


@stage(phase="Data preparation")
def weigh_words(documents: pd.DataFrame) -> pd.DataFrame:
    """Count and weigh the words of documents with scikit-learn.

    Args:
        documents: `document` and `text`.

    Returns:
        A row per document and word, by both: `document`, `word`, `count`, `weight` (TF-IDF).
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    counter = CountVectorizer(analyzer=tokenise)
    counts = counter.fit_transform(documents["text"]).tocsr()
    weights = TfidfTransformer(**SCHEME).fit_transform(counts.astype(np.float64)).tocsr()
    counts.sort_indices()
    weights.sort_indices()
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    names = documents["document"].to_numpy(object)
    table = pd.DataFrame(
        {
            "document": names[row],
            "word": counter.get_feature_names_out()[counts.indices],
            "count": counts.data.astype(np.int64),
            "weight": weights.data,
        }
    )
    return table.sort_values(["document", "word"], ignore_index=True)


@stage(phase="Evaluation")
def compare_engines(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, float]:
    """Compare two tables of weights row by row.

    Args:
        ours: `document`, `word`, `count`, `weight`.
        theirs: the same of another engine.

    Returns:
        `rows` of the first, `only_ours` and `only_theirs` (rows that the other lacks), `counts_differ` (rows), and the
        largest difference of a weight, `weight_difference`.
    """
    both = ours.merge(theirs, on=["document", "word"], how="outer", suffixes=("", "_theirs"), indicator=True)
    shared = both[both["_merge"] == "both"]
    apart = (shared["weight"] - shared["weight_theirs"]).abs()
    return {
        "rows": len(ours),
        "only_ours": int((both["_merge"] == "left_only").sum()),
        "only_theirs": int((both["_merge"] == "right_only").sum()),
        "counts_differ": int((shared["count"] != shared["count_theirs"]).sum()),
        "weight_difference": float(apart.max()) if len(apart) else 0.0,
    }
