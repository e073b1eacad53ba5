"""How good are the key words and the similar documents? Halves of documents that find each other, and recall.

Nobody has marked the right key words of a book. What can be measured without marks: each document is cut in half, and
the first half looks for the second among the second halves of all documents. Weights that bring out what a document is
about find it; the baseline, plain counts, is led astray by the words that all documents share.
"""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.features.text.tfidf import SCHEME
from tasks.features.text.words import most_documents, tokenise
from tasks.platform.stage import stage


def _reciprocal_ranks(first: object, second: object) -> np.ndarray:
    """Return 1 / rank of row i of `second` among all its rows, by cosine with row i of `first`; ties share a rank."""
    likeness = np.asarray((first @ second.T).todense())  # type: ignore[operator, attr-defined]
    own = np.diag(likeness)[:, None]
    return np.asarray(1.0 / (1 + (likeness > own).sum(axis=1) + ((likeness == own).sum(axis=1) - 1) / 2))


@stage(phase="Evaluation")
def halves_find_each_other(documents: pd.DataFrame, max_share: float, limit: int = 4000) -> Cases:
    """Score the weighting: each document's first half looks for its second half; every document is a case of its own.

    The weights of the second halves' collection are not told to the first halves: document frequencies come from the
    first halves alone.

    Args:
        documents: `document`, `text`.
        max_share: words in a larger share of the documents are left out, as in `pick_keywords`.
        limit: at most so many documents, spread evenly.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.preprocessing import normalize

    step = max(1, -(-len(documents) // limit))
    words = [tokenise(text) for text in documents["text"].iloc[::step]]
    first, second = ([part[: len(part) // 2] for part in words], [part[len(part) // 2 :] for part in words])
    counter = CountVectorizer(analyzer=list)
    ours, theirs = counter.fit_transform(first), counter.transform(second)
    plain = _reciprocal_ranks(normalize(ours.astype(float)), normalize(theirs.astype(float)))
    containing = np.asarray((ours > 0).sum(axis=0)).ravel()
    kept = np.flatnonzero(containing <= most_documents(len(words), max_share))
    if not len(kept):  # the documents share all their words: nothing tells one half from another, all of them tie
        nothing = sparse.csr_matrix((len(words), 1))
        return Cases(_reciprocal_ranks(nothing, nothing), np.arange(len(plain)), plain)
    weigh = TfidfTransformer(**SCHEME).fit(ours)
    weighed = [
        normalize(weigh.transform(half.astype(np.float64), copy=True).tocsc()[:, kept]).tocsr()
        for half in (ours, theirs)
    ]
    return Cases(_reciprocal_ranks(*weighed), np.arange(len(plain)), plain)


class Recall(BaseModel):
    """How many of the truly similar pairs were found."""

    found: int
    true: int
    wrong: int
    expected: float | None


@stage(phase="Evaluation")
def measure_recall(found: pd.DataFrame, exact: pd.DataFrame, tables: int) -> Recall:
    """Hold the pairs that hashing found against all that there are.

    Args:
        found: `first`, `second`, `jaccard`.
        exact: the same, complete.
        tables: number of hash functions; recall is expected to be the mean of 1 - (1 - J)^tables.
    """
    true = set(zip(exact["first"], exact["second"], strict=True))
    ours = set(zip(found["first"], found["second"], strict=True))
    expected = float((1 - (1 - exact["jaccard"]) ** tables).mean()) if len(exact) else None
    return Recall(found=len(ours & true), true=len(true), wrong=len(ours - true), expected=expected)


@stage(phase="Evaluation")
def summarise_keywords(
    scores: np.ndarray, baseline: np.ndarray, champion: np.ndarray | None, recall: Recall | None
) -> list[Metric]:
    """Return the figures of a run, with their 95 % intervals.

    Args:
        scores: reciprocal rank of each document's second half, (n,).
        baseline: the same by plain counts, (n,).
        champion: the same by the champion's weighting; None when it was not scored.
        recall: of MinHash; None when it was not used.
    """
    low, high = bootstrap(scores)
    metrics = [
        Metric(
            name="mrr",
            value=float(scores.mean()),
            low=low,
            high=high,
            n=len(scores),
            baseline=float(baseline.mean()),
            champion=None if champion is None else float(champion.mean()),
            note="mean reciprocal rank of a document's second half, looked for by its first half; baseline: counts",
        )
    ]
    hits, plain = scores == 1, baseline == 1
    low, high = exact_binomial(int(hits.sum()), len(hits))
    metrics.append(
        Metric(
            name="hit@1",
            value=float(hits.mean()),
            low=low,
            high=high,
            n=len(hits),
            baseline=float(plain.mean()),
            note="share of documents whose second half comes first",
        )
    )
    if recall and recall.true:
        low, high = exact_binomial(recall.found, recall.true)
        metrics.append(
            Metric(
                name="recall_minhash",
                value=recall.found / recall.true,
                low=low,
                high=high,
                n=recall.true,
                note="share of the truly similar pairs that MinHash found",
            )
        )
    return metrics
