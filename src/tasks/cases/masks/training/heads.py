"""How is a mask told from pretrained features? By one layer, fitted in seconds."""

from typing import Any

import numpy as np

STRENGTH = 1.0  # inverse of the penalty on the weights; features have length 1
ROUNDS = 100  # of the solver at most


def fit_head(features: np.ndarray, y: np.ndarray, classes: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Fit a multinomial logistic regression.

    Args:
        features: (n, d).
        y: (n,) int, 0 to classes - 1, each of them there.
        classes: how many.
        weights: (n,) of the pictures; equal by default.

    Returns:
        float32 (d + 1, classes): the weights of the features and, last, the constants; logits are their sums.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, tol=1e-3)
    with threadpool_limits(limits=1):
        model.fit(np.asarray(features, np.float32), y, sample_weight=weights)
    slopes, constants = model.coef_, model.intercept_
    if classes == 2:  # scikit-learn gives the difference of both
        slopes, constants = np.vstack([-slopes[0] / 2, slopes[0] / 2]), np.array([-1, 1]) * constants[0] / 2
    return np.vstack([slopes.T, constants]).astype(np.float32)


def logits_of(head: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return the logits, float32 (n, classes), of features (n, d)."""
    return np.asarray(features, np.float32) @ head[:-1] + head[-1]


def balanced(y: np.ndarray, sources: np.ndarray | None = None) -> np.ndarray:
    """Return weights (n,), mean 1, under which all classes count the same, and all sources within a class.

    Args:
        y: (n,) int.
        sources: (n,) of which source each is; only classes are balanced when None.
    """
    weights = np.zeros(len(y))
    for number in np.unique(y):
        mine = y == number
        parts = sources[mine] if sources is not None else np.zeros(int(mine.sum()), np.int64)
        _, codes, counts = np.unique(parts, return_inverse=True, return_counts=True)
        weights[mine] = 1.0 / (len(counts) * counts[codes])
    return weights * len(y) / weights.sum()


def keras_head(head: np.ndarray) -> Any:
    """Return the head as a Keras model: features in, logits out."""
    import keras

    inputs = keras.Input((head.shape[0] - 1,), dtype="float32", name="features")
    model = keras.Model(inputs, keras.layers.Dense(head.shape[1], name="logits")(inputs), name="head")
    model.layers[-1].set_weights([head[:-1], head[-1]])
    return model
