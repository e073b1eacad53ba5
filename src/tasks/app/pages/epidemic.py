"""How does an epidemic run its course? The SEIR model with sliders.

Susceptible people meet infectious ones, are exposed (infected, not yet infectious), infectious, and then recovered:

    S' = −β S I / N,   E' = β S I / N − σ E,   I' = σ E − γ I,   R' = γ I,   β = R₀ γ

(W. Kermack and A. McKendrick, Proceedings of the Royal Society A, 1927, with a latent stage; R. Anderson and R. May,
Infectious Diseases of Humans, 1991.) Contacts may be fewer from one day to another: β is then smaller by that share.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import streamlit as st

from tasks.app.asking import title

PEOPLE = 100_000
STAGES = ("susceptible", "exposed", "infectious", "recovered")


def course(
    r0: float,
    latent: float,
    infectious: float,
    first: int,
    days: int,
    less: float = 0.0,
    between: tuple[int, int] = (0, 0),
) -> pd.DataFrame:
    """Return the course of an epidemic among `PEOPLE`, a row per day.

    Args:
        r0: people whom one infects where all are susceptible.
        latent: mean days from infection to being infectious.
        infectious: mean days of being infectious.
        first: people infectious on day 0.
        days: length of the course.
        less: share of the contacts that are left out.
        between: first day of that, and the first day after it.

    Returns:
        `day`, and the number of people in each of `STAGES`; they add up to `PEOPLE`.
    """
    from scipy.integrate import solve_ivp

    sigma, gamma = 1 / latent, 1 / infectious

    def rates(_: float, state: np.ndarray, beta: float) -> list[float]:
        new = beta * state[0] * state[2] / PEOPLE
        return [-new, new - sigma * state[1], sigma * state[1] - gamma * state[2], gamma * state[2]]

    found = np.empty((len(STAGES), days + 1))
    found[:, 0] = [PEOPLE - first, 0.0, first, 0.0]
    changes = sorted({0, days, *(min(day, days) for day in between)})
    for start, end in pairwise(changes):  # piece by piece: the rates jump where the contacts change
        beta = r0 * gamma * (1 - less if between[0] <= start < between[1] else 1.0)
        solved = solve_ivp(
            rates,
            (start, end),
            found[:, start],
            t_eval=np.arange(start, end + 1),
            args=(beta,),
            max_step=0.5,
            rtol=1e-6,
            atol=1e-3,
        )
        found[:, start : end + 1] = solved.y
    return pd.DataFrame({"day": np.arange(days + 1), **dict(zip(STAGES, found, strict=True))})


def final_size(r0: float) -> float:
    """Return the share of people who are infected in the end without measures: z = 1 − exp(−R₀ z); 0 for R₀ ≤ 1."""
    from scipy.optimize import brentq

    return float(brentq(lambda z: 1 - z - np.exp(-r0 * z), 1e-9, 1.0)) if r0 > 1 + 1e-6 else 0.0


def show() -> None:
    """Show sliders, one sentence, and the course."""
    title("Epidemic", f"A model of {PEOPLE:,} people who mix evenly: what if each infects more, or meets fewer?")
    left, right = st.columns(2)
    r0 = left.slider("People whom one infects at first (R₀)", 0.5, 8.0, 2.5, 0.1)
    infectious = right.slider("Days of being infectious", 1.0, 21.0, 7.0, 0.5)
    latent = left.slider("Days before being infectious", 0.5, 14.0, 4.0, 0.5)
    first = right.slider("Infectious on day 0", 1, 500, 10)
    less = left.slider("Contacts left out, %", 0, 100, 40) / 100
    between = right.slider("From day, to day", 0, 365, (40, 90))
    free = course(r0, latent, infectious, first, 365)
    held = course(r0, latent, infectious, first, 365, less, between)
    peak, other = held.loc[held["infectious"].idxmax()], free.loc[free["infectious"].idxmax()]
    share = (PEOPLE - held["susceptible"].iloc[-1]) / PEOPLE
    st.subheader(
        f"At most {peak['infectious']:,.0f} people are infectious at once, on day {peak['day']:.0f}; without fewer"
        f" contacts it would be {other['infectious']:,.0f}, on day {other['day']:.0f}."
    )
    st.write(
        f"After a year {share * 100:.0f} % have been infected. Where nothing is done, it ends at"
        f" {final_size(r0) * 100:.0f} %."
    )
    both = pd.DataFrame(
        {"day": held["day"], "with fewer contacts": held["infectious"], "without": free["infectious"]}
    ).set_index("day")
    st.line_chart(both, x_label="day", y_label="people infectious", color=["#1b6ca8", "#c2571a"])
    with st.expander("All four groups"):
        st.line_chart(held.set_index("day")[list(STAGES)], x_label="day", y_label="people")
    st.caption("A model, no forecast: people do not mix evenly, and do not behave the same on each day.")
