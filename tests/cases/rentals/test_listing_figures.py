"""Figures of the listings: labels of small panels do not meet."""

from itertools import pairwise

import numpy as np
import pandas as pd

from tasks.cases.rentals.figures.listings import SCATTERED, scatter_matrix
from tasks.figures.style import settled


def test_labels_of_the_small_panels_do_not_meet() -> None:
    chance = np.random.default_rng(3)
    figure = scatter_matrix(pd.DataFrame({name: chance.lognormal(3, 1, 200) for name in SCATTERED}))
    settled(figure.axes[0])
    along = [axes.xaxis.label.get_window_extent() for axes in figure.axes if axes.get_xlabel()]
    up = [axes.yaxis.label.get_window_extent() for axes in figure.axes if axes.get_ylabel()]
    assert (len(along), len(up)) == (5, 5)
    assert all(left.x1 < right.x0 for left, right in pairwise(along))
    assert all(above.y0 > below.y1 for above, below in pairwise(up))
