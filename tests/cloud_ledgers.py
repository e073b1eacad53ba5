"""Exports read to the end, for the tests of the cloud costs: from files, and from simulated months."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.features.amortise import Ledger, amortise
from tasks.cases.cloud_costs.features.currency import choose_currency
from tasks.cases.cloud_costs.ingestion.columns import COLUMNS, DAYS, NUMBERS
from tasks.cases.cloud_costs.ingestion.exports import Costs, read_exports
from tasks.cases.cloud_costs.sample import noise, sample_costs


def read(*files: Path) -> Costs:
    return read_exports.fn(list(files), ["/".join(file.parts[-4:]) for file in files])


def ledger_of(costs: pd.DataFrame, currency: str = "") -> Ledger:
    return amortise.fn(choose_currency.fn(costs, currency).frame)


def charges(rows: list[dict[str, object]] | pd.DataFrame) -> pd.DataFrame:
    """Return charges in FOCUS columns; what a row leaves out is empty, its currency EUR, its effective cost billed."""
    usual = (
        dict.fromkeys(COLUMNS, "")
        | dict.fromkeys(NUMBERS, np.nan)
        | {
            "BillingCurrency": "EUR",
            "ChargeCategory": "Usage",
            "ProviderName": "Microsoft",
            "x_Export": "Azure actual",
        }
    )
    given = pd.DataFrame(rows)
    frame = pd.DataFrame({name: given.get(name, value) for name, value in usual.items()}, index=given.index)
    frame = frame.fillna({name: value for name, value in usual.items() if isinstance(value, str) and name not in DAYS})
    frame["ChargePeriodStart"] = pd.to_datetime(frame["ChargePeriodStart"])
    frame["ChargePeriodEnd"] = frame["ChargePeriodStart"] + pd.Timedelta(days=1)
    frame["EffectiveCost"] = frame["EffectiveCost"].fillna(frame["BilledCost"])
    return frame.astype(dict.fromkeys(NUMBERS, "float64"))


def month_costs(
    seed: int, days: int, resources: int, persistence: float, skewed: bool
) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return days from June 2026 on, and the costs (resources, days) of a cloud in which nothing happens."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2026-06-01", periods=days, freq="D")
    costs = []
    for _ in range(resources):
        wave = noise(rng, days, rng.uniform(0.03, 0.25), persistence)
        if skewed:
            wave = wave * (0.8 + rng.gamma(1.5, 0.15, days))
        costs.append(rng.lognormal(1.5, 1.0) * np.where(dates.dayofweek >= 5, rng.uniform(0.2, 1.1), 1.0) * wave)
    return dates, np.array(costs)


def month_ledger(
    seed: int, days: int = 30, resources: int = 6, persistence: float = 0.5, skewed: bool = False
) -> pd.DataFrame:
    """Return the ledger of a month in which nothing happens: a weekly pattern, persistent and skewed noise."""
    dates, costs = month_costs(seed, days, resources, persistence, skewed)
    number = np.repeat(np.arange(resources), days)
    frame = pd.DataFrame(
        {
            "ChargePeriodStart": np.tile(dates, resources),
            "BilledCost": costs.ravel(),
            "x_ResourceGroup": "g",
            "ServiceName": [f"S{n % 3}" for n in number],
            "ResourceName": [f"r{n}" for n in number],
            "ResourceId": [f"/r{n}" for n in number],
        }
    )
    return ledger_of(charges(frame)).frame


def sample_ledger(factor: float = 3.2) -> pd.DataFrame:
    """Return the ledger of the sample, straight from its rows."""
    return _sample_ledger(factor).copy()


@functools.cache
def _sample_ledger(factor: float) -> pd.DataFrame:
    from tasks.cases.cloud_costs.ingestion.convert import convert

    table = sample_costs(factor).drop(columns="Day").astype(str)
    return ledger_of(
        convert(table, "sample.csv").frame.assign(x_Export="Azure actual").drop(columns="x_ForecastCost")
    ).frame
