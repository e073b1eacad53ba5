"""Which class is this picture? The published model asked about pictures that nobody has sorted."""

import pandas as pd

from tasks.cases.image_classes.evaluation.classify import Card, classify_by_head, classify_by_network
from tasks.evaluation.champions import Champion
from tasks.ingestion.asked import existing
from tasks.publishing.predictions import Answered
from tasks.training.networks.heads import LinearHead

NONE = "none of these"


def predict(champion: Champion, given: str) -> Answered:
    """Classify a picture, or every picture of a folder or archive: the best classes with their chances.

    Args:
        champion: whose stored results answer.
        given: path of a picture, or of a folder, zip or tar of pictures.
    """
    picture = existing(given, "a picture, or a folder of pictures")
    card = champion.artifacts["card"].load(Card)
    model = champion.artifacts["model"]
    asked = (
        classify_by_head.fn(picture, picture.name, model.load(LinearHead), card)
        if card.kind == "head"
        else classify_by_network.fn(picture, picture.name, model.load(), card)
    )
    first = asked.table[asked.table["rank"] == 1]
    told = [NONE if row.refused else row[4] for row in first.itertuples(index=False)]
    if len(first) == 1:
        best = first.iloc[0]
        answer = (
            f"None of the {len(card.classes)} classes; the nearest is {best['class']} ({best['chance'] * 100:.0f} %)."
            if best["refused"]
            else f"This is {best['class']} ({best['chance'] * 100:.0f} %)."
        )
    else:
        counts = pd.Series(told).value_counts()
        named = ", ".join(f"{count:,} {name}" for name, count in counts.head(5).items())
        answer = f"{len(first):,} pictures: {named}{' and others' if len(counts) > 5 else ''}."
    warnings = [f"{row.path}: {row.detail}." for row in asked.quarantine.head(5).itertuples()]
    return Answered(asked.table, answer, warnings)
