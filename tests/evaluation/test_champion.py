"""The promotion rule: real gains pass, luck does not, and in doubt the champion stays."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.champion import case_scores, confidence_level, decide, decide_promotion
from tasks.platform.errors import ContractError


def draws(seed: int, n: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 6, n) / 5


def test_real_gain_is_promoted():
    base = draws(0)
    noise = np.random.default_rng(1).normal(0.05, 0.1, len(base))
    decision = decide(base + noise, base, "precision@5", version=3)
    assert decision.promoted
    assert decision.low > 0
    assert decision.difference == pytest.approx(noise.mean())
    assert "is better than version 3's by 0.0" in decision.reason


@pytest.mark.parametrize("n", [10, 25, 200])
def test_equal_models_are_promoted_in_at_most_one_of_twenty(n):
    promoted = [decide(draws(2 * i, n), draws(2 * i + 1, n), "precision@5", version=1).promoted for i in range(200)]
    assert sum(promoted) <= 10


def test_equal_models_on_grouped_cases_are_promoted_in_at_most_one_of_twenty():
    groups = np.repeat(np.arange(20), 12)
    count = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shift = np.repeat(rng.normal(0, 0.2, 20), 12)  # a group is easier for one of the two as a whole
        ours, theirs = rng.normal(0.5, 0.1, 240) + shift, rng.normal(0.5, 0.1, 240)
        count += decide(ours, theirs, "precision@5", groups=groups, version=1).promoted
    assert count <= 14  # 5 % and two standard errors of 200 draws


def test_same_scores_are_a_tie():
    decision = decide(draws(0), draws(0), "precision@5", version=3)
    assert not decision.promoted
    assert (
        decision.reason
        == "The precision at 5 is the same as version 3's in each of 200 test cases, so the champion stays."
    )
    assert (decision.difference, decision.low, decision.high) == (0, 0, 0)


def test_worse_model_is_not_promoted():
    decision = decide(draws(0) - 0.1, draws(0), "precision@5", version=3)
    assert not decision.promoted
    assert decision.high < 0
    assert "chance" not in decision.reason


def test_gain_has_to_reach_the_minimum():
    base = draws(0)
    better = base + np.random.default_rng(0).normal(0.05, 0.02, len(base))
    assert decide(better, base, "map@10", 0.04, version=1).promoted
    refused = decide(better, base, "map@10", 0.06, version=1)
    assert not refused.promoted
    assert "not surely more than the gain of 0.06 asked for" in refused.reason


def test_lower_is_better():
    base = draws(0)
    assert decide(base - 0.1, base, "rmse", version=1, higher_is_better=False).promoted
    assert not decide(base + 0.1, base, "rmse", version=1, higher_is_better=False).promoted


def test_first_model_has_to_beat_the_baseline():
    better = decide(draws(0) + 0.3, None, "precision@5", baseline=draws(0))
    assert better.promoted
    assert better.against is None
    assert "is better than the baseline's by" in better.reason
    assert not decide(draws(0), None, "precision@5", baseline=draws(0)).promoted
    assert not decide(draws(0), None, "precision@5").promoted


@pytest.mark.parametrize("champion", [None, np.array([]), draws(0, 199)])
def test_champion_that_cannot_be_evaluated_stays(champion):
    decision = decide(draws(0) + 1, champion, "precision@5", version=3, baseline=np.zeros(200))
    assert not decision.promoted
    assert decision.against == 3
    assert decision.reason == ("The champion, version 3, cannot be evaluated on the present test data, so it stays.")


@pytest.mark.parametrize("n", [0, 1, 9])
def test_too_few_cases_decide_nothing(n):
    decision = decide(np.ones(n), np.zeros(n), "precision@5", version=1)
    assert not decision.promoted
    assert "too few" in decision.reason


@pytest.mark.parametrize("better", [True, False])
def test_shares_differ_by_one_at_most(better):
    """Of ten test pictures one share was told to be larger by 0.3, with an interval up to 30."""
    ours, theirs = np.array([1, 1, 1, 1, 1, 1, 1, 1, 0, 0.0]), np.array([1, 0, 1, 0, 1, 1, 1, 0, 0, 0.0])
    found = decide(ours, theirs, "accuracy", version=1, higher_is_better=better)
    assert -1 <= found.low < found.difference < found.high <= 1
    wider = decide(10 * ours, 10 * theirs, "accuracy", version=1, higher_is_better=better)
    assert max(-wider.low, wider.high) > 10  # of what has no bounds the interval stays as it is


def test_many_cases_of_few_groups_are_few_cases():
    groups = np.repeat(np.arange(9), 50)
    assert not decide(np.ones(450), np.zeros(450), "precision@5", groups=groups, version=1).promoted


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_named(value):
    scores = draws(0)
    scores[17] = value
    with pytest.raises(ContractError, match="The challenger's score of test case 17 is "):
        decide(scores, draws(0), "precision@5", version=1)
    with pytest.raises(ContractError, match="The champion's score of test case 17 is "):
        decide(draws(0), scores, "precision@5", version=1)


def test_baseline_of_other_cases_is_refused():
    with pytest.raises(ContractError, match="199 scores and the model 200"):
        decide(draws(0), None, "precision@5", baseline=draws(0, 199))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=10, max_size=40),
    st.floats(0, 1),
)
def test_never_both_ways_and_never_against_the_mean(pairs, gain):
    ours, theirs = np.array(pairs).T
    there = decide(ours, theirs, "m", gain, version=1)
    back = decide(theirs, ours, "m", gain, version=1)
    assert not (there.promoted and back.promoted)
    if there.promoted:
        assert ours.mean() > theirs.mean()
    assert there == decide(ours, theirs, "m", gain, version=1)
    assert there.reason.endswith(".")


def test_a_challenger_has_to_beat_the_baseline_too():
    """A champion from worse days is beaten, but by no more than chance better than the simplest way."""
    simple, chance = draws(0), np.random.default_rng(3)
    ours = simple + chance.normal(0, 0.05, 200)
    decision = decide(ours, simple - 0.5, "precision@5", version=2, baseline=simple)
    assert not decision.promoted
    assert "than the baseline's" in decision.reason
    assert decision.reason.endswith("so the champion stays.")
    assert decision.against == 2
    assert decide(ours, simple - 0.5, "precision@5", version=2, baseline=simple - 0.2).promoted


def test_the_stage_decides_as_the_rule_does():
    ours, groups, baseline = draws(0) + 0.2, np.arange(200), np.zeros(200)
    stage = decide_promotion.fn(ours, groups, baseline, draws(0), 3, "precision@5")
    assert stage == decide(ours, draws(0), "precision@5", groups=groups, baseline=baseline, version=3)
    assert stage.promoted
    assert not decide_promotion.fn(ours, groups, baseline, None, 3, "precision@5").promoted
    assert decide_promotion.fn(ours, groups, baseline, None, None, "precision@5").promoted
    assert not decide_promotion.fn(ours, groups, baseline, draws(0), 3, "mae", higher_is_better=False).promoted


def test_case_scores_leave_out_what_has_no_score():
    table = pd.DataFrame({"p5": [0.2, np.nan, 0.4, 1.0], "chance": [0.1, 0.2, 0.3, 0.4], "group": ["x", "x", "y", "x"]})
    cases = case_scores.fn(table, "p5", "chance", "group")
    assert cases.scores.tolist() == [0.2, 0.4, 1.0]
    assert cases.baseline.tolist() == [0.1, 0.3, 0.4]
    assert cases.groups.tolist() == [0, 1, 0]
    assert case_scores.fn(table, "p5", "chance").groups.tolist() == [0, 1, 2]
    with pytest.raises(ContractError, match="no column 'p1'; choose one of p5, chance, group"):
        case_scores.fn(table, "p1", "chance")


def nothing_gained(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    if kind.startswith("strongly skewed"):
        return np.exp(0.5) - rng.lognormal(0, 1, int(kind.split()[-1])), None
    if kind == "skewed":
        return 1 - rng.exponential(size=30), None
    if kind == "heavy tails":
        return rng.standard_t(2.5, 30), None
    sizes = np.ceil(rng.lognormal(2, 1.2, 30)).astype(int)
    return np.repeat(rng.normal(size=30), sizes) + rng.normal(size=sizes.sum()), np.repeat(np.arange(30), sizes)


@pytest.mark.parametrize(
    "kind",
    ["strongly skewed 10", "strongly skewed 20", "strongly skewed 50", "skewed", "heavy tails", "unequal groups"],
)
def test_a_model_that_is_no_better_is_seldom_promoted_whatever_its_differences_look_like(kind):
    rng, promoted = np.random.default_rng(7), 0
    for _ in range(400):
        gain, groups = nothing_gained(kind, rng)
        promoted += decide(gain, np.zeros(len(gain)), "rmse", version=1, groups=groups).promoted
    assert promoted <= 14  # 3.5 %; up to 6 at a level of 0.98 whatever the number of cases


def test_fewer_cases_need_surer_signs():
    levels = [confidence_level(cases) for cases in (10, 20, 50, 100, 10_000)]
    assert levels == pytest.approx([0.998, 0.996, 0.99, 0.98, 0.98])
    gain = np.random.default_rng(3).normal(0.05, 0.1, 20)
    assert "(99.6\u202f% interval" in decide(gain, np.zeros(20), "rmse", version=1).reason
