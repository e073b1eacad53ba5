"""Which directions of the raw features carry likeness? Centring, principal components, whitening of a chosen strength.

Raw features share a large mean and a few dominant directions, so that everything looks alike. Centring removes the
first, whitening shrinks the second: each principal component is divided by its standard deviation to the power of
`strength`. Full whitening (strength 1) gives noise the same say as content; half strength is the default, as
benchmarks/embedding.py shows. The eigenvalues are shrunk towards their mean first by the Ledoit-Wolf intensity, which
matters for small collections and vanishes for large ones. No label is used.
"""

import json
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from tasks.platform.errors import IntegrityError
from tasks.platform.scratch import scratch_array
from tasks.platform.stage import stage

STRENGTH = 0.25
BLOCK = 4096  # rows at a time
EXACT = 1024  # rows of a matrix up to which all eigenvectors are cheap


class Whitening:
    """A centring and a linear map, followed by scaling to length 1.

    Attributes:
        mean: (D,) float32, mean of the raw features.
        components: (D, d) float32, orthonormal columns, the principal components by falling variance.
        scale: (d,) float32, factor of each component.
    """

    def __init__(self, mean: np.ndarray, components: np.ndarray, scale: np.ndarray) -> None:
        if components.shape != (len(mean), len(scale)) or mean.ndim != 1 or scale.ndim != 1:
            raise ValueError(f"mean {mean.shape}, components {components.shape} and scale {scale.shape} do not fit")
        self.mean, self.components, self.scale = (np.asarray(part, np.float32) for part in (mean, components, scale))

    @property
    def dimensions(self) -> int:
        """Number of components, d."""
        return len(self.scale)

    def project(self, raw: np.ndarray) -> np.ndarray:
        """Centre, rotate and scale `raw` (n, D); returns float32 (n, d), not yet of length 1.

        Raises:
            ValueError: `raw` has not D columns.
        """
        if raw.ndim != 2 or raw.shape[1] != len(self.mean):
            raise ValueError(f"rows of {len(self.mean)} features are wanted, not an array of shape {raw.shape}")
        return (np.asarray(raw, np.float32) - self.mean) @ (self.components * self.scale)

    def apply(self, raw: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Whiten `raw` (n, D) block by block, each row scaled to length 1.

        A row that is exactly the mean has no direction: it gets the last one, in which others vary least. Two such rows
        are then equal, as black pictures of different sizes are, and like hardly anything else.

        Args:
            raw: (n, D), any float type, may be memory-mapped.
            out: (n, d) float16 array to fill; a new one when None.

        Returns:
            (n, d) float16.

        Raises:
            ValueError: `raw` has not D columns.
        """
        result = np.empty((len(raw), self.dimensions), np.float16) if out is None else out
        for start in range(0, len(raw), BLOCK):
            rows = self.project(raw[start : start + BLOCK])
            length = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-9)
            rows[length[:, 0] <= 1e-9, -1] = 1
            result[start : start + BLOCK] = rows
        return result

    def save(self, folder: Path) -> None:
        """Write the three arrays as .npy, and a description, into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("mean", "components", "scale"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        shape = {"features": len(self.mean), "dimensions": self.dimensions}
        (folder / "whitening.json").write_text(json.dumps(shape), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: the folder holds something else, or values that are no finite numbers.
        """
        try:
            parts = [np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("mean", "components", "scale")]
            if not all(part.dtype == np.float32 and np.isfinite(part).all() for part in parts):
                raise ValueError("finite float32 values are wanted")
            return cls(*parts)
        except (OSError, ValueError, EOFError) as error:
            raise IntegrityError(f"{folder} holds no whitening that can be used ({error}); run again.") from error


@stage(phase="Data preparation")
def fit_whitening(raw: np.ndarray, dimensions: int = 256, strength: float = STRENGTH) -> Whitening:
    """Fit mean, principal components and scale on raw features, streaming over blocks of rows.

    With eigenvalues v of the covariance and shrinkage s (`shrinkage`), component i is scaled by
    ((1 - s) v_i + s mean(v)) ** (-strength / 2).

    Args:
        raw: (n, D), any float type, may be memory-mapped; n may be 0.
        dimensions: components wanted; fewer come where the data span fewer (at most min(n - 1, D)), at least one.
            Where no two rows differ, it is as many of the features themselves: another picture can be told from them.
        strength: 0 rotates only, 1 whitens fully.
    """
    count, features = raw.shape
    mean = _mean(raw)
    decompose = spectrum_by_rows if count - 1 < features else spectrum_by_covariance
    spectrum = decompose(raw, mean, dimensions)
    values = spectrum.values
    # What is smaller than this is rounding of the 16-bit features, not a direction.
    kept = values > max(float(values[0]) * 4e-6 if len(values) else 0.0, 1e-12)
    size = max(1, min(dimensions, int(kept.sum())))
    if not kept.any():  # no two rows differ: any direction does
        size = max(1, min(dimensions, features))
        return Whitening(mean, np.eye(features, size), np.ones(size))
    share = shrinkage(spectrum.trace, spectrum.square, spectrum.fourth, count, features)
    shrunk = (1 - share) * values[:size] + share * spectrum.trace / features
    return Whitening(mean, _steady(spectrum.vectors[:, :size]), shrunk ** (-strength / 2))


@stage(phase="Data preparation")
def apply_whitening(raw: np.ndarray, whitening: Whitening) -> np.ndarray:
    """Whiten the collection's raw features; returns float16 (n, d) with rows of length 1, memory-mapped.

    Args:
        raw: (n, D) as `embed_pictures` gives them.
        whitening: as fitted on the same kind of features.

    Raises:
        ValueError: `raw` has another number of features than the whitening.
    """
    return whitening.apply(raw, out=scratch_array((len(raw), whitening.dimensions), np.float16))


def shrinkage(trace: float, square: float, fourth: float, count: int, features: int) -> float:
    """Return the Ledoit-Wolf shrinkage intensity, from 0 (trust the sample covariance) to 1 (trust only its trace).

    O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
    Multivariate Analysis 88 (2004): with the sample covariance S of n centred rows x and m = trace(S) / D, the share is
    min(b, d) / d of d = |S - m I|^2 and b = (sum |x|^4 / n - |S|^2) / n.

    Args:
        trace: of S.
        square: |S|^2, the sum of its squared entries.
        fourth: mean of |x|^4.
        count: n.
        features: D.
    """
    distance = square - trace**2 / features
    if distance <= 0:
        return 0.0
    return float(np.clip((fourth - square) / count / distance, 0.0, 1.0))


def _mean(raw: np.ndarray) -> np.ndarray:
    total = np.zeros(raw.shape[1])
    for start in range(0, len(raw), BLOCK):
        total += np.asarray(raw[start : start + BLOCK], np.float64).sum(axis=0)
    return total / max(1, len(raw))


class Spectrum(NamedTuple):
    """The largest eigenvalues of a covariance S (falling) with their vectors (D, k), and what else is known of S."""

    values: np.ndarray
    vectors: np.ndarray
    trace: float
    square: float
    fourth: float  # mean of |x|^4 over the centred rows


def _largest(matrix: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `wanted` largest eigenvalues of a covariance, falling, and their vectors.

    Exact up to `EXACT` rows. Beyond, by a seeded randomised subspace iteration, which takes seconds where all
    eigenvectors would take minutes (N. Halko, P.-G. Martinsson and J. Tropp, "Finding structure with randomness",
    SIAM Review 53, 2011).
    """
    if len(matrix) <= max(EXACT, 2 * wanted):
        values, vectors = np.linalg.eigh(matrix)
        return np.maximum(values[::-1][:wanted], 0), vectors[:, ::-1][:, :wanted]
    from sklearn.utils.extmath import randomized_svd

    vectors, values, _ = randomized_svd(matrix.astype(np.float32), wanted, n_oversamples=64, n_iter=6, random_state=0)
    return values.astype(np.float64), vectors


def spectrum_by_covariance(raw: np.ndarray, mean: np.ndarray, wanted: int) -> Spectrum:
    """Return the spectrum by way of the covariance (D, D)."""
    total, fourth = np.zeros((raw.shape[1],) * 2), 0.0
    for start in range(0, len(raw), BLOCK):
        rows = (np.asarray(raw[start : start + BLOCK], np.float64) - mean).astype(np.float32)
        total += rows.T @ rows  # blocks in float32, their sum in float64
        fourth += float((np.einsum("ij,ij->i", rows, rows, dtype=np.float64) ** 2).sum())
    total /= len(raw)
    values, vectors = _largest(total, wanted)
    return Spectrum(values, vectors, float(np.trace(total)), float((total**2).sum()), fourth / len(raw))


def spectrum_by_rows(raw: np.ndarray, mean: np.ndarray, wanted: int) -> Spectrum:
    """Return the same by way of the products between rows (n, n), for fewer rows than features."""
    if not len(raw):
        return Spectrum(np.zeros(0), np.zeros((raw.shape[1], 0)), 0.0, 0.0, 0.0)
    rows = np.asarray(raw, np.float64) - mean
    products = rows @ rows.T / len(rows)
    values, left = _largest(products, wanted)
    vectors = rows.T @ left / np.sqrt(np.maximum(values * len(rows), 1e-30))
    fourth = float((np.diagonal(products) ** 2).mean()) * len(rows) ** 2
    return Spectrum(values, vectors, float(np.trace(products)), float((products**2).sum()), fourth)


def _steady(components: np.ndarray) -> np.ndarray:
    """Fix the sign of each component, which the decomposition leaves open: its largest weight is positive."""
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    return components * np.where(largest < 0, -1.0, 1.0)
