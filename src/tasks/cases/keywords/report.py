"""What does the report on key words say? The words of each document, how they were counted, and how good they are."""

import pandas as pd

from tasks.cases.keywords.evaluation import Recall
from tasks.cases.keywords.figures import draw_keywords, draw_minhash, draw_zipf
from tasks.evaluation.metrics import Metric
from tasks.features.text.words import has_pairs
from tasks.platform.stage import stage
from tasks.publishing.blocks import Section, Table, Text
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

GOOD_GAIN = 0.1
SHOWN = 60
NO_WORDS = "none: it shares all its words with too many others"
MAP_REDUCE = (
    "Counting is map-reduce. The documents lie in blocks of lines, spread over the partitions. Map turns every block"
    " into pairs, ((document, word), 1) for each word, on whichever machine holds it. Combine adds up what one"
    " partition holds before anything travels. Shuffle sends all pairs of one key to one place, and reduce adds them up"
    " there. A second round counts the documents that contain each word."
)


@stage(phase="Deployment")
def describe_keywords(
    documents: pd.DataFrame,
    keywords: pd.DataFrame,
    frequencies: pd.DataFrame,
    exact: pd.DataFrame,
    metrics: list[Metric],
    settings: dict[str, float | int | str],
    steps: pd.DataFrame | None = None,
    engines: dict[str, float] | None = None,
    found: pd.DataFrame | None = None,
    recall: Recall | None = None,
) -> Findings:
    """Say what was found.

    Args:
        documents: `document`, `file`, `title`, `text`.
        keywords: `document`, `rank`, `word`, `count`, `weight`, `documents`.
        frequencies: `rank`, `word`, `count`.
        exact: similar pairs, complete for the documents they were looked for among.
        metrics: of the run.
        settings: `engine`, `max_share`, `similar`, `tables`.
        steps: rows after each step of the map-reduce; None without Spark.
        engines: how the weights of both engines compare; None when one ran.
        found: similar pairs by MinHash; None without Spark.
        recall: of MinHash.
    """
    shown = _spread(_marked(documents, keywords))
    hero = [
        figure_block(
            draw_keywords(keywords, shown),
            f"Bar charts of the key words of {', '.join(shown)}" if shown else "No document has a key word",
            "The words with the largest TF-IDF weight; words that many documents share are left out.",
        )
    ]
    sections = [
        words_section(keywords, documents),
        _counting(steps, engines, frequencies),
        _similar(exact, found, recall, settings),
    ]
    return Findings(
        answer=_answer(documents, keywords, metrics),
        verdict=_verdict(metrics, engines),
        hero=hero,
        sections=sections,
        metrics=metrics,
        limits=_limits(settings, documents, keywords),
    )


def _marked(documents: pd.DataFrame, keywords: pd.DataFrame) -> list[str]:
    """Return the names of the documents that have key words, in the order in which they were read."""
    return documents.loc[documents["document"].isin(keywords["document"]), "document"].tolist()


def _spread(names: list[str]) -> list[str]:
    """Return six names, spread over all."""
    return names[:: max(1, len(names) // 6)][:6]


def _answer(documents: pd.DataFrame, keywords: pd.DataFrame, metrics: list[Metric]) -> str:
    marked = _marked(documents, keywords)
    if not marked:
        return (
            f"No word tells the {len(documents):,} documents apart: each of their words occurs in all of them, or in"
            " more than `max_share` allows."
        )
    without = len(documents) - len(marked)
    none = f" {without:,} of them {'have' if without > 1 else 'has'} none." if without else ""
    words = ", ".join(keywords.loc[keywords["document"] == marked[0], "word"].head(3))
    mrr = metrics[0]
    return (
        f"{marked[0]} stands out by {words}. Over {len(documents):,} documents the key words lead from one half of a"
        f" document to the other with a mean reciprocal rank of {mrr.value:.2f}, plain counts with"
        f" {mrr.baseline:.2f}.{none}"
    )


def _taken_for(documents: pd.DataFrame) -> str:
    """Name the files that are in no Unicode encoding, by what they were taken for."""
    files = documents.drop_duplicates("file")
    other = files[~files["encoding"].str.startswith("utf")].groupby("encoding")["file"].agg(list)
    return "; ".join(
        f"{', '.join(names[:3])}{f' and {len(names) - 3:,} more' if len(names) > 3 else ''} ({encoding})"
        for encoding, names in other.items()
    )


def _verdict(metrics: list[Metric], engines: dict[str, float] | None) -> Verdict:
    mrr = metrics[0]
    gain = mrr.value - (mrr.baseline or 0)
    said = f"The gain over plain counts is {gain:+.2f} (good: {GOOD_GAIN:.2f} or more)"
    met = gain >= GOOD_GAIN
    if engines:
        same = not (engines["only_ours"] or engines["only_theirs"] or engines["counts_differ"])
        equal = same and engines["weight_difference"] <= 1e-9
        met = met and equal
        said += "; both engines agree" if equal else "; the two engines do not agree"
    return Verdict(met=met, sentence=f"{said}.")


def words_section(keywords: pd.DataFrame, documents: pd.DataFrame) -> Section:
    """Return the key words of every document, in reading order."""
    words = keywords.groupby("document")["word"].agg(list).to_dict()
    table = documents[["document"]].copy()
    table["words"] = [", ".join(words.get(name, [])) or NO_WORDS for name in table["document"]]
    block = Table.from_frame(
        table,
        {"document": "document", "words": "key words, the weightiest first"},
        limit=SHOWN,
        whole="keywords.csv, with counts and weights",
    )
    return Section(title="The words of each document", blocks=[block])


def _counting(steps: pd.DataFrame | None, engines: dict[str, float] | None, frequencies: pd.DataFrame) -> Section:
    blocks: list[object] = []
    if steps is not None:
        blocks.append(Text(paragraphs=[MAP_REDUCE]))
        blocks.append(
            Table.from_frame(
                steps, {"step": "step", "what": "what there is after it", "rows": "rows"}, {"rows": ",.0f"}
            )
        )
    if engines is not None:
        sentence = (
            f"scikit-learn and Spark were asked the same question. Of {engines['rows']:,.0f} weights,"
            f" {engines['only_ours'] + engines['only_theirs']:,.0f} are missing on one side,"
            f" {engines['counts_differ']:,.0f} counts differ, and the largest difference of a weight is"
            f" {engines['weight_difference']:.1e}."
        )
        blocks.append(Text(paragraphs=[sentence]))
    blocks.append(
        figure_block(
            draw_zipf(frequencies),
            "Occurrences of every word against its rank on logarithmic axes",
            "Each point is a word of the whole collection.",
        )
    )
    return Section(title="How the words were counted", blocks=blocks)


def _similar(
    exact: pd.DataFrame, found: pd.DataFrame | None, recall: Recall | None, settings: dict[str, float | int | str]
) -> Section:
    blocks: list[object] = []
    pairs = exact if found is None else found
    intro = (
        f"Pairs whose sets of words have a Jaccard index of {settings['similar']} or more, words in more than"
        f" {float(settings['max_share']):.0%} of the documents left out."
    )
    if len(pairs):
        blocks.append(
            Table.from_frame(
                pairs.head(200),
                {"first": "document", "second": "is like", "jaccard": "Jaccard index"},
                {"jaccard": ".3f"},
                limit=20,
                whole="similar.csv",
            )
        )
    else:
        blocks.append(Text(paragraphs=["No two documents are that similar; try a smaller value of `similar`."]))
    if found is not None and recall is not None:
        expected = "" if recall.expected is None else f" (theory expects {recall.expected:.1%})"
        if recall.true:
            sentence = (
                f"MinHash with {settings['tables']} hash functions found {recall.found:,} of {recall.true:,} similar"
                f" pairs{expected}, and {recall.wrong:,} that are none."
            )
            blocks.append(Text(paragraphs=[sentence]))
            drawing = draw_minhash(found, exact, int(settings["tables"]))
            blocks.append(figure_block(drawing, "Share of similar pairs found by MinHash against their similarity"))
    return Section(title="Documents that share their words", intro=intro, blocks=blocks)


def _limits(settings: dict[str, float | int | str], documents: pd.DataFrame, keywords: pd.DataFrame) -> list[str]:
    limits = [
        "A word is a run of letters in lower case: nothing is stemmed, so that “whale” and “whales” are two words.",
        "What the right key words are is not known; that halves of a document find each other is the nearest measure.",
    ]
    if has_pairs(keywords["word"]):
        limits.append(
            "In scripts without blanks between words (Chinese, Japanese, Thai, …) each pair of neighbouring characters"
            " counts as a word: a longer word shows as its pairs, and some pairs go over the end of a word."
        )
    if len(taken := _taken_for(documents)):
        limits.append(
            f"Not in Unicode, and taken for what they look like: {taken}. Say `encoding` where that is wrong."
        )
    if settings["engine"] == "sklearn":
        limits.append("Similar documents were compared one with all others; MinHash needs the engine spark or both.")
    else:
        limits.append(
            "On a cluster the package casebook has to be installed on the workers: they cut texts into words."
        )
    return limits
