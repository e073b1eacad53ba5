"""What happened between the snapshots, recounted by hand and by a slow, plain program."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.cases.elevators.features import LONGEST_GAP, Span, count_changes, find_outages, measure_span
from tasks.platform.errors import ContractError

LETTERS = {"A": "ACTIVE", "I": "INACTIVE", "U": "UNKNOWN"}


def readings(text: dict[int, str], days: list[float] | None = None) -> pd.DataFrame:
    """Make readings from one letter per snapshot: A, I, U, or a dot for a lift that is not in the snapshot."""
    rows = [
        (pd.Timestamp("2025-01-01") + pd.Timedelta(days=(days or list(range(len(states))))[i]), lift, LETTERS[letter])
        for lift, states in text.items()
        for i, letter in enumerate(states)
        if letter != "."
    ]
    return pd.DataFrame(rows, columns=["observed", "equipment", "state"])


def test_changes_are_counted_by_hand() -> None:
    counts, lifts = count_changes.fn(readings({7: "AAIIUA", 9: ".U..U."}))
    table = {(row.before, row.after, round(row.gap)): row.n for row in counts.itertuples()}
    assert table == {(1, 1, 1): 1, (1, 0, 1): 1, (0, 0, 1): 1, (0, 1, 2): 1}  # over UNKNOWN the gap is two days
    first, second = lifts.to_dict("records")
    assert (first["readings"], first["unknown"], first["up"], first["last_day"]) == (5, 1, 0.6, 5.0)
    assert first["up_if_unknown_down"] == 0.5
    assert (second["readings"], second["unknown"]) == (0, 2)
    assert np.isnan([second["up"], second["first"], second["last"]]).all()


def test_an_outage_is_bounded_from_both_sides() -> None:
    found = find_outages.fn(readings({7: "AAIUIAAI"}))
    assert found["at_least"].tolist() == [2.0, 0.0]
    assert found["at_most"].fillna(-1).tolist() == [4.0, -1.0]
    assert found["ongoing"].tolist() == [False, True]
    assert found["readings"].tolist() == [2, 1]


def test_a_long_gap_ends_an_outage_and_opens_its_end() -> None:
    days = [0.0, 1.0, 2.0, 2.1 + LONGEST_GAP, 3.1 + LONGEST_GAP]
    found = find_outages.fn(readings({7: "AIIIA"}, days)).sort_values("start")
    assert found["at_least"].tolist() == [1.0, 0.0]
    assert found["at_most"].isna().all()


def test_a_lift_that_vanished_long_ago_is_not_out_of_order_still() -> None:
    found = find_outages.fn(readings({1: "AI" + "." * 20, 2: "A" * 22}))
    assert found["ongoing"].tolist() == [False]


letters = st.text("AIU.", min_size=1, max_size=25)


@hypothesis_settings(deadline=None, max_examples=60)
@given(lifts=st.lists(letters, min_size=1, max_size=4), steps=st.lists(st.floats(0.02, 9), min_size=25, max_size=25))
def test_counts_and_outages_equal_a_plain_recount(lifts: list[str], steps: list[float]) -> None:
    days = [round(float(day), 3) for day in np.cumsum(steps)]
    frame = readings(dict(enumerate(lifts, 1)), days)
    if frame.empty:
        with pytest.raises(ContractError):
            count_changes.fn(frame)
        return
    counts, summary = count_changes.fn(frame)
    outages = find_outages.fn(frame)
    changes, length = dict.fromkeys([(1, 1), (1, 0), (0, 1), (0, 0)], 0), 0.0
    runs = []
    for lift in lifts:
        told = [(days[i], letter == "A") for i, letter in enumerate(lift) if letter in "AI"]
        for (before, was), (after, now) in pairwise(told):
            changes[int(was), int(now)] += 1
            length += after - before
        for i, (day, up) in enumerate(told):
            if not up and (i == 0 or told[i - 1][1] or day - told[i - 1][0] > LONGEST_GAP):
                runs.append(1)
            elif not up:
                runs[-1] += 1
    got = counts.groupby(["before", "after"])["n"].sum() if len(counts) else pd.Series(dtype=int)
    assert {key: int(n) for key, n in got.items()} == {key: n for key, n in changes.items() if n}
    assert float((counts["gap"] * counts["n"]).sum()) == pytest.approx(length, abs=1e-6)
    assert sorted(outages["readings"]) == sorted(runs)
    assert summary["readings"].sum() == sum(letter in "AI" for lift in lifts for letter in lift)
    assert (outages["at_most"].dropna() >= outages.loc[outages["at_most"].notna(), "at_least"]).all()


def test_the_end_can_be_left_out() -> None:
    frame = readings({7: "AAAAAAIIII"})
    counts, lifts = count_changes.fn(frame, 4.0)
    assert lifts["readings"].tolist() == [6]
    assert find_outages.fn(frame, 4.0).empty
    assert counts["n"].sum() == 5


def test_the_span_allows_a_test_or_not() -> None:
    span = measure_span.fn(readings({1: "A" * 57}))
    assert span == Span(snapshots=57, days=56.0)
    assert span.allows(28)
    assert not span.allows(29)
    assert not Span(snapshots=5, days=1000).allows(1)
