"""What tells kinds of vendors apart? How much, how often, how evenly and from how many departments they are paid.

Amounts and counts span many powers of ten, so they enter as logarithms; all features are then brought to mean 0 and
standard deviation 1. The same features raw are kept to show what k-means makes of them: the largest sum decides.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.payments.features.summary import irregularity
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

FEWEST_PAYMENTS = 5  # a vendor paid less often has no pattern to go by
FEWEST_VENDORS = 30

FEATURES = {
    "total": "total paid, log10 of dollars",
    "payments": "payments, log10",
    "median": "median payment, log10 of dollars",
    "spread": "spread of the payments (MAD), decades",
    "corrections": "share of corrections, square root",
    "departments": "departments, log10",
    "active": "share of quarters with a payment",
    "irregularity": "variation of payments per quarter",
}


class VendorFeatures(NamedTuple):
    """Vendors with enough payments, m rows, and their features.

    `vendors`: as in `Summary.vendors`. `scaled` and `raw`: (m, 8) in the order of `FEATURES`.
    """

    vendors: pd.DataFrame
    scaled: np.ndarray
    raw: np.ndarray


@stage(phase="Data preparation")
def vendor_features(vendors: pd.DataFrame) -> VendorFeatures:
    """Describe each vendor with at least `FEWEST_PAYMENTS` payments, one of them above 0, by eight numbers.

    Raises:
        ContractError: too few such vendors.
    """
    chosen = vendors[described(vendors)].reset_index(drop=True)
    if len(chosen) < FEWEST_VENDORS:
        raise ContractError(
            f"Only {len(chosen)} vendors have {FEWEST_PAYMENTS} payments or more, and {FEWEST_VENDORS} are needed to"
            " tell kinds of vendors apart; give an export of more quarters."
        )
    raw = raw_features(chosen, span_of(vendors))
    return VendorFeatures(chosen, standardised(raw, raw), raw)


def described(vendors: pd.DataFrame) -> pd.Series:
    """Tell which vendors have payments enough to go by."""
    return (vendors["payments"] >= FEWEST_PAYMENTS) & (vendors["positive"] > 0)


def span_of(vendors: pd.DataFrame) -> int:
    """Return from how many quarters the payments of vendors are, the first and the last included."""
    return int(vendors["last"].max() - vendors["first"].min()) + 1


def raw_features(vendors: pd.DataFrame, quarters: int) -> np.ndarray:
    """Return dollars, counts and shares as they are, (m, 8); `quarters` is the span of the data."""
    payments = vendors["payments"].to_numpy(float)
    columns = [
        vendors["cents"].to_numpy(float) / 100,
        payments,
        10 ** vendors["median"].to_numpy(float),
        vendors["mad"].to_numpy(float),
        vendors["corrections"].to_numpy(float) / payments,
        vendors["departments"].to_numpy(float),
        vendors["quarters"].to_numpy(float) / quarters,
        irregularity(vendors),
    ]
    return np.column_stack(columns)


def standardised(raw: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Return logarithms of what spans powers of ten, every column on the scale on which `learned` has mean 0 and
    standard deviation 1.

    Args:
        raw: features as `raw_features` gives them, (n, 8).
        learned: those of the vendors that the scale is taken from, (m, 8).
    """
    table, of_learned = _logarithms(raw), _logarithms(learned)
    deviation = of_learned.std(axis=0)
    return (table - of_learned.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _logarithms(raw: np.ndarray) -> np.ndarray:
    table = np.array(raw)
    table[:, 0] = np.log10(np.maximum(table[:, 0], 1.0))  # corrections may outweigh the payments
    for column in (1, 2, 5):
        table[:, column] = np.log10(table[:, column])
    table[:, 4] = np.sqrt(table[:, 4])
    return table
