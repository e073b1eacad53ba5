"""The same forecasts on Spark, of all series or of some."""

from typing import Any

import pandas as pd
import pytest
from demand_panels import prepared, weekly

from tasks.cases.demand.training.boosting import fit_boosting
from tasks.cases.demand.training.forecast import forecast_with_pandas, forecast_with_spark

pytestmark = pytest.mark.slow
MODELS = ["mean", "drift", "theta", "boosting"]


@pytest.mark.parametrize("numbers", [[], [1, 3]])
def test_both_engines_forecast_alike(spark: Any, numbers: list[int]) -> None:
    grid = prepared(weekly(4))
    clock = grid.clock
    boosted = [fit_boosting.fn(grid.panel, clock, clock.test, 0)]
    rest = (grid.series, clock, boosted, [clock.test], [clock.test], 4, MODELS, numbers)
    one = forecast_with_pandas.fn(grid.panel, *rest)
    other = forecast_with_spark.fn(spark.createDataFrame(grid.panel), *rest).toPandas()
    keys = ["origin", "step", "number"]
    one, other = (table.sort_values(keys, ignore_index=True) for table in (one, other))
    assert set(one["number"]) == (set(numbers) or set(grid.series["number"]))
    pd.testing.assert_frame_equal(one, other[one.columns], check_dtype=False)
