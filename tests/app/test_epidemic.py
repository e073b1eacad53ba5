"""The course of an epidemic against what is known of it: nobody is lost, its final size, and a measure of no effect."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.app.pages.epidemic import PEOPLE, STAGES, course, final_size


@given(
    r0=st.floats(0.5, 8),
    latent=st.floats(0.5, 14),
    infectious=st.floats(1, 21),
    first=st.integers(1, 500),
    less=st.floats(0, 1),
)
@settings(max_examples=15)
def test_nobody_is_lost_and_nobody_comes_back(
    r0: float, latent: float, infectious: float, first: int, less: float
) -> None:
    found = course(r0, latent, infectious, first, 120, less, (20, 60))
    assert np.allclose(found[list(STAGES)].sum(axis=1), PEOPLE, rtol=1e-6)
    assert (found[list(STAGES)] > -1).all().all()
    assert (np.diff(found["susceptible"]) < 0.1).all()
    assert (np.diff(found["recovered"]) > -0.1).all()


@pytest.mark.parametrize(("r0", "share"), [(1.5, 0.5828), (2.5, 0.8926), (4.0, 0.9802)])
def test_it_ends_where_the_equation_of_the_final_size_says(r0: float, share: float) -> None:
    found = course(r0, 2.0, 4.0, 1, 1000)
    assert final_size(r0) == pytest.approx(share, abs=1e-4)
    assert 1 - found["susceptible"].iloc[-1] / PEOPLE == pytest.approx(share, abs=2e-3)


def test_below_one_it_dies_out_and_without_contacts_it_stops() -> None:
    assert final_size(0.9) == 0.0
    found = course(0.8, 3.0, 5.0, 10, 365)
    assert found["infectious"].iloc[-1] < 0.1
    stopped = course(3.0, 3.0, 5.0, 10, 100, 1.0, (20, 100))
    late = stopped.loc[21:, "susceptible"]
    assert late.max() - late.min() < 1
