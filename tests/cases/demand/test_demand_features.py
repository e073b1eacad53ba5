"""The grid: time, gaps, sums, stock-outs; nothing in it knows what comes later."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from demand_panels import prepared, weekly
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.cases.demand.features.clock import make_clock, unit_of
from tasks.cases.demand.features.panel import prepare_panel, to_matrices
from tasks.cases.demand.ingestion.table import read_table
from tasks.cases.demand.sample import sample_sales, write_sales
from tasks.platform.errors import UsageError

ROLES = ("series", "date", "quantity", "price", "promotion", "holiday", "stock")


def test_days_weeks_and_months_are_told_apart() -> None:
    for frequency, unit in (("D", "day"), ("7D", "week"), ("MS", "month")):
        assert unit_of(pd.Series(pd.date_range("2024-01-01", periods=40, freq=frequency))) == unit


@given(st.integers(40, 400), st.integers(0, 20))
def test_no_validation_origin_reaches_into_the_test(weeks: int, horizon: int) -> None:
    days = pd.Series(pd.date_range("2020-01-06", periods=weeks, freq="7D"))
    try:
        clock = make_clock(days, horizon)
    except UsageError:
        assert weeks < 3 * horizon + 4
        return
    assert clock.test + clock.horizon == clock.periods == weeks
    assert all(0 < origin <= clock.test - clock.horizon for origin in clock.origins)
    assert clock.origins == sorted(clock.origins, reverse=True)


def test_a_short_history_is_refused_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="smaller --horizon"):
        prepare_panel.fn(weekly(2, 20), 8, "auto", "")


def test_sums_are_the_sums_of_their_series() -> None:
    frame = weekly(8)
    grid = prepared(frame)
    data = to_matrices(grid.panel, grid.clock)
    own = (grid.series["level"] == "series").to_numpy()
    for row in grid.series[~own].itertuples():
        mine = own if row.level == "all" else own & (grid.series[row.level].astype(object) == row.series).to_numpy()
        assert data.demand[:, row.number] == pytest.approx(data.demand[:, mine].sum(axis=1))
    assert set(grid.series["level"]) == {"series", "all", "key_1", "key_2"}


def test_rows_of_one_series_and_week_are_summed_and_counted() -> None:
    frame = weekly(2)
    twice = pd.concat([frame, frame.iloc[:3]], ignore_index=True)
    plain, more = prepared(frame), prepared(twice)
    assert more.counts["summed"] == 3
    first = [to_matrices(grid.panel, grid.clock).demand[0, 0] for grid in (plain, more)]
    assert first[1] == pytest.approx(2 * first[0])


def test_gaps_are_no_sale_or_not_known_as_asked() -> None:
    frame = weekly(2).drop(index=[100, 102])
    zero, missing = (prepare_panel.fn(frame, 8, gaps, "") for gaps in ("zero", "missing"))
    at = (zero.panel["number"] == 0) & (zero.panel["t"] == 50)
    assert zero.panel.loc[at, "demand"].item() == 0
    assert missing.panel.loc[at, "demand"].item() > 10
    assert not missing.panel.loc[at, "known"].item()
    assert missing.counts["missing"] == 2


def test_demand_behind_stock_outs_is_nearer_to_the_truth_than_sales(tmp_path: Path) -> None:
    write_sales(tmp_path)
    sales = read_table.fn(tmp_path / "sales.csv", dict.fromkeys(ROLES, ""), "auto")
    grid, truth = prepared(sales.frame, 13), sample_sales().truth
    names = grid.series.set_index("series")["number"]
    truth["number"] = (truth["item"] + " · " + truth["store"]).map(names)
    truth["t"] = (pd.to_datetime(truth["week"]) - pd.Timestamp(grid.clock.start)).dt.days // 7
    both = grid.panel.merge(truth, on=["number", "t"], suffixes=("", "_true"))
    out = both[both["stock_out_true"] & (both["t"] > 8)]
    assert len(out) > 200
    assert not out["known"].any()
    assert (out["demand"] >= out["sold"]).all()
    sold, filled, true = (float(out[name].sum()) for name in ("sold", "demand", "demand_true"))
    assert sold < 0.7 * true
    assert abs(filled / true - 1) < 0.1


@hypothesis_settings(max_examples=15)
@given(st.integers(60, 140))
def test_what_comes_later_changes_no_demand_before_it(cut: int) -> None:
    frame = weekly(4, seed=3)
    frame["stock"] = np.where(np.random.default_rng(1).random(len(frame)) < 0.1, 0.0, 5.0)
    later = frame.copy()
    late = later["date"] >= later["date"].min() + pd.Timedelta(weeks=cut)
    later.loc[late, "quantity"] *= 7
    one, other = (to_matrices(grid.panel, grid.clock).demand for grid in (prepared(frame), prepared(later)))
    assert np.array_equal(one[:cut], other[:cut])


def test_rows_without_a_quantity_at_the_end_tell_what_is_planned() -> None:
    frame = weekly(2).assign(promotion=0.0)
    ahead = frame.tail(2).assign(quantity=np.nan, promotion=1.0, date=frame["date"].max() + pd.Timedelta(weeks=2))
    grid = prepared(pd.concat([frame, ahead], ignore_index=True))
    data = to_matrices(grid.panel, grid.clock)
    assert grid.clock.periods == 150
    assert data.extras["promotion"][151, :2].tolist() == [1.0, 1.0]
    assert data.extras["promotion"][150, :2].tolist() == [0.0, 0.0]
