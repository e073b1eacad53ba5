"""Regressions on sums are those on single births, the planted truth is found, and nothing where there is nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.births import sample
from tasks.cases.births.evaluation import foresee, measure_change, split_change, weigh_age
from tasks.cases.births.figures import quantiles, spread_figure
from tasks.cases.births.ingestion import Births, sort_answer
from tasks.cases.births.query import births_question
from tasks.cases.births.regression import least_squares
from tasks.cases.births.report.compose import answer, curve_title, verdict
from tasks.cases.births.training import BEST, OLD, YOUNG, contrasts_by_step, fit_curves, means_by, shape_of, word_of
from tasks.cases.births.validation import check_births
from tasks.figures.style import figure_to_svg
from tasks.ingestion.warehouse.duck import ask_files
from tasks.platform.errors import ContractError


def sums_of(frame: pd.DataFrame, folder: Path) -> Births:
    frame.to_parquet(folder / "b.parquet")
    told = ask_files.fn([folder / "b.parquet"], births_question(1900, 2100), "give others")
    return sort_answer.fn(told.frame, told.bill)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return sample.draw_births(60_000, seed=5)


@pytest.fixture(scope="module")
def sums(raw: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Births:
    return sums_of(raw, tmp_path_factory.mktemp("births"))


def test_least_squares_on_sums_is_that_on_single_births(raw: pd.DataFrame, sums: Births) -> None:
    """Sign and size of the slope, and its robust error, on the raw rows."""
    import statsmodels.api as sm

    age = sums.by_age["age"].to_numpy(float)
    ours = least_squares(np.column_stack([np.ones(len(age)), age, age**2]), sums.by_age)
    rows = raw["mother_age"].to_numpy(float)
    design = np.column_stack([np.ones(len(rows)), rows, rows**2])
    theirs = sm.WLS(raw["weight_pounds"], design, weights=raw["record_weight"]).fit(cov_type="HC0")
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance)), theirs.bse, rtol=0.02)
    assert ours.coefficients[1] > 0 > ours.coefficients[2]


def test_errors_by_years_are_those_of_clusters(raw: pd.DataFrame, sums: Births) -> None:
    import statsmodels.api as sm

    age = sums.by_age["age"].to_numpy(float)
    ours = least_squares(np.column_stack([np.ones(len(age)), age]), sums.by_age, sums.by_age["birth_year"].to_numpy())
    design = sm.add_constant(raw["mother_age"].to_numpy(float))
    theirs = sm.WLS(raw["weight_pounds"], design, weights=raw["record_weight"]).fit(
        cov_type="cluster", cov_kwds={"groups": raw["year"].to_numpy()}
    )
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance)), theirs.bse, rtol=0.01)


def test_means_are_those_of_the_raw_rows(raw: pd.DataFrame, sums: Births) -> None:
    ours = means_by(sums.by_age, ["age"]).set_index("age")
    for age in (17, 25, 33, 41):
        part = raw[raw["mother_age"] == age]
        weight = part["record_weight"]
        assert ours.loc[age, "mean"] == pytest.approx(np.average(part["weight_pounds"], weights=weight))
        assert ours.loc[age, "effective"] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_the_planted_truth_is_found(tmp_path: Path) -> None:
    sums = sums_of(sample.draw_births(400_000, seed=8), tmp_path)
    found = fit_curves.fn(sums.by_age, sums.by_cell)
    assert found.shape.word == "inverted U"
    assert found.shape.held is not None
    # The parabola of weights and the smoking that nobody wrote down shift it by less than a year.
    assert found.shape.held[1] - 1 <= sample.BEST_AGE <= found.shape.held[2] + 1
    assert abs(found.shape.held[0] - sample.BEST_AGE) < abs((found.shape.peak or 0) - sample.BEST_AGE)
    held = found.contrasts.set_index(["step", "group"]).loc["and smoking"]
    ages = pd.Series(sample.draw_births(400_000, seed=8)["mother_age"])

    def truth(low: int, high: int) -> float:
        part = ages[ages.between(low, high)].to_numpy()
        return float(sample.true_weight(part, np.full(len(part), sample.TOP_YEAR)).mean())

    for group, (low, high) in {YOUNG: (0, 19), OLD: (40, 99)}.items():
        wanted = truth(low, high) - truth(30, 34)
        # Before `SMOKING_FROM` nobody tells who smokes, so a little of what smoking does stays in the difference.
        assert held.loc[group, "low"] - 0.03 <= wanted <= held.loc[group, "high"] + 0.03
        raw = found.contrasts.set_index(["step", "group"]).loc[("as it is", group), "value"]
        assert abs(held.loc[group, "value"] - wanted) < abs(raw - wanted)


def sums_by_age(raw: pd.DataFrame, age: np.ndarray) -> pd.DataFrame:
    """Return what the warehouse would sum up if the mothers had these ages."""
    stands, weight = raw["record_weight"], raw["weight_pounds"]
    columns = {
        "birth_year": raw["year"],
        "age": age,
        "records": 1,
        "births": stands,
        "squares": stands**2,
        "pounds": stands * weight,
        "pounds_squared": stands * weight**2,
        "low": 0,
        "dated": 0,
        "early": 0,
    }
    return pd.DataFrame(columns).groupby(["birth_year", "age"], as_index=False).sum()


def test_dealt_out_ages_tell_nothing(raw: pd.DataFrame, tmp_path: Path) -> None:
    rng, words = np.random.default_rng(3), []
    for _ in range(60):
        by_age = sums_by_age(raw, rng.permutation(raw["mother_age"]))
        words.append(shape_of(by_age).word)
    assert words.count("none") >= 54  # a shape in one table of twenty at most
    weighed = weigh_age.fn(by_age)
    assert (weighed.told["explained"] or 0) < 0.003
    assert (weighed.told["gain_low"] or 0) < 0.001
    sums = sums_of(raw.assign(mother_age=rng.permutation(raw["mother_age"])), tmp_path)
    curves = fit_curves.fn(sums.by_age, sums.by_cell)
    none = curves.shape.model_copy(update={"word": "none"})
    told = answer(curves.by_age, curves.contrasts, none, weighed.told, {})
    assert told.startswith("In these births the weight does not depend on the mother's age beyond chance.")
    assert "does not change" in curve_title(none)


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ((1, 0.5, 1.5), (-1, -1.5, -0.5), "inverted U"),
        ((-1, -1.5, -0.5), (1, 0.5, 1.5), "U"),
        ((1, 0.5, 1.5), (1, 0.5, 1.5), "rise"),
        ((1, 0.5, 1.5), (0, -1, 1), "rise to a level"),
        ((0, -1, 1), (-1, -1.5, -0.5), "fall from a level"),
        ((-1, -2, -0.5), (-1, -2, -0.5), "fall"),
        ((0, -1, 1), (0, -1, 1), "none"),
    ],
)
def test_the_shape_is_named_by_slopes_beyond_chance(before, after, word) -> None:
    assert word_of(before, after) == word


def cells(**columns: list[float]) -> pd.DataFrame:
    """Return cells of births that all weigh `mean`, with a variance of 1."""
    frame = pd.DataFrame(columns)
    n, mean = frame["births"], frame.pop("mean")
    return frame.assign(
        records=n, squares=n, pounds=n * mean, pounds_squared=n * (mean**2 + 1), low=0.0, dated=n, early=0.0
    )


@given(
    st.lists(
        st.tuples(st.integers(1, 10_000), st.integers(1, 10_000), st.floats(5, 9), st.floats(5, 9)),
        min_size=2,
        max_size=6,
    )
)
def test_the_parts_of_a_change_add_up(rows: list[tuple[int, int, float, float]]) -> None:
    years, ages, births, means = [], [], [], []
    for year in range(6):
        for number, (first, last, mean, other) in enumerate(rows):
            years.append(1990 + year)
            ages.append(20 + number)
            births.append(float(first if year < 3 else last))
            means.append(mean if year < 3 else other)
    frame = cells(birth_year=years, age=ages, births=births, mean=means)
    split = split_change(frame)
    whole = means_by(frame, ["birth_year"]).set_index("birth_year")["mean"]
    assert split["total"] == pytest.approx(split["ages"] + split["weights"], abs=1e-9)
    assert split["total"] == pytest.approx(whole[1995] - whole[1990], abs=1e-6)


def test_foretelling_is_scored_as_on_single_births(raw: pd.DataFrame, sums: Births) -> None:
    told = foresee(sums.by_age)
    train, test = raw[raw["year"] < 2001], raw[raw["year"] >= 2001]
    recent = train[train["year"] >= 1996]
    mean = np.average(recent["weight_pounds"], weights=recent["record_weight"])
    curve = (
        train.assign(w=train["record_weight"] * train["weight_pounds"])
        .groupby("mother_age")[["w", "record_weight"]]
        .sum()
    )
    curve = curve["w"] / curve["record_weight"]
    level = recent["mother_age"].map(curve).mean()
    guess = (mean + test["mother_age"].map(curve) - level).fillna(mean)
    ours, simple = ((test["weight_pounds"] - value) ** 2 for value in (guess, mean))
    assert told["rmse"] == pytest.approx(ours.mean() ** 0.5)
    assert told["baseline"] == pytest.approx(simple.mean() ** 0.5)
    assert told["gain"] == pytest.approx((simple - ours).mean() / simple.mean())
    half = 1.96 * (simple - ours).std() / len(test) ** 0.5 / simple.mean()
    assert (told["gain_high"] or 0) - (told["gain_low"] or 0) == pytest.approx(2 * half, rel=0.01)


def test_quantiles_of_the_histogram_are_those_of_the_raw_rows(raw: pd.DataFrame, sums: Births) -> None:
    found = quantiles(sums.by_weight, (0.05, 0.5, 0.95)).set_index("age_group")
    part = raw[raw["mother_age"].between(30, 34) & (raw["record_weight"] == 1)]["weight_pounds"]
    assert found.loc[30, "0.5"] == pytest.approx(part.median(), abs=0.03)
    assert found.loc[30, "0.05"] == pytest.approx(part.quantile(0.05), abs=0.1)
    assert figure_to_svg(spread_figure(sums.by_weight, "x")).startswith("<?xml")


def test_one_year_and_few_ages_are_told_without_a_change(raw: pd.DataFrame, tmp_path: Path) -> None:
    sums = sums_of(raw[(raw["year"] == 2000) & (raw["mother_age"] < 30)], tmp_path)
    curves = fit_curves.fn(sums.by_age, sums.by_cell)
    assert not curves.shape.held_out
    assert curves.contrasts.empty
    assert measure_change.fn(sums.by_age).split == {}
    weighed = weigh_age.fn(sums.by_age)
    assert weighed.told["rmse"] is None
    assert answer(curves.by_age, curves.contrasts, curves.shape, weighed.told, {})
    assert verdict(weighed.told).met in {True, False}


def test_nothing_left_is_a_refusal(raw: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="No birth of these years"):
        sums_of(raw.assign(weight_pounds=np.nan).head(100), tmp_path)


def test_the_contract_counts_by_reason_and_names_the_commonest(sums: Births) -> None:
    tally = sums.tally.assign(records=[0, 0, 5, 0, 40, 0, 0, 0])
    report = check_births.fn(tally, sums.by_age, 0.0001)
    assert not report.passed
    assert report.quarantined == 45
    last = report.results[-1]
    assert "The weight is known (40); The mother's age is known (5)" in last.detail
    assert check_births.fn(tally, sums.by_age, 0.01).passed
    few = check_births.fn(tally, sums.by_age.head(1), 1.0)
    assert [result.passed for result in few.results[-4:-2]] == [False, False]
    kilograms = check_births.fn(tally, sums.by_age.assign(pounds=sums.by_age["pounds"] / 2.2), 1.0)
    assert not kilograms.results[-2].passed


def test_contrasts_need_the_group_that_they_compare_with(sums: Births) -> None:
    found = contrasts_by_step(sums.by_cell[sums.by_cell["age"] < 30])
    assert found.empty
    assert BEST not in set(contrasts_by_step(sums.by_cell)["group"])
