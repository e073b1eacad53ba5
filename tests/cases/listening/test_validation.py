"""What was counted twice or cannot have been goes to quarantine with its reason, and nothing else does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.listening.validation import plays_contract, sift_plays
from tasks.platform.errors import ContractError
from tasks.validation.contract import check_table, enforce

LATEST = "2026-01-01"
NOTHING = pd.DataFrame({"path": [], "reason": [], "detail": []}, dtype="string")
START = pd.Timestamp("2024-05-01 12:00:00")


def frame(*rows: tuple[object, object, object]) -> pd.DataFrame:
    """Rows of moment (or seconds after START), artist, track."""
    moments = [
        START + pd.Timedelta(seconds=row[0]) if isinstance(row[0], int) else pd.Timestamp(row[0]) for row in rows
    ]
    return pd.DataFrame(
        {
            "line": [f"f.csv, line {number}" for number in range(2, len(rows) + 2)],
            "moment": pd.Series(moments, dtype="datetime64[us]"),
            "artist": pd.Series([row[1] for row in rows], dtype=object),
            "track": pd.Series([row[2] for row in rows], dtype=object),
            "album": pd.Series([None] * len(rows), dtype=object),
        }
    )


def reasons(sifted: object) -> dict[str, str]:
    quarantine = sifted.quarantine  # type: ignore[attr-defined]
    return {
        path.rpartition(" ")[2]: reason for path, reason in zip(quarantine["path"], quarantine["reason"], strict=True)
    }


def test_each_reason_is_told() -> None:
    table = frame(
        (0, "A", "T"),
        (0, "A", "T"),
        (9, "a", "t"),
        (100, "A", "T"),
        (115, "A", "T"),
        (131, "A", "T"),
        (131, "A", "U"),
        ("1970-01-01", "A", "T"),
        ("2001-12-31 23:59:59", "A", "T"),
        ("2002-01-01", "A", "T"),
        ("2026-01-01", "A", "T"),
        ("2025-12-31 23:59:59", "A", "T"),
        (500, None, "T"),
        (501, "A", None),
    )
    sifted = sift_plays.fn(table, NOTHING, LATEST, 15)
    assert reasons(sifted) == {
        "3": "counted twice",
        "4": "counted twice",
        "6": "counted twice",
        "9": "impossible date: before there was Last.fm",
        "10": "impossible date: before there was Last.fm",
        "12": "impossible date: in the future",
        "14": "no artist or track",
        "15": "no artist or track",
    }
    assert len(sifted.frame) + len(sifted.quarantine) == len(table)
    assert sifted.frame["moment"].is_monotonic_increasing
    assert sum(sifted.counts.values()) == len(sifted.quarantine)
    assert sift_plays.fn(table, NOTHING, LATEST, 0).counts["counted twice"] == 1


def test_too_much_put_aside_stops_with_the_first_lines() -> None:
    table = frame((0, "A", "T"), (1, "A", "T"), (100, "A", "T"), ("1970-01-01", "A", "T"))
    sifted = sift_plays.fn(table, NOTHING, LATEST, 15)
    enforce(check_table(sifted.frame, plays_contract(0.5), sifted.quarantine).report)
    with pytest.raises(ContractError, match=r"2 of 4 plays are in quarantine.*counted twice \(1\)"):
        enforce(check_table(sifted.frame, plays_contract(0.49), sifted.quarantine).report)
    unread = pd.DataFrame({"path": ["f.csv, line 9"], "reason": ["the date cannot be read"], "detail": [""]})
    sifted = sift_plays.fn(table, unread.astype("string"), LATEST, 15)
    with pytest.raises(ContractError, match="3 of 5 plays"):
        enforce(check_table(sifted.frame, plays_contract(0.5), sifted.quarantine).report)


def test_nothing_at_all_breaks_the_contract_and_not_the_sieve() -> None:
    sifted = sift_plays.fn(frame(), NOTHING, LATEST)
    assert sifted.counts == {}
    report = check_table(sifted.frame, plays_contract()).report
    assert not report.passed


def test_the_contract_passes_good_plays_and_warns_of_the_rest() -> None:
    sifted = sift_plays.fn(frame((0, "A", "T"), (0, "B", "T"), (60, "A", "T")), NOTHING, LATEST)
    report = check_table(sifted.frame, plays_contract()).report
    assert report.passed
    broken = {result.rule.split(" ")[0] + " " + result.rule.split(" ")[1]: result.broken for result in report.results}
    assert (broken["No two"], broken["Every play"]) == (2, 3)
    doubled = pd.concat([sifted.frame, sifted.frame.head(1)], ignore_index=True)
    assert not check_table(doubled, plays_contract()).report.passed


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("AB"), st.sampled_from("TU")), min_size=1, max_size=25))
def test_sifting_is_what_a_loop_would_do_in_any_order_and_once_is_enough(rows: list[tuple[int, str, str]]) -> None:
    expected, last = [], {}
    for second, artist, track in sorted(rows, key=lambda row: row[0]):
        if second - last.get((artist, track), -1000) > 15:
            expected.append((second, artist, track))
        last[artist, track] = second
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    table = frame(*[rows[place] for place in order])
    sifted = sift_plays.fn(table, NOTHING, LATEST, 15)
    seconds = ((sifted.frame["moment"] - START).dt.total_seconds()).astype(int)
    assert sorted(zip(seconds, sifted.frame["artist"], sifted.frame["track"], strict=True)) == sorted(expected)
    again = sift_plays.fn(sifted.frame.assign(line="x"), NOTHING, LATEST, 15)
    assert again.frame.equals(sifted.frame)
