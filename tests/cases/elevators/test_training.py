"""Is the availability that is found the one that was planted, and do the intervals hold it as often as they say?"""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.elevators import training as two_state
from tasks.cases.elevators.evaluation.coverage import check_coverage, simulate
from tasks.cases.elevators.features import count_changes, find_outages
from tasks.cases.elevators.sample import simulate_states
from tasks.cases.elevators.training import (
    EDGES,
    REPAIRS,
    SHARES,
    Network,
    dispersion,
    estimate_lifts,
    fit_network,
    interval,
    likelihoods,
    share_weights,
)
from tasks.platform.errors import ContractError


def frame_of(states: np.ndarray, days: np.ndarray, chance: np.random.Generator, unknown: float = 0.01) -> pd.DataFrame:
    text = np.where(chance.random(states.shape) < unknown, "UNKNOWN", np.where(states, "ACTIVE", "INACTIVE"))
    times = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.repeat(days, states.shape[1]), unit="D")
    equipment = np.tile(np.arange(1, states.shape[1] + 1), len(days))
    return pd.DataFrame({"observed": times.astype("datetime64[us]"), "equipment": equipment, "state": text.ravel()})


def analysed(frame: pd.DataFrame) -> tuple[Network, pd.DataFrame]:
    changes, outages = count_changes.fn(frame), find_outages.fn(frame)
    network = fit_network.fn(changes.counts, changes.lifts, outages)
    return network, estimate_lifts.fn(changes.counts, changes.lifts, network)


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, Network, pd.DataFrame]:
    """Return the truth and the analysis of 300 lifts, seen at irregular times over a year, some nights missing."""
    chance = np.random.default_rng(11)
    truth = np.minimum(chance.beta(27, 0.9, 300), 0.9995)
    repair = np.exp(chance.normal(np.log(2.5), 0.45, 300))
    days = np.sort(chance.choice(np.arange(365), 330, replace=False) + chance.uniform(0, 0.1, 330))
    network, found = analysed(frame_of(simulate_states(truth, repair, days, chance), days, chance))
    return truth, network, found


def test_what_all_lifts_have_in_common_is_found(drawn: tuple[np.ndarray, Network, pd.DataFrame]) -> None:
    truth, network, _ = drawn
    assert network.availability == pytest.approx(truth.mean(), abs=0.006)
    assert network.repair_days == pytest.approx(2.5, rel=0.2)
    assert network.dispersion < 1.3


def test_intervals_cover_the_truth_and_those_for_independent_readings_do_not(
    drawn: tuple[np.ndarray, Network, pd.DataFrame],
) -> None:
    truth, _, found = drawn
    covered = (found["low"] <= truth) & (truth <= found["high"])
    assert 0.93 <= covered.mean() <= 0.99
    hard = truth < 0.95
    assert covered[hard].mean() >= 0.9
    share, n = found["up"], found["readings"]
    half = 1.96 * np.sqrt(share * (1 - share) / n)
    assert ((share - half <= truth) & (truth <= share + half)).mean() < 0.7
    assert (found["worth"] < 0.6 * found["readings"]).all()


def test_shrinking_brings_the_estimate_nearer_to_the_truth(drawn: tuple[np.ndarray, Network, pd.DataFrame]) -> None:
    truth, _, found = drawn
    assert ((found["shrunk"] - truth) ** 2).mean() < 0.8 * ((found["up"] - truth) ** 2).mean()


def test_coverage_is_measured_with_outages_as_assumed_and_far_more_irregular() -> None:
    times = pd.DataFrame(
        {"observed": pd.date_range("2025-01-01", periods=200, freq="D"), "equipment": 1, "state": "ACTIVE"}
    )
    network = Network(up=27, down=0.9, repair_log_mean=0.9, repair_log_sd=0.4)
    found = check_coverage.fn(times, network, 150)
    assert found["outages"].tolist() == ["exponential", "irregular"]
    assert (found["coverage"] >= 0.92).all()
    assert (found["independent"] < found["coverage"] - 0.1).all()
    assert found["width"].iloc[1] > found["width"].iloc[0]  # what varies more is known less


@pytest.mark.parametrize("irregular", [False, True])
def test_simulated_lifts_have_the_share_asked_for(irregular: bool) -> None:
    chance = np.random.default_rng(3)
    days = np.arange(0, 40_000, 1.0)
    assert simulate(days, 0.85, 3.0, irregular, chance).mean() == pytest.approx(0.85, abs=0.02)
    starts = [simulate(np.array([0.0]), 0.85, 3.0, irregular, chance)[0] for _ in range(1500)]
    assert np.mean(starts) == pytest.approx(0.85, abs=0.04)


def test_the_likelihood_is_that_of_the_chain_step_by_step() -> None:
    frame = frame_of(
        np.array([[True], [True], [False], [True]]), np.array([0.0, 1.0, 1.5, 4.0]), np.random.default_rng(0), 0.0
    )
    changes = count_changes.fn(frame)
    log = likelihoods(changes.counts, changes.lifts).log[0]
    i, j = 60, 12
    p, v = SHARES[i], 1 / (REPAIRS[j] * SHARES[i])
    slow = np.log(p)
    for gap, before, after in ((1.0, 1, 1), (0.5, 1, 0), (2.5, 0, 1)):
        up = p + (before - p) * np.exp(-v * gap)
        slow += np.log(up if after else 1 - up)
    k, m = 90, 20
    q, w = SHARES[k], 1 / (REPAIRS[m] * SHARES[k])
    other = np.log(q)
    for gap, before, after in ((1.0, 1, 1), (0.5, 1, 0), (2.5, 0, 1)):
        up = q + (before - q) * np.exp(-w * gap)
        other += np.log(up if after else 1 - up)
    assert log[i, j] - log[k, m] == pytest.approx(slow - other, abs=1e-9)


def test_the_grid_is_a_partition() -> None:
    assert len(EDGES) == len(SHARES) + 1
    assert ((EDGES[:-1] < SHARES) & (EDGES[1:] > SHARES)).all()
    assert share_weights(27, 0.9).sum() == pytest.approx(1)


def test_an_interval_is_that_of_the_beta_distribution() -> None:
    from scipy.stats import beta

    low, high = interval(share_weights(30.5, 3.5)[None])
    assert (low[0], high[0]) == pytest.approx(tuple(beta(30.5, 3.5).ppf([0.025, 0.975])), abs=0.004)


@pytest.mark.parametrize("state", ["ACTIVE", "INACTIVE"])
def test_a_lift_that_never_changed_has_a_wide_interval_up_to_the_end(state: str) -> None:
    days = np.arange(30.0)
    frame = frame_of(np.full((30, 1), state == "ACTIVE"), days, np.random.default_rng(0), 0.0)
    _, found = analysed(frame)
    low, high = found["low"].iloc[0], found["high"].iloc[0]
    assert (high == 1.0) if state == "ACTIVE" else (low == 0.0)
    assert high - low > 0.05


def test_lifts_that_never_told_have_no_estimate_and_one_reading_is_enough_to_begin() -> None:
    frame = pd.DataFrame(
        {"observed": pd.Timestamp("2025-01-01"), "equipment": [1, 2], "state": ["UNKNOWN", "INACTIVE"]}
    )
    _, found = analysed(frame)
    assert found["shrunk"].isna().tolist() == [True, False]
    with pytest.raises(ContractError, match="no lift"):
        analysed(frame[frame["state"] == "UNKNOWN"])


def test_spread_of_durations_is_only_estimated_from_enough_closed_outages() -> None:
    chance = np.random.default_rng(5)
    geometric = pd.DataFrame({"readings": chance.geometric(0.4, 4000), "at_most": 1.0})
    assert dispersion(geometric) == pytest.approx(1.0, abs=0.08)
    wild = pd.DataFrame({"readings": np.where(chance.random(4000) < 0.05, 60, 1), "at_most": 1.0})
    assert dispersion(wild) > 2
    assert dispersion(wild.assign(at_most=np.nan)) == 1.0
    assert dispersion(wild.head(two_state.TOO_FEW - 1)) == 1.0
