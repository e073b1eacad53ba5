"""Are the nearest pictures the right ones, and does the index find the nearest?

Two questions, two measures. Whether neighbours share the query's label (precision at k, average precision) tells how
good the features are, and is measured leave-one-out against all other labelled pictures, with exact search. Whether
the index finds the neighbours that exact search finds (recall) tells what its speed costs.

A collection often holds a picture twice. Its copy is an easy first hit that says nothing about unseen pictures, so
every figure is given twice: as it comes, and with the query's near-duplicates taken out of its ranking.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.training.nearest.classic_lsh import ClassicIndex
from tasks.training.nearest.hashing import ExactIndex, Index
from tasks.training.nearest.vectors import BLOCK, lengths_of, widen

DEPTH = 10
LIMIT = 10_000
SEED = 19_680_501
TIMED = 200
TIMING_SECONDS = 5
TOLERANCE = 1e-5
"""Cosines closer than this are equally near: two programs that add in another order differ by less."""
SUFFIXES = ("", "_no_duplicates")


def group_codes(duplicates: pd.DataFrame | None, n: int) -> np.ndarray:
    """Return the near-duplicate group of each of `n` pictures, int64 (n,); a picture without one is its own group."""
    codes = np.arange(n)
    if duplicates is not None and len(duplicates):
        first = duplicates.groupby("group")["number"].transform("min").to_numpy()
        codes[duplicates["number"].to_numpy()] = first
    return codes


def _nearest(vectors: np.ndarray, queries: np.ndarray, excluded: list[np.ndarray], k: int) -> list[np.ndarray]:
    """Return the rows nearest to the rows `queries`, nearest first, once for each array of codes in `excluded`.

    A row with the code of the query is left out of its ranking. -1 where nothing is left.
    """
    wide = widen(np.asarray(vectors[queries]))
    wide /= lengths_of(wide)[:, None]
    best = [np.full((len(queries), k), -np.inf, np.float32) for _ in excluded]
    rows = [np.full((len(queries), k), -1, np.int64) for _ in excluded]
    for start in range(0, len(vectors), 4 * BLOCK):
        block = widen(np.asarray(vectors[start : start + 4 * BLOCK]))
        similarity = wide @ (block / lengths_of(block)[:, None]).T
        here = np.broadcast_to(np.arange(start, start + len(block)), similarity.shape)
        for i, codes in enumerate(excluded):
            same = codes[queries][:, None] == codes[start : start + len(block)]
            both = np.concatenate([best[i], np.where(same, np.float32(-np.inf), similarity)], axis=1)
            top = np.argpartition(-both, k - 1, axis=1)[:, :k]
            best[i] = np.take_along_axis(both, top, 1)
            rows[i] = np.take_along_axis(np.concatenate([rows[i], here], axis=1), top, 1)
    order = [np.lexsort((row, -near)) for near, row in zip(best, rows, strict=True)]
    rows = [np.where(np.isneginf(near), -1, row) for near, row in zip(best, rows, strict=True)]
    return [np.take_along_axis(row, by, 1) for row, by in zip(rows, order, strict=True)]


def average_precision(hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Return the average precision at k of rankings `hits` (q, k), bool, with `relevant` (q,) pictures to be found.

    The precision at each rank that holds a relevant picture, summed and divided by min(k, relevant), the most that k
    ranks can hold (C. Manning et al., "Introduction to Information Retrieval", 2008, 8.4, cut off at k).
    """
    k = hits.shape[1]
    precision = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    return (precision * hits).sum(axis=1) / np.clip(relevant, 1, k)


class Random(NamedTuple):
    """What a random ranking scores on average, per query."""

    p1: np.ndarray
    p5: np.ndarray
    ap10: np.ndarray


def random_ranking(relevant: np.ndarray, others: np.ndarray) -> Random:
    """Return the expected scores of a random order of `others` (q,) pictures, `relevant` (q,) of them relevant.

    Rank i holds a relevant picture with chance R / M, and ranks i and j both do with chance R (R - 1) / (M (M - 1)).
    """
    r, m = np.asarray(relevant, float), np.maximum(np.asarray(others, float), 1)
    one, two = r / m, r * (r - 1) / (m * np.maximum(m - 1, 1))
    ranks = np.arange(1, DEPTH + 1)
    there = ranks <= m[:, None]
    gain = (one[:, None] + (ranks - 1) * two[:, None]) / ranks * there
    return Random(one, one * np.minimum(5, m) / 5, gain.sum(axis=1) / np.clip(r, 1, DEPTH))


@stage(phase="Evaluation")
def per_query_scores(
    manifest: pd.DataFrame, vectors: np.ndarray, duplicates: pd.DataFrame, limit: int = LIMIT, seed: int = SEED
) -> pd.DataFrame:
    """Score the exact neighbours of each labelled picture among all other labelled ones (leave-one-out).

    Precision at k divides by k also where fewer than k relevant pictures exist. Pictures without a label are left out
    on both sides, since nobody knows whether they are relevant. Two sets of features are compared case by case: the
    rows are the same for the same manifest.

    Args:
        manifest: one row per picture, with `label` ("" for none).
        vectors: float16 (n, d), of the same pictures.
        duplicates: `group`, `number`, as `find_duplicates` has it.
        limit: the most queries; a larger collection is sampled.
        seed: of the sample.

    Returns:
        `number`, `label`, `group` (of near-duplicates), `relevant`, `others`, `p1`, `p5`, `ap10`, and the last five
        with the suffix `_no_duplicates`, the query's near-duplicates taken out. NaN where nothing is relevant.
    """
    labels, names = pd.factorize(manifest["label"].astype(str))
    labelled = np.flatnonzero(manifest["label"].astype(str).to_numpy() != "")
    groups = group_codes(duplicates, len(manifest))[labelled]
    labels = labels[labelled]
    queries = np.arange(len(labelled))
    if len(queries) > limit:
        queries = np.sort(np.random.default_rng(seed).choice(len(labelled), limit, replace=False))
    chosen = labels[queries]
    scores: dict[str, Any] = {"number": labelled[queries], "label": names.to_numpy()[chosen], "group": groups[queries]}
    usable = vectors if len(labelled) == len(vectors) else np.asarray(vectors[labelled])
    excluded = [np.arange(len(labelled)), groups]
    alone = len(np.unique(groups)) == len(groups)
    rankings = _rankings(usable, queries, excluded[:1]) * 2 if alone else _rankings(usable, queries, excluded)
    for suffix, codes, ranking in zip(SUFFIXES, excluded, rankings, strict=True):
        hits = (ranking >= 0) & (labels[ranking] == chosen[:, None])
        relevant, others = _to_be_found(labels, codes, queries)
        scores |= {f"relevant{suffix}": relevant, f"others{suffix}": others}
        found = {"p1": hits[:, 0] * 1.0, "p5": hits[:, :5].mean(axis=1), "ap10": average_precision(hits, relevant)}
        scores |= {f"{name}{suffix}": np.where(relevant > 0, value, np.nan) for name, value in found.items()}
    return pd.DataFrame(scores)


def _rankings(vectors: np.ndarray, queries: np.ndarray, excluded: list[np.ndarray]) -> list[np.ndarray]:
    """Return the first ten neighbours per kind of exclusion, a thousand queries at a time so that memory stays flat."""
    parts = [_nearest(vectors, queries[i : i + 1000], excluded, DEPTH) for i in range(0, len(queries), 1000)]
    empty = np.empty((0, DEPTH), np.int64)
    return [np.concatenate([empty, *(part[i] for part in parts)]) for i in range(len(excluded))]


def _to_be_found(labels: np.ndarray, codes: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many relevant pictures, and how many in all, are left for each query when its own code is left out."""
    frame = pd.DataFrame({"label": labels, "code": codes})
    per_label = frame.groupby("label")["code"].transform("size")
    per_code = frame.groupby("code")["label"].transform("size")
    both = frame.groupby(["label", "code"])["label"].transform("size")
    return (per_label - both).to_numpy()[queries], (len(frame) - per_code).to_numpy()[queries]


@stage(phase="Evaluation")
def evaluate_retrieval(scores: pd.DataFrame) -> list[Metric]:
    """Return precision@1, precision@5 and map@10 of `per_query_scores`, each also without near-duplicates.

    The baseline of each is what a random ranking scores on average. No metrics where no label has two pictures.
    """
    metrics = []
    for suffix in SUFFIXES:
        kept = scores[scores[f"relevant{suffix}"] > 0]
        chance = random_ranking(kept[f"relevant{suffix}"].to_numpy(), kept[f"others{suffix}"].to_numpy())
        left = len(scores) - len(kept)
        note = f"{left} pictures left out: no other picture has their label" if left else ""
        for name, column in (("precision@1", "p1"), ("precision@5", "p5"), ("map@10", "ap10")):
            if len(kept):
                low, high = _interval(kept[f"{column}{suffix}"].to_numpy(), kept["group"].to_numpy(), column == "p1")
                metrics.append(
                    Metric(
                        name=name + suffix,
                        value=float(kept[f"{column}{suffix}"].mean()),
                        low=low,
                        high=high,
                        n=len(kept),
                        baseline=float(getattr(chance, column).mean()),
                        note=note,
                    )
                )
    return metrics


def _interval(values: np.ndarray, groups: np.ndarray, share: bool) -> tuple[float | None, float | None]:
    """Return the exact interval of a share of independent cases, else the bootstrap over groups of near-duplicates."""
    alone = len(np.unique(groups)) == len(groups)
    if share and alone:
        return exact_binomial(int(values.sum()), len(values))
    low, high = bootstrap(values, groups=None if alone else groups)
    return (None, None) if np.isnan(low) else (low, high)


class IndexRow(BaseModel):
    """How one index did on the queries."""

    index: str
    recall: float = Field(description="share of the nearest `neighbours` of exact search that the index finds")
    low: float | None
    high: float | None
    ms_per_query: float = Field(description="median over single queries, one thread")
    bytes_per_vector: float = Field(description="what a query reads of every vector, such as its code")
    bytes_with_vectors: float = Field(description="all that the index keeps per vector")


class IndexReport(BaseModel):
    """Recall, time and size of the index next to exact search and textbook hashing, on the same queries."""

    rows: list[IndexRow]
    metrics: list[Metric]
    vectors: int
    queries: int
    neighbours: int


@stage(phase="Evaluation")
def evaluate_index(
    index: Index, vectors: np.ndarray, neighbours: int = DEPTH, queries: int = 1000, seed: int = SEED
) -> IndexReport:
    """Compare `index` over `vectors` (row i under id i) with exact search and textbook hashing (10 bits, 5 tables).

    Each of a sample of the pictures is looked up, and itself taken out of the answer: a picture finds itself in any
    index. A neighbour as near as the last of exact search counts as found. Times are of single queries in one thread,
    and differ from run to run.

    Args:
        index: over `vectors`.
        vectors: float16 (n, d).
        neighbours: how many to find; one less than the pictures where these are fewer.
        queries: the most pictures to look up.
        seed: of the sample.

    Returns:
        One row per index, and the metrics of `index` named recall@k, ms_per_query, bytes_per_vector and
        bytes_with_vectors; no rows and no metrics where there are fewer than two pictures.
    """
    k = min(neighbours, len(vectors) - 1)
    if k < 1:
        return IndexReport(rows=[], metrics=[], vectors=len(vectors), queries=0, neighbours=0)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:queries])
    exact = index if isinstance(index, ExactIndex) else ExactIndex(vectors)
    least = _others(exact, vectors, chosen, k)[:, -1]
    compared: dict[str, Index | ClassicIndex] = {index.kind: index, "exact": exact, "classic": ClassicIndex(vectors)}
    rows = [_index_row(name, one, vectors, chosen, least, k) for name, one in compared.items()]
    metrics = _index_metrics(rows[0], rows[-1], k, len(chosen))
    return IndexReport(rows=rows, metrics=metrics, vectors=len(vectors), queries=len(chosen), neighbours=k)


def _others(index: Index | ClassicIndex, vectors: np.ndarray, chosen: np.ndarray, k: int) -> np.ndarray:
    """Return the cosines of the `k` neighbours of each of the pictures `chosen`, itself not among them."""
    found = index.search(np.asarray(vectors[chosen]), k + 1)
    order = np.argsort(found.ids == chosen[:, None], axis=1, kind="stable")[:, :k]
    return np.take_along_axis(found.similarity, order, 1)


def _index_row(
    name: str, index: Index | ClassicIndex, vectors: np.ndarray, chosen: np.ndarray, least: np.ndarray, k: int
) -> IndexRow:
    recall = (_others(index, vectors, chosen, k) >= least[:, None] - TOLERANCE).mean(axis=1)
    low, high = bootstrap(recall)
    return IndexRow(
        index=name,
        recall=float(recall.mean()),
        low=None if np.isnan(low) else low,
        high=None if np.isnan(high) else high,
        ms_per_query=milliseconds(index, vectors, chosen, k),
        bytes_per_vector=float(index.bytes_per_vector),
        bytes_with_vectors=float(index.bytes_with_vectors),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold numpy's and faiss' products to one thread, and give the process its threads back afterwards."""
    import faiss
    from threadpoolctl import threadpool_limits

    before = faiss.omp_get_max_threads()
    try:
        with threadpool_limits(1):
            faiss.omp_set_num_threads(1)
            yield
    finally:
        faiss.omp_set_num_threads(before)


def milliseconds(index: Index | ClassicIndex, vectors: np.ndarray, chosen: np.ndarray, k: int) -> float:
    """Return the median time of looking up one of the pictures `chosen` at a time, in one thread, in ms."""
    times: list[float] = []
    with one_thread():
        index.search(np.asarray(vectors[chosen[:1]]), k)
        for number in chosen[:TIMED]:
            query = np.asarray(vectors[number : number + 1])
            start = time.perf_counter()
            index.search(query, k)
            times.append(time.perf_counter() - start)
            if sum(times) > TIMING_SECONDS and len(times) >= 20:
                break
    return float(np.median(times) * 1000)


def _index_metrics(row: IndexRow, classic: IndexRow, k: int, n: int) -> list[Metric]:
    """Return the row as metrics, textbook hashing as the baseline of each."""
    note = "baseline: textbook hashing, 10 bits and 5 tables"
    recall = Metric(
        name=f"recall@{k}", value=row.recall, low=row.low, high=row.high, n=n, baseline=classic.recall, note=note
    )
    units = {"ms_per_query": "ms", "bytes_per_vector": "bytes", "bytes_with_vectors": "bytes"}
    sizes = [
        Metric(name=name, value=getattr(row, name), unit=unit, baseline=getattr(classic, name), n=n, note=note)
        for name, unit in units.items()
    ]
    return [recall, *sizes]
