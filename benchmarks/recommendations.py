"""How good are lists of ten films by what needs one machine and no Spark, on each split? NDCG@10 on ratings held out.

    python benchmarks/recommendations.py FOLDER                      all splits of the ratings in a folder, zip or file
    python benchmarks/recommendations.py FOLDER --split time date    these only

Settings are chosen on validation ratings that are taken from the training part, as in the flow; what is printed is of
the test part. The gain is over the most liked films of all times and over those with the half-life that validation
chose, user by user, with its 95 % interval. `flows/recommendations.py` tells the same with ALS beside.
"""

import argparse
import time
from pathlib import Path

from tasks.cases.recommendations.features import index_ratings, split_ratings
from tasks.cases.recommendations.ingestion.read import WAYS, of_ratings, read_rating_files
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.items import EASE_GRID, KNN_GRID, fit_items, search_items
from tasks.cases.recommendations.training.ranking import per_user_quality
from tasks.evaluation.intervals import paired_difference
from tasks.ingestion.files import locate

RELEVANT = 4.0  # stars


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--split", nargs="+", default=["random", "time", "date"], choices=["random", "time", "date"])
    asked = parser.parse_args()
    read = read_rating_files.fn(of_ratings(locate.fn(str(asked.source), WAYS)).files)
    indexed = index_ratings.fn(read.ratings, read.films)
    shape = len(indexed.users), len(indexed.items)
    print("| split | method | settings | NDCG@10 | over the most liked | over the most liked, half-life | search, s |")
    print("|---|---|---|---:|---:|---:|---:|")
    for way in asked.split:
        train, test = split_ratings.fn(indexed.ratings, way, 0.1, 42)
        clock = time.perf_counter()
        found = search_items.fn(train, *shape, EASE_GRID["small"], KNN_GRID, RELEVANT)
        seconds = time.perf_counter() - clock
        ndcg = {}
        choices = {
            "all_time": Choice(method="popularity"),
            "popularity": found.popularity,
            "knn": found.knn,
            "ease": found.ease,
        }
        for name, choice in choices.items():
            model = fit_items.fn(train, *shape, choice, RELEVANT)
            table = per_user_quality(model.ranker(train, shape[0]), train, test, RELEVANT).table
            ndcg[name] = table["ndcg"].to_numpy()
            gains = [
                paired_difference(ndcg[name], ndcg[simple]) for simple in ("all_time", "popularity") if simple in ndcg
            ]
            told = [f"{gain.value:+.3f} ({gain.low:.3f} to {gain.high:.3f})" for gain in gains]
            settings = f"lambda {choice.regularisation:g}, others {choice.others:g}, popular {choice.popular:g}"
            settings = f"{settings}, half-life {choice.half_life:,.0f} days"
            cells = [way, name, settings, f"{ndcg[name].mean():.4f}", *[*told, "", ""][:2], f"{seconds:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
