"""The search for patterns: the planted ones and only those, independent of the tests' own formulas."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.cases.marathon.evaluation.records import PAIRS, Row, Rule, count_comparisons, known, population, structural
from tasks.cases.marathon.evaluation.relations import correlate, overall
from tasks.cases.marathon.evaluation.search import search
from tasks.cases.marathon.evaluation.shuffles import search_shuffled, shuffled
from tasks.cases.marathon.evaluation.subgroups import bounds_of, comparisons, contrasts, describe, distances, peel
from tasks.cases.marathon.evaluation.tables import Patterns, cliffs_delta, find_patterns
from tasks.cases.marathon.features import AGE_BANDS, measure_runners
from tasks.cases.marathon.ingestion import read_runners
from tasks.cases.marathon.report.compose import answer
from tasks.cases.marathon.sample import PLANTED, Pattern, runners


def measured(patterns: tuple[Pattern, ...] = PLANTED, seed: int = 1, count: int = 8_000) -> pd.DataFrame:
    return measure_runners.fn(runners(patterns, count, seed))


def findings(frame: pd.DataFrame) -> list[Row]:
    return [row for row in search(population(frame), Rule(), consequences=False).rows if row.state == "finding"]


def names(rows: list[Row]) -> set[tuple[str, str, str, frozenset[str]]]:
    return {(row.kind, row.stratum, row.group, frozenset({row.measure, row.other} - {""})) for row in rows}


def planted(patterns: tuple[Pattern, ...]) -> set[tuple[str, str, str, frozenset[str]]]:
    return {(p.kind, p.stratum, p.group, frozenset({p.measure, p.other} - {""})) for p in patterns}


@pytest.mark.parametrize("seed", range(6))
def test_the_planted_patterns_and_only_those(seed: int) -> None:
    found = findings(measured(seed=seed))
    assert names(found) == planted(PLANTED)
    truth = {(p.kind, p.stratum, p.group): p.value for p in PLANTED if p.kind != "relation"}
    for row in found:
        if row.kind != "relation":
            half = (row.high - row.low) / 2
            assert abs(row.value - truth[row.kind, row.stratum, row.group]) < 2.5 * half  # 1 in 10^6 per estimate


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_found_where_nothing_was_planted(seed: int) -> None:
    assert findings(measured((), seed)) == []


@pytest.fixture(scope="module")
def published() -> Patterns:
    path = Path(__file__).resolve().parents[4] / "shared" / "data" / "marathon" / "marathon.csv"
    if not path.exists():
        pytest.skip("the real files are not here: no folder `shared` beside the checkout")
    return find_patterns.fn(measure_runners.fn(read_runners.fn(path).frame), 0.05, 0.2)


def test_the_patterns_of_the_published_runners_as_sentences(published: Patterns) -> None:
    found = published.tests[published.tests["state"] == "finding"]
    said = [text.replace("\u202f", " ") for text in found["sentence"]]
    assert said == [
        "Women of AU are shorter by 10.00 cm (95 % 9.94 to 10.06) than the other women",
        "Women of DE are heavier by 11.0 kg (95 % 10.9 to 11.1) than the other women",
        "Men of DE are taller by 9.0 cm (95 % 8.9 to 9.1) than the other men",
        "Men of DE have a narrower spread of height, 0.40 times (95 % 0.39 to 0.42) that of the other men"
        " (mean distance from the median 1.6 against 3.9 cm)",
        "Men of DE are heavier by 5.1 kg (95 % 4.9 to 5.2) than the other men",
    ]
    assert (found["adjusted"] < 1e-99).all()
    assert set(published.tests.loc[published.tests["state"] == "consequence", "measure"]) == {
        "bmi",
        "height_per_weight",
    }
    absent = published.known[published.known["state"] == "absent"]
    assert set(absent["relation"]) == {"height and weight"}
    assert not (published.known["state"] == "reversed").any()


def test_the_interval_of_an_effect_is_that_of_hedges_and_olkin() -> None:
    """Cohen's d of n against m cases has the variance (n + m) / (n m) + d^2 / (2 (n + m))."""

    def half(effect: Any, n: Any, m: Any) -> Any:
        return stats.norm.ppf(0.975) * np.sqrt((n + m) / (n * m) + effect**2 / (2 * (n + m)))

    frame = measured(count=2_000)
    found = find_patterns.fn(frame, 0.05, 0.2)
    told = found.tests[found.tests["kind"] == "location"]
    assert told["effect"].abs().max() > 1
    expected = half(told["effect"], told["n"], told["n_rest"])
    np.testing.assert_allclose(told["effect_high"] - told["effect"], expected, rtol=1e-6)
    np.testing.assert_allclose(told["effect"] - told["effect_low"], expected, rtol=1e-6)
    sexes = found.known[found.known["kind"] == "Cohen's d"]
    assert sexes["value"].abs().max() > 1
    women, men = (frame["sex"] == "women").sum(), (frame["sex"] == "men").sum()
    np.testing.assert_allclose(sexes["high"] - sexes["value"], half(sexes["value"], women, men), rtol=1e-6)


def test_two_groups_that_stand_out_are_measured_against_the_rest_without_either() -> None:
    patterns = (Pattern("location", "men", "AU", "height", 9.0), Pattern("location", "men", "DE", "height", -6.0))
    found = {row.group: row for row in findings(measured(patterns, 3))}
    assert set(found) == {"AU", "DE"}
    assert found["AU"].low < 9.0 < found["AU"].high
    assert found["DE"].low < -6.0 < found["DE"].high


def test_a_pattern_of_age_is_named_by_its_band() -> None:
    frame = measured((), 5)
    chosen = (frame["sex"] == "women") & (frame["age_band"] == "under 30")
    frame.loc[chosen, "height"] += 4
    tests = find_patterns.fn(frame, 0.05, 0.2).tests
    found = tests[tests["state"] == "finding"]
    assert [text.partition(" by ")[0] for text in found["sentence"]] == ["Women under 30 are taller"]


def test_a_trend_with_age_is_one_finding_and_not_one_for_every_band() -> None:
    frame = measured((), 8)
    women = frame["sex"] == "women"
    age = frame.loc[women, "age"]
    frame.loc[women, "weight"] += 3 * (age - age.mean()) / age.std()
    assert names(findings(frame)) == {("relation", "women", "", frozenset({"age", "weight"}))}


def test_a_relation_of_one_nationality_is_not_taken_for_one_of_all() -> None:
    frame = measured((), 6)
    chosen = (frame["sex"] == "men") & (frame["nationality"] == "IT")
    age = frame.loc[chosen, "age"]
    frame.loc[chosen, "weight"] += 5 * (age - age.mean()) / age.std()
    assert names(findings(frame)) == {("relation difference", "men", "IT", frozenset({"age", "weight"}))}


def test_a_share_of_women_that_differs_is_found() -> None:
    frame = measured((), 7)
    drop = (frame["sex"] == "women") & (frame["nationality"] == "FR") & (frame.index % 2 == 0)
    found = findings(frame[~drop].reset_index(drop=True))
    assert [(row.kind, row.group, row.value < 0) for row in found] == [("share", "FR", True)]


def test_shuffled_copies_of_runners_with_patterns_lead_to_no_more_findings_than_promised() -> None:
    frame = measured(seed=2, count=3_000)
    false = search_shuffled.fn(frame, 0.05, 0.2, 30)
    assert false.with_findings <= false.corrected_only <= 5  # more in 1 of 100 runs at a true share of 0.05
    assert false.naive == 30
    assert false.naive_per_copy / false.comparisons == pytest.approx(0.05, abs=0.015)
    assert search_shuffled.fn(frame, 0.05, 0.2, 0).share() is None


def test_a_copy_keeps_what_is_known_and_every_value() -> None:
    people = population(measured())
    copy = shuffled(people, np.random.default_rng(0))
    for name in ("age", "final", "split_fraction"):
        assert np.array_equal(copy.values[name], people.values[name])
    for sex in range(2):
        own = people.sex == sex
        assert np.array_equal(np.sort(copy.values["height"][own]), np.sort(people.values["height"][own]))
        assert not np.array_equal(copy.values["height"][own], people.values["height"][own])
    assert np.array_equal(np.bincount(copy.nationality), np.bincount(people.nationality))
    assert np.array_equal(copy.sex, people.sex)


def test_the_correction_allows_for_all_comparisons_that_are_made() -> None:
    people = population(measured())
    rows = search(people, Rule()).rows
    assert len(rows) < count_comparisons(people)
    assert len({row[:6] for row in rows}) == len(rows)
    assert all(row.adjusted == min(1.0, row.p * count_comparisons(people)) for row in rows if row.state == "none")


def test_population_numbers_bands_in_their_order() -> None:
    frame = measured(count=500)
    people = population(frame)
    assert [AGE_BANDS[code] for code in people.band] == frame["age_band"].tolist()


def test_pairs_are_structural_known_or_searched() -> None:
    assert structural("bmi", "weight")
    assert structural("split", "final")
    assert known("age", "split_fraction")
    assert not known("bmi", "final")
    assert ("final", "weight") in PAIRS
    assert ("weight", "bmi") not in PAIRS


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_statistics_are_those_of_scipy(seed: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, groups, 400)
    values = rng.gamma(2.0, 3.0, 400) + codes
    order, bounds = bounds_of(codes, groups)
    every = np.arange(groups)
    level = contrasts(describe(values[order], bounds), every, every, False, lambda effect, p: False)
    for item in level:
        one, other = values[codes == item.group], values[codes != item.group]
        test = stats.ttest_ind(one, other, equal_var=False)
        assert item.p == pytest.approx(test.pvalue, rel=1e-6)
        assert (item.low, item.high) == pytest.approx(tuple(test.confidence_interval()), rel=1e-6)
        assert item.value == pytest.approx(one.mean() - other.mean())
        pooled = np.sqrt(((len(one) - 1) * one.var(ddof=1) + (len(other) - 1) * other.var(ddof=1)) / 398)
        assert item.effect == pytest.approx(item.value / pooled)


def test_the_spread_of_two_groups_of_one_size_is_tested_as_brown_and_forsythe_do() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, 200), rng.normal(3, 1.3, 200)
    values, bounds = np.concatenate([one, other]), np.array([0, 200, 400])
    made = contrasts(
        describe(distances(values, bounds), bounds), np.arange(2), np.array([0]), True, lambda effect, p: False
    )[0]
    assert made.p == pytest.approx(stats.levene(one, other, center="median").pvalue, rel=0.05)
    assert made.low < made.value < made.high < 1


def test_correlations_are_spearmans_within_groups() -> None:
    rng = np.random.default_rng(2)
    bounds = np.array([0, 300, 800, 810])
    measures = rng.integers(0, 9, (3, 810)).astype(float)
    measures[1] += measures[0] + 50 * (np.arange(810) >= 300)
    found = correlate(measures, bounds, [(0, 1), (1, 2)])
    for group, (start, end) in enumerate([(0, 300), (300, 800)]):
        expected = stats.spearmanr(measures[0, start:end], measures[1, start:end]).statistic
        assert found.r[group, 0] == pytest.approx(expected)
    assert found.n[2] == 0  # too small
    together = overall(found, lambda effect, p: False)[0]
    assert min(found.r[:2, 0]) < together.value < max(found.r[:2, 0])


def test_odd_populations_are_searched_without_complaint() -> None:
    frame = measured((), count=300)
    one_sex = frame[frame["sex"] == "men"].reset_index(drop=True)
    constant = frame.assign(height=180.0)
    many = frame.assign(nationality=[f"N{number % 150}" for number in range(300)])
    single = frame.assign(nationality="DE")
    for odd in (one_sex, constant, many, single):
        patterns = find_patterns.fn(odd, 0.05, 0.2)
        assert np.isfinite(patterns.tests[["value", "effect", "p"]].to_numpy()).all()
        assert not (patterns.tests["state"] == "finding").any()


def test_small_parts() -> None:
    assert cliffs_delta(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == -1
    assert cliffs_delta(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0
    assert (comparisons(2, 2), comparisons(3, 3), comparisons(0, 0)) == (1, 6, 0)
    flat = describe(np.zeros(100), np.array([0, 50, 100]))
    assert peel(flat, False, lambda effect, p: p < 0.5).found == []


def test_the_answer_says_the_patterns_in_words_and_leaves_the_statistics_to_the_table():
    sentences = [
        "Women of AU are shorter by 7.6 cm (95\u202f% 6.9 to 8.4) than the other women",
        "Men of DE have a narrower spread of height, 0.53 times (95\u202f% 0.50 to 0.57) that of the other men"
        " (mean distance from the median 3.0 against 5.7 cm)",
        "Among men, weight falls as final time rises, Spearman \u22120.23 (95\u202f% \u22120.27 to \u22120.19)",
    ]
    told = answer(pd.DataFrame({"state": "finding", "sentence": sentences}))
    assert told == (
        "Yes, 3 patterns: women of AU are shorter by 7.6 cm than the other women; men of DE have a narrower spread of"
        " height, 0.53 times that of the other men; among men, weight falls as final time rises."
    )
