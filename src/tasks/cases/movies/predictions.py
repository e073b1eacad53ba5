"""What will this film earn? The published model asked about films that are not in its list."""

import pandas as pd

from tasks.cases.movies.features import describe_films
from tasks.cases.movies.ingestion import read_asked
from tasks.cases.movies.training import Calibration, Retransformation, predict_revenue
from tasks.evaluation.champions import Champion
from tasks.features.support import told, unlike
from tasks.publishing.predictions import Answered, file_given


def predict(champion: Champion, given: str) -> Answered:
    """Predict what films earn, in millions of dollars, with the interval that the model was published with.

    Args:
        champion: whose stored results answer.
        given: path of a CSV with the columns Title, Year, Score, Metascore, Genre, Vote, Director and Runtime.
    """
    asked = read_asked(file_given(given))
    parts = champion.artifacts
    low, high = parts["low"].load(), parts["high"].load()
    films, calibration = parts["films"].load(pd.DataFrame), parts["calibration"].load(Calibration)
    features = describe_films.fn(asked, pd.concat([films, asked], ignore_index=True))
    found = predict_revenue.fn(
        features, parts["model"].load(), parts["back"].load(Retransformation), low, high, calibration
    )
    table = pd.DataFrame({"title": asked["title"], **{name: found[name] for name in ("predicted", "low", "high")}})
    odd = unlike(asked, films, ["year", "score", "metascore", "votes", "runtime"])
    table["unlike"] = odd
    first, share = table.iloc[0], f"{calibration.level * 100:.0f} % of such films"
    answer = (
        f"{first['title']} earns about {first['predicted']:,.1f} million dollars; {share} earn"
        f" between {first['low']:,.1f} and {first['high']:,.1f} million."
        if len(table) == 1
        else f"{len(table):,} films, with the range that {share} fall into (millions of dollars)."
    )
    return Answered(table, answer, told(odd, "film"))
