"""The tables beside the report: forecasts of each series and sum, and the orders under the names of the user."""

import numpy as np
import pandas as pd

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.ingestion.roles import Roles
from tasks.platform.stage import stage

TOLD = ("q05", "q25", "q50", "q75", "q95")


def dated(table: pd.DataFrame, clock: Clock) -> pd.Series:
    """Return the first day of the period of each row."""
    days = clock.dates(int(table["t"].max()) + 1)
    return pd.Series(days[table["t"].to_numpy()], index=table.index)


def named(table: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return name and level of the series of each row."""
    return series.set_index("number")[["series", "level"]].reindex(table["number"]).reset_index(drop=True)


@stage(phase="Deployment")
def list_forecasts(table: pd.DataFrame, series: pd.DataFrame, clock: Clock, roles: Roles) -> pd.DataFrame:
    """Return forecasts as a reader takes them: level, series, date, forecast, quantiles; and the demand of the past."""
    order = table.reset_index(drop=True)
    levels = {f"key_{number}": name for number, name in enumerate(roles.series, 1)}
    head = named(order, series).replace({"level": levels})
    out = head.assign(
        date=dated(order, clock).dt.strftime("%Y-%m-%d"),
        forecast=order["value"],
        **{name: order[name] for name in TOLD},
    )
    if order["actual"].notna().any():
        out["demand"], out["demand_known"] = order["actual"], order["known"]
    return out[["level", *(name for name in out.columns if name != "level")]]


@stage(phase="Deployment")
def list_orders(orders: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Return the orders under the user's own names, those of today first, numbers as a buyer sends them."""
    named_keys = {f"key_{number}": name for number, name in enumerate(roles.series, 1)}
    clear = {column: name for column, name in named_keys.items() if name not in orders.columns}
    table = orders.rename(columns=clear).sort_values("order_today", ascending=False, kind="stable", ignore_index=True)
    for name in table.select_dtypes("number").columns:
        table[name] = [f"{value:.12g}" if np.isfinite(value) else "" for value in table[name].round(3)]
    return table
