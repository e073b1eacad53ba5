"""Forecasts, the choice among them, sums, intervals: against known truths, brute force, and changed test weeks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from demand_panels import QUICK, forecasts, prepared, weekly

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.features.panel import Prepared
from tasks.cases.demand.training.choose import blended, choose_models
from tasks.cases.demand.training.forecast import models_for
from tasks.cases.demand.training.intervals import LEVELS, Widths, fit_intervals, tell_quantiles
from tasks.cases.demand.training.local import OwnModels
from tasks.cases.demand.training.reconcile import Adding, choose_adding, chosen_forecasts, members_of, reconciled
from tasks.cases.demand.training.simple import simple_forecasts
from tasks.cases.demand.training.workers import quiet
from tasks.platform.store import Store

ROLES = ("series", "date", "quantity", "price", "promotion", "holiday", "stock")


def chosen_parts(grid: Prepared, made: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    early = made[made["origin"] < grid.clock.test]
    chosen = choose_models.fn(early, grid.series, QUICK, {})
    adding = choose_adding.fn(early, grid.series, chosen.weights, QUICK)
    centre = chosen_forecasts.fn(early, grid.series, chosen.weights, adding, QUICK)
    clock = grid.clock
    rolled = forecasts(grid, QUICK, list(range(clock.origins[0], clock.test)))
    rehearsed = chosen_forecasts.fn(rolled, grid.series, chosen.weights, adding, QUICK)
    intervals = fit_intervals.fn(centre, grid.series, rehearsed, clock.test)
    return chosen.weights, chosen.ways, chosen.models, intervals, pd.DataFrame([adding.model_dump()])


def test_the_test_weeks_change_no_choice() -> None:
    frame = weekly(5)
    other = frame.copy()
    late = other["date"] >= prepared(frame).clock.date(prepared(frame).clock.test)
    other.loc[late, "quantity"] = np.random.default_rng(5).uniform(1, 9_000, int(late.sum()))
    grids = [prepared(frame), prepared(other)]
    tables = [chosen_parts(grid, forecasts(grid)) for grid in grids]
    assert late.sum() == 5 * 8
    assert grids[0].clock == grids[1].clock
    pd.testing.assert_frame_equal(grids[0].series, grids[1].series)
    for one, two in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_a_forecast_knows_nothing_from_its_origin_on() -> None:
    frame = weekly(4)
    grid = prepared(frame)
    origin = grid.clock.origins[1]
    other = frame.copy()
    other.loc[other["date"] >= grid.clock.date(origin), "quantity"] *= 3
    again = prepared(other)
    models = models_for(4)
    from tasks.cases.demand.training.boosting import fit_boosting
    from tasks.cases.demand.training.forecast import forecast_with_pandas

    def made(of: Prepared) -> pd.DataFrame:
        boosted = [fit_boosting.fn(of.panel, of.clock, origin, 0)]
        return forecast_with_pandas.fn(of.panel, of.series, of.clock, boosted, [origin], [origin], 8, models, [])

    one, two = made(grid), made(again)
    pd.testing.assert_frame_equal(one[models], two[models])
    assert not one["actual"].equals(two["actual"])


def test_simple_forecasts_are_what_their_names_say() -> None:
    clock = Clock(unit="week", start="2023-01-02", periods=140, season=52, year=52, horizon=4, test=136, origins=[130])
    t = np.arange(140.0)
    demand = np.stack([100 + t % 52, 2.0 ** (t // 52)], axis=1)
    found = simple_forecasts(demand, 130, 4, clock)
    assert found["naive"][:, 0].tolist() == [demand[129, 0]] * 4
    assert found["mean"][0, 0] == pytest.approx(demand[122:130, 0].mean())
    assert found["seasonal naive"][:, 0].tolist() == demand[78:82, 0].tolist()
    assert found["drift"][:, 0] == pytest.approx(found["seasonal naive"][:, 0])
    assert found["drift"][:, 1] == pytest.approx(found["seasonal naive"][:, 1] * 2.0)


def test_smoothing_finds_a_season_and_croston_the_rate() -> None:
    clock = Clock(unit="week", start="2023-01-02", periods=156, season=52, year=52, horizon=8, test=148, origins=[140])
    t = np.arange(164)
    rng = np.random.default_rng(0)
    y = 200 * np.exp(0.4 * np.sin(2 * np.pi * t / 52)) * np.exp(rng.normal(0, 0.02, 164))
    with quiet():
        found = OwnModels(8, clock, "steady", ("ets", "theta", "arima")).forecast(y[:156])
    assert len(found) == 3
    for name, forecast in found.items():
        assert forecast == pytest.approx(y[156:], rel=0.12), name
    rare = (rng.random(156) < 0.2) * 5.0
    for name, forecast in OwnModels(8, clock, "intermittent", ("ses", "croston", "tsb")).forecast(rare).items():
        assert forecast.mean() == pytest.approx(1.0, rel=0.6), name
    assert OwnModels(8, clock, "steady", ("ets",)).forecast(np.full(50, 3.0)) == {}


def test_the_choice_beats_each_simple_forecast_on_later_weeks() -> None:
    grid = prepared(weekly(16, seed=2))
    made = forecasts(grid)
    early, late = made[made["origin"] < grid.clock.test], made[made["origin"] == grid.clock.test]
    chosen = choose_models.fn(early, grid.series, QUICK, {})
    weights = chosen.weights.drop(columns="number").to_numpy()
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert (weights >= 0).all()
    value = blended(late, chosen.weights, QUICK)
    assert (value - late["actual"]).abs().mean() < (late["seasonal naive"] - late["actual"]).abs().mean()
    forced = choose_models.fn(early, grid.series, QUICK, {"steady": "one model", "sum": "one model"})
    assert set(forced.weights.drop(columns="number").to_numpy().ravel()) == {0.0, 1.0}


def test_sums_add_up_and_the_combination_is_the_one_of_least_variance() -> None:
    grid = prepared(weekly(6))
    numbers = grid.series["number"].to_numpy()
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"number": numbers, "origin": 0, "step": 0, "value": rng.uniform(50, 100, len(numbers))})
    size = [len(members) for members in members_of(grid.series)]
    table["value"] *= [1] * 6 + size
    variance = {int(number): float(rng.uniform(1, 9)) for number in numbers}
    found = reconciled(table, grid.series, "value", "combined", variance).to_numpy()
    adds = np.zeros((len(numbers) - 6, 6))
    for row, members in enumerate(members_of(grid.series)):
        adds[row, members] = 1
    assert found[6:] == pytest.approx(adds @ found[:6])
    whole = np.vstack([np.eye(6), adds])  # the textbook's way: generalised least squares
    inverse = np.diag([1 / variance[int(number)] for number in numbers])
    least = np.linalg.solve(whole.T @ inverse @ whole, whole.T @ inverse @ table["value"].to_numpy())
    assert found == pytest.approx(whole @ least)
    bottom = reconciled(table, grid.series, "value", "bottom up", variance).to_numpy()
    assert bottom[:6] == pytest.approx(table["value"].to_numpy()[:6])


def test_sums_that_are_known_on_no_day_add_up_and_come_back_from_the_store(tmp_path: Path) -> None:
    """Of thousands of series one is always out of stock: nothing is known of the errors of all together."""
    grid = prepared(weekly(6))
    made = forecasts(grid)
    early = made[made["origin"] < grid.clock.test].copy()
    weights = choose_models.fn(early, grid.series, QUICK, {}).weights
    early.loc[early["number"] >= 5, "known"] = False  # the last series, and every sum
    store = Store(str(tmp_path / "store"))
    adding = store.load(store.put(choose_adding.fn(early, grid.series, weights, QUICK)), Adding)
    assert set(adding.variance) == set(range(5))
    table = early[["number", "origin", "step"]].assign(value=blended(early, weights, QUICK))
    found = reconciled(table, grid.series, "value", "combined", adding.variance)
    mean = float(np.mean(list(adding.variance.values())))
    told = adding.variance | {5: mean}
    sums = {6 + row: sum(told[member] for member in members) for row, members in enumerate(members_of(grid.series))}
    pd.testing.assert_series_equal(found, reconciled(table, grid.series, "value", "combined", told | sums))
    assert np.isfinite(found).all()
    nothing = reconciled(table, grid.series, "value", "combined", {})
    assert np.isfinite(nothing).all()


def test_intervals_cover_new_errors_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    series = pd.DataFrame({"number": range(40), "kind": "steady", "level": "series"})

    def drawn(origins: range) -> pd.DataFrame:
        table = pd.DataFrame(
            [(n, o, s) for n in range(40) for o in origins for s in range(6)], columns=["number", "origin", "step"]
        )
        scale = (1 + table["number"] % 5) * (1 + table["step"])
        error = scale * rng.standard_exponential(len(table)) * rng.choice([-1, 3], len(table))
        return table.assign(t=table["origin"] + table["step"], known=True, value=1000.0, actual=1000.0 + error)

    intervals, later = fit_intervals.fn(drawn(range(8)), series), drawn(range(100, 120))
    told = tell_quantiles.fn(later, intervals, series)
    for level in (5, 25, 50, 75, 95):
        assert (told["actual"] <= told[f"q{level:02d}"]).mean() == pytest.approx(level / 100, abs=0.03)
    assert (np.diff(told[["q05", "q25", "q50", "q75", "q95"]].to_numpy(), axis=1) >= 0).all()
    widths, total = Widths(intervals, series), later.groupby(["number", "origin"])["actual"].sum() - 6000.0
    offset = widths.offsets("sum", np.arange(40), np.full(40, 6), np.full(40, 0.9), np.full(40, 1000.0))
    below = total.to_numpy() <= offset[total.index.get_level_values("number")]
    assert below.mean() == pytest.approx(0.9, abs=0.04)
    assert LEVELS.min() > 0
    assert LEVELS.max() < 1


def test_the_stores_give_the_published_baselines(shared: object) -> None:
    from pathlib import Path

    from tasks.cases.demand.features.panel import prepare_panel, to_matrices
    from tasks.cases.demand.ingestion.table import read_table

    file = Path(str(shared)) / "data" / "demand" / "weekly_store_sales.csv"
    if not file.is_file():
        pytest.skip("the stores' sales are not here")
    sales = read_table.fn(file, dict.fromkeys(ROLES, ""), "auto")
    grid = prepare_panel.fn(sales.frame, 0, "auto", "")
    clock, data = grid.clock, to_matrices(grid.panel, grid.clock)
    assert (clock.unit, clock.periods, clock.horizon, clock.test, data.demand.shape[1]) == ("week", 143, 13, 130, 46)
    actual, found = data.demand[130:, :45], simple_forecasts(data.demand[:, :45], 130, 13, clock)
    wape = {name: np.abs(values - actual).sum() / actual.sum() for name, values in found.items()}
    assert round(100 * wape["seasonal naive"], 2) == 5.13
    assert round(100 * wape["drift"], 2) == 4.15


@pytest.mark.parametrize(("frequency", "periods", "season"), [("D", 500, 7), ("MS", 60, 12), ("7D", 40, 1)])
def test_days_months_and_short_histories_are_forecast(frequency: str, periods: int, season: int) -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2022-01-01", periods=periods, freq=frequency)
    place = days.dayofweek.to_numpy() if frequency == "D" else days.month.to_numpy()
    parts = [
        pd.DataFrame(
            {
                "series": name,
                "key_1": name,
                "date": days,
                "quantity": level * (1 + 0.3 * np.sin(place)) * np.exp(rng.normal(0, 0.05, periods)),
            }
        )
        for name, level in (("a", 100.0), ("b", 30.0))
    ]
    grid = prepared(pd.concat(parts, ignore_index=True), 0)
    assert grid.clock.season == season
    with quiet():
        made = forecasts(grid, [*QUICK, "ses", "theta"])
    test = made[made["origin"] == grid.clock.test]
    assert np.isfinite(test[[*QUICK, "ses", "theta"]].to_numpy()).all()
    if season > 1:
        wape = (test["theta"] - test["actual"]).abs().sum() / test["actual"].sum()
        assert wape < 0.12
