"""Do the forecasts score what a plain recomputation gives, and does the better one win where it must?"""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.elevators.evaluation.forecasts import FORECASTS, score_forecasts, summarise_forecasts
from tasks.cases.elevators.features import count_changes, find_outages, until
from tasks.cases.elevators.sample import simulate_states
from tasks.cases.elevators.training import fit_network


@pytest.fixture(scope="module")
def readings() -> pd.DataFrame:
    chance = np.random.default_rng(8)
    truth, days = chance.beta(9, 1, 120), np.arange(70.0)
    states = simulate_states(truth, np.full(120, 6.0), days, chance)
    text = np.where(chance.random(states.shape) < 0.03, "UNKNOWN", np.where(states, "ACTIVE", "INACTIVE"))
    times = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.repeat(days, 120), unit="D")
    frame = pd.DataFrame({"observed": times, "equipment": np.tile(np.arange(1, 121), 70), "state": text.ravel()})
    return frame.assign(station=frame["equipment"] // 3)


@pytest.fixture(scope="module")
def scored(readings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    changes, outages = count_changes.fn(readings, 14), find_outages.fn(readings, 14)
    network = fit_network.fn(changes.counts, changes.lifts, outages)
    found = score_forecasts.fn(readings, changes.counts, changes.lifts, network, 14)
    return found.scores, found.by_day


def test_scores_of_raw_share_and_last_state_equal_a_recount(
    readings: pd.DataFrame, scored: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    import duckdb

    before, held = (
        until(readings, 14),
        readings[readings["observed"] > readings["observed"].max() - pd.Timedelta(days=14)],
    )
    expected = (
        duckdb.connect()
        .sql("""
        with past as (select equipment, avg((state = 'ACTIVE')::double) raw,
                             arg_max((state = 'ACTIVE')::double, observed) last
                      from before where state <> 'UNKNOWN' group by equipment)
        select equipment, count(*) n, avg(((state = 'ACTIVE')::double - raw) ** 2) raw,
               avg(((state = 'ACTIVE')::double - last) ** 2) as_now
        from held join past using (equipment) where state <> 'UNKNOWN' group by equipment order by equipment
    """)
        .df()
    )
    assert len(before) + len(held) == len(readings)
    found = scored[0].sort_values("equipment")
    assert found["n"].tolist() == expected["n"].tolist()
    for name in ("raw", "as_now"):
        assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), abs=1e-12)
    assert scored[1]["n"].sum() == expected["n"].sum()


def test_the_present_state_helps_most_for_tomorrow(scored: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    scores, by_day = scored
    assert scores["markov"].mean() < scores["shrunk"].mean()
    assert scores["markov"].mean() < scores["as_now"].mean()
    near, far = by_day.iloc[0], by_day.iloc[-1]
    assert near["markov"] < 0.5 * near["shrunk"]
    assert far["markov"] == pytest.approx(far["shrunk"], rel=0.25)


def test_metrics_carry_intervals_and_the_gain(scored: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    metrics = {metric.name: metric for metric in summarise_forecasts.fn(scored[0], "markov")}
    assert set(metrics) == {"brier", "brier_gain", *(f"brier_{name}" for name in FORECASTS if name != "markov")}
    assert metrics["brier"].baseline == pytest.approx(metrics["brier_raw"].value)
    assert metrics["brier_gain"].low > 0
    assert metrics["brier_gain"].value == pytest.approx(metrics["brier_raw"].value - metrics["brier"].value)
    assert metrics["brier"].low < metrics["brier"].value < metrics["brier"].high


def test_what_is_held_out_is_not_learned_from(
    readings: pd.DataFrame, scored: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    """Turned round, the held-out readings leave every forecast as it was: only the scores change."""
    cut = readings["observed"].max() - pd.Timedelta(days=14)
    other = {"ACTIVE": "INACTIVE", "INACTIVE": "ACTIVE", "UNKNOWN": "UNKNOWN"}
    state = readings["state"].where(readings["observed"] <= cut, readings["state"].map(other))
    turned = readings.assign(state=state)
    changes, outages = count_changes.fn(turned, 14), find_outages.fn(turned, 14)
    network = fit_network.fn(changes.counts, changes.lifts, outages)
    found = score_forecasts.fn(turned, changes.counts, changes.lifts, network, 14).scores
    # Turned round, the mean of (x - p)^2 grows by (2 share - 1)(2 p - 1), which tells the p behind both scores.
    for name in ("raw", "shrunk"):
        share_up = _share_up(readings, cut, found["equipment"])
        p = (
            1
            + (found[name].to_numpy() - scored[0][name].to_numpy())
            / np.where(share_up == 0.5, np.nan, 2 * share_up - 1)
        ) / 2
        known = np.isfinite(p)
        assert known.any()
        assert scored[0][name].to_numpy()[known] == pytest.approx(
            (share_up * (1 - p) ** 2 + (1 - share_up) * p**2)[known], abs=1e-6
        )


def _share_up(readings: pd.DataFrame, cut: pd.Timestamp, equipment: pd.Series) -> np.ndarray:
    held = readings[(readings["observed"] > cut) & (readings["state"] != "UNKNOWN")]
    return held["state"].eq("ACTIVE").groupby(held["equipment"]).mean().reindex(equipment).to_numpy()
