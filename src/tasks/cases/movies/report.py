"""What the movies case has to say: how much of a film's revenue can be predicted, and the table that it fills."""

import numpy as np
import pandas as pd

from tasks.cases.movies.evaluation.missingness import Missingness
from tasks.cases.movies.evaluation.scores import LARGEST_ERRORS, is_inside, share_of_worst
from tasks.cases.movies.figures import (
    bands_figure,
    coverage_figure,
    error_curve,
    interval_examples,
    missing_by_votes,
    predicted_against_actual,
)
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.blocks import Section, Table, Text
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

ENOUGH_R2 = 0.5
NEAR = 0.02  # of the promised coverage
RANDOM_AUC = 0.55  # below it, films without revenue are hardly told from the others
SHOWN = 25  # films of the filled table on the page
DRAWN = 15  # films in the figure of intervals
MODEL_NAMES = {
    "ridge": "ridge regression",
    "forest": "extremely randomised trees",
    "boosting": "gradient boosting",
    "blend": "two parts boosting, one part randomised trees",
}


@stage(phase="Deployment")
def fill_revenue(missing: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Make the filled table: the films without revenue with point, low and high in millions of dollars.

    Args:
        missing: the films without revenue, (n, …).
        predictions: of the same films.

    Returns:
        `rank`, `title`, `year`, `director`, `votes`, `predicted`, `low`, `high`, the largest prediction first.
    """
    table = missing[["rank", "title", "year", "director", "votes"]].copy()
    for name in ("predicted", "low", "high"):
        table[name] = predictions[name].round(2).to_numpy()
    return table.sort_values(["predicted", "rank"], ascending=[False, True], kind="stable").reset_index(drop=True)


@stage(phase="Deployment")
def describe_movies(
    source: str,
    films: pd.DataFrame,
    test: pd.DataFrame,
    bands: pd.DataFrame,
    candidates: pd.DataFrame,
    chosen: str,
    predictions: pd.DataFrame,
    filled: pd.DataFrame,
    metrics: list[Metric],
    coverage: pd.DataFrame,
    concentration: pd.DataFrame,
    lacking: Missingness,
    medians: pd.DataFrame,
    level: float,
) -> Findings:
    """Say what was found.

    Args:
        source: what the user asked for.
        films: that keep the contract.
        test: the test films.
        bands: shares of films by band of revenue.
        candidates: models in cross-validation.
        chosen: name of the model that is used.
        predictions: of the test films.
        filled: the table of the films without revenue.
        metrics: on the test films.
        coverage: of the intervals by size of film.
        concentration: of the squared error.
        lacking: films with and without revenue compared.
        medians: the same as a table.
        level: of the intervals.
    """
    by_name = {metric.name: metric for metric in metrics}
    sections = [
        _filled(filled, level),
        intervals_section(coverage, by_name["coverage"], level),
        error_section(concentration, by_name, len(test)),
        missing_section(films, lacking, medians, by_name, level),
        models_section(candidates, chosen, bands, source),
    ]
    return Findings(
        answer=_answer(by_name, filled, level),
        verdict=_verdict(by_name, level),
        hero=[_hero(test, predictions, by_name["r2"], level)],
        sections=sections,
        metrics=metrics,
        limits=[*zeros_of(films), *limits_of(lacking)],
    )


def _answer(metrics: dict[str, Metric], filled: pd.DataFrame, level: float) -> str:
    r2, rmse, covered = metrics["r2"], metrics["rmse"], metrics["coverage"]
    told = f"{percent(r2.value)} [{percent(r2.low or 0)} to {percent(r2.high or 0)}] of the variation in revenue"
    error = f"the typical error (RMSE) is {rmse.value:.1f} million dollars instead of {rmse.baseline or 0:.1f}"
    if filled.empty:
        return f"No film lacks its revenue; {told} could be predicted: {error}."
    total, typical = filled["predicted"].sum(), filled["predicted"].median()
    return (
        f"The {len(filled):,} films without revenue are expected to have earned {total:,.0f} million dollars together,"
        f" half of them less than {typical:,.1f} million each. {told} can be predicted ({error}), and"
        f" {percent(covered.value, 1)} of unseen films lie inside their {level * 100:.0f} % interval."
    )


def _verdict(metrics: dict[str, Metric], level: float) -> Verdict:
    r2, covered = metrics["r2"].value, metrics["coverage"].value
    low, high = metrics["coverage"].low or 0, metrics["coverage"].high or 1
    enough, near = r2 >= ENOUGH_R2, abs(covered - level) <= NEAR + 1e-12
    holds = near or low <= level <= high
    kept = "within two points of" if near else "as near as so few films can tell to" if holds else "not"
    said = [
        f"R² is {r2:.2f}, {'at least' if enough else 'less than'} {ENOUGH_R2}",
        f"the {level * 100:.0f} % intervals cover {percent(covered, 1)}, {kept} what they promise",
    ]
    return Verdict(met=enough and holds, sentence=f"{said[0]}, and {said[1]}.")


def _hero(test: pd.DataFrame, predictions: pd.DataFrame, r2: Metric, level: float):  # type: ignore[no-untyped-def]  # noqa: ANN202
    revenue = test["revenue"].to_numpy(np.float64)
    drawn = predictions.assign(inside=is_inside(revenue, predictions))
    return figure_block(
        predicted_against_actual(revenue, drawn, r2.value, level),
        "Scatter of actual against predicted revenue; most points lie along the diagonal, widely spread.",
        "Each point is a film with a known revenue that was kept aside. Films far above the line earned more than any"
        " film of their votes, genre, year and director would lead one to expect.",
    )


def _filled(filled: pd.DataFrame, level: float) -> Section:
    if filled.empty:
        return Section(title="The filled table", intro="No film lacks its revenue, so nothing is filled in.")
    titles = {
        "title": "Film",
        "year": "Year",
        "director": "Director",
        "votes": "Votes",
        "predicted": "Expected (M$)",
        "low": f"Low ({level * 100:.0f} %)",
        "high": f"High ({level * 100:.0f} %)",
    }
    formats = {"year": ".0f", "votes": ",.0f", "predicted": ",.1f", "low": ",.1f", "high": ",.1f"}
    return Section(
        title="The filled table",
        intro="The films without revenue, the largest first. The expected revenue is a mean: many films earn less, a"
        " few much more. Use the range, not the point, for a single film; sums over many films may use the points.",
        blocks=[
            figure_block(
                interval_examples(filled.head(DRAWN), level),
                "The films with the largest expected revenue, each with its interval.",
            ),
            Table.from_frame(
                filled,
                titles,
                formats,
                limit=SHOWN,
                caption="Films without revenue; in millions of dollars.",
                whole="filled.csv",
            ),
        ],
    )


def intervals_section(coverage: pd.DataFrame, covered: Metric, level: float) -> Section:
    """Tell how many revenues lie in their intervals, and where fewest do."""
    titles = {
        "by": "By",
        "group": "Films of",
        "films": "Number",
        "coverage": "Covered",
        "low": "from",
        "high": "to",
        "width": "Median width (M$)",
    }
    formats = {"films": ",.0f", "coverage": ".1%", "low": ".1%", "high": ".1%", "width": ",.1f"}
    return Section(
        title="Do the intervals hold?",
        intro=f"Of {covered.n:,} films that neither the model nor its calibration had seen, {percent(covered.value, 1)}"
        f" lie inside their {level * 100:.0f} % interval (95 % interval: {percent(covered.low or 0, 1)} to"
        f" {percent(covered.high or 0, 1)}). Widths are calibrated for small and large predictions separately.",
        blocks=[
            figure_block(
                coverage_figure(coverage, level),
                "Share of films inside their interval by predicted revenue, by votes, and by actual revenue.",
                f"Predicted revenue and votes are known beforehand, the actual revenue is not.{_least(coverage)}",
            ),
            Table.from_frame(coverage, titles, formats),
        ],
    )


def _least(coverage: pd.DataFrame) -> str:
    """Say which films are covered least, by what they turned out to earn; "" where no group is."""
    groups = coverage[coverage["by"] == "actual revenue"].reset_index(drop=True)
    if groups["coverage"].nunique() < 2:
        return ""
    least = int(groups["coverage"].idxmin())
    share, group = percent(float(groups["coverage"].iloc[least]), 1), groups["group"].iloc[least]
    greatest = ", the greatest successes," if least == len(groups) - 1 else ""
    return f" Sorted by what they turned out to earn, films of {group}{greatest} are covered least ({share})."


def error_section(concentration: pd.DataFrame, metrics: dict[str, Metric], films: int) -> Section:
    """Tell how much of the error comes from a few films."""
    share = share_of_worst(concentration)
    tree = metrics["rmse_published_tree"]
    return Section(
        title="What carries the error?",
        intro=f"RMSE squares errors of dollars, so that the largest errors count most: of {films:,} test films,"
        f" the worst {percent(LARGEST_ERRORS)} carry {percent(share)} of the squared error. The mean absolute error,"
        f" {metrics['mae'].value:.1f} million dollars, tells more about an ordinary film. On the same films the tree of"
        f" the published analysis reaches an RMSE of {tree.value:.1f}.",
        blocks=[
            figure_block(
                error_curve(concentration, LARGEST_ERRORS, share),
                "Cumulative share of the squared error over the films, the worst first.",
            )
        ],
    )


def missing_section(
    films: pd.DataFrame, lacking: Missingness, medians: pd.DataFrame, metrics: dict[str, Metric], level: float
) -> Section:
    """Tell whether the films without a revenue differ from the others, and what that means for the metrics."""
    title = "Who lacks a revenue, and what that means"
    missing = films["revenue"].isna().to_numpy()
    if not missing.any():
        return Section(title=title, intro="No film lacks a revenue.")
    number = missing.sum()
    intro = (
        f"{number:,} of {len(films):,} films ({percent(float(missing.mean()))}) {'has' if number == 1 else 'have'} no"
        " revenue."
    )
    caution = (
        "What weights cannot mend: a revenue may be missing because of itself. A film that was never shown where"
        " takings are counted has no revenue to record, and its filled value then says what a film like it takes where"
        " it is shown."
    )
    return Section(
        title=title,
        intro=f"{intro} {_at_random(lacking)}",
        blocks=[
            figure_block(
                missing_by_votes(films["votes"].to_numpy(float), missing),
                "Share of films without revenue by tenths of their votes.",
            ),
            Table.from_frame(
                medians,
                {"feature": "", "with_revenue": "With revenue (test films)", "without_revenue": "Without revenue"},
                {"with_revenue": ",.1f", "without_revenue": ",.1f"},
            ),
            Text(paragraphs=[*_weighted(lacking, metrics, level), caution]),
        ],
    )


def _at_random(lacking: Missingness) -> str:
    """Say whether the films without revenue differ from the others."""
    if lacking.auc is None:
        return "Too few films lack a revenue to tell whether they differ from the others."
    told = (
        "Whether it is missing can be told from the film's other columns with an AUC of"
        f" {lacking.auc:.2f} (0.5: not at all), so "
    )
    if lacking.auc < RANDOM_AUC:
        return f"{told}it is missing at random as far as they show."
    return f"{told}revenue is not missing at random, and the average test film is not like the films to be filled in."


def _weighted(lacking: Missingness, metrics: dict[str, Metric], level: float) -> list[str]:
    """Say what becomes of the test figures for films like those without revenue; nothing where that is not known."""
    mean, rmse, covered, films = (
        lacking.weighted_mean,
        lacking.weighted_rmse,
        lacking.weighted_coverage,
        lacking.effective_films,
    )
    if mean is None or rmse is None or covered is None or films is None:
        return []
    return [
        f"Test films weighted to be like those without revenue earned {mean:.1f} million dollars on average; on them"
        f" the RMSE is {rmse:.1f} instead of {metrics['rmse'].value:.1f} million, and the {level * 100:.0f} % intervals"
        f" cover {percent(covered, 1)} instead of {percent(metrics['coverage'].value, 1)} (as much as {films:,.0f}"
        " films can tell)."
    ]


def models_section(candidates: pd.DataFrame, chosen: str, bands: pd.DataFrame, source: str) -> Section:
    """Compare the models, and how the films were split."""
    split = "The split is stratified on bands of revenue"
    if source == "public":
        split += (
            ", as in the published analysis of these films. That one fills missing revenues with the median and splits"
            " all films; here only films with a known revenue are split"
        )
    table = candidates.assign(name=candidates["model"].map(MODEL_NAMES))
    return Section(
        title="The models that were tried",
        intro="All predict the square root of the revenue, from votes, year, score, metascore, runtime, genres, and"
        " what the director's and the series' other films earned and how popular they are. They were compared by"
        f" five-fold cross-validation among the training films only; {MODEL_NAMES[chosen]} is used.",
        blocks=[
            Table.from_frame(
                table,
                {"name": "Model", "rmse": "RMSE (M$)", "mae": "MAE (M$)"},
                {"rmse": ".1f", "mae": ".1f"},
                caption="Cross-validated within the training films.",
                highlight=int(np.flatnonzero(candidates["model"] == chosen)[0]),
            ),
            figure_block(
                bands_figure(bands),
                "Shares of films in four bands of revenue, among all, training and test films.",
                f"{split}.",
            ),
        ],
    )


def zeros_of(films: pd.DataFrame) -> list[str]:
    """Return what was done with revenues of 0, where there are any."""
    count = int(films["stated_zero"].sum())
    if not count:
        return []
    films_with = f"{count:,} {'films state' if count > 1 else 'film states'} a revenue of 0"
    told = "that is how providers write an unknown one, so it is taken for missing and foretold like the others"
    return [f"{films_with} ({percent(count / len(films), 1)} of the list): {told}."]


def limits_of(lacking: Missingness) -> list[str]:
    """Return what the forecast cannot tell."""
    limits = [
        "Budget, number of screens, distributor and country are not in the list; with them more could be predicted.",
        "Votes may have been counted long after the release: this fills a table, it does not foretell a release.",
        "Revenues are nominal dollars, as published; no inflation is taken out (the year is a feature).",
        "Learning data and intervals rest on films with a known revenue.",
        "Votes, titles and directors of all listed films, test films included, are used as features (how many films a"
        " director or a series has, and how popular they are); no revenue of a test film is.",
    ]
    if lacking.auc is not None and lacking.auc >= RANDOM_AUC:
        limits.append(
            "Films without revenue differ from them, so the promised coverage is not guaranteed for the former."
        )
    return limits
