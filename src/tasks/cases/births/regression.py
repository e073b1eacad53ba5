"""What does least squares say of births that are known by their sums alone? The same as of each single birth.

A regression of the weight on what a cell of births has in common needs of the cell only the number of births, the sum
of their weights and that of their squares: normal equations and residuals are those of the single births.
Variances are robust (H. White, Econometrica 48, 1980); where cells belong together (years) those of a group are added
up first (K.-Y. Liang and S. Zeger, Biometrika 73, 1986), as births of one year share what the year brought.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

FEWEST_GROUPS = 8  # below, an interval by groups is not to be trusted, and births count as independent
Z = 1.959964
SINGULAR = 1e-10  # of the largest eigenvalue: what is smaller is the noise of columns that say the same


class Fit(NamedTuple):
    """Coefficients (p,) in the order of the design's columns, and their covariance (p, p)."""

    coefficients: np.ndarray
    covariance: np.ndarray
    groups: int = 0  # that belong together; 0 where births are independent

    def interval(self, weights: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
        """Return the value of a sum of coefficients with its interval; few groups make it wider (Student's t)."""
        from scipy import stats

        quantile = (1 + level) / 2
        factor = stats.t.ppf(quantile, self.groups - 1) if self.groups else stats.norm.ppf(quantile)
        value = float(weights @ self.coefficients)
        half = float(factor) * float(np.sqrt(max(weights @ self.covariance @ weights, 0.0)))
        return value, value - half, value + half


def least_squares(design: np.ndarray, cells: pd.DataFrame, groups: np.ndarray | None = None) -> Fit:
    """Regress the weight of births on what their cells have in common.

    Args:
        design: (cells, p); columns that add nothing get a coefficient of 0.
        cells: `births`, `squares` (sum of the squared weights of the records), `pounds`, `pounds_squared`.
        groups: (cells,) cells that belong together; None where births are independent.
    """
    births, total = cells["births"].to_numpy(float), cells["pounds"].to_numpy(float)
    normal = (design * births[:, None]).T @ design
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-300))  # columns of one size, or small ones would pass for none
    bread = np.linalg.pinv(normal / np.outer(scale, scale), rcond=SINGULAR, hermitian=True) / np.outer(scale, scale)
    coefficients = bread @ (design.T @ total)
    fitted = design @ coefficients
    count = 0
    if groups is not None and len(np.unique(groups)) >= FEWEST_GROUPS:
        codes = np.unique(groups, return_inverse=True)[1].ravel()
        scores = np.zeros((codes.max() + 1, design.shape[1]))
        np.add.at(scores, codes, design * (total - births * fitted)[:, None])
        count = len(scores)
        meat = scores.T @ scores * count / (count - 1)
    else:
        squared = cells["pounds_squared"].to_numpy(float) - 2 * fitted * total + births * fitted**2
        spread = np.maximum(squared, 0) / np.maximum(births, 1e-12) * cells["squares"].to_numpy(float)
        meat = (design * spread[:, None]).T @ design
    return Fit(coefficients, bread @ meat @ bread, count)


def within(design: np.ndarray, births: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the design (cells, p) as its differences from the mean of each group, weighted by births."""
    codes = np.unique(groups, return_inverse=True)[1].ravel()
    count = np.bincount(codes, births)
    means = np.column_stack([np.bincount(codes, births * column) / count for column in design.T])
    return np.asarray(design - means[codes])


def indicators(values: pd.Series, base: object) -> tuple[np.ndarray, list[object]]:
    """Return a column of 0 and 1 for each value but `base`, (cells, k), and those values."""
    names = [name for name in sorted(values.unique(), key=str) if name != base]
    columns = [values.to_numpy() == name for name in names]
    return np.column_stack(columns).astype(float) if columns else np.zeros((len(values), 0)), names
