"""Which plays were counted twice, and which cannot have been? The rows that no statistic may see.

A play counts for Last.fm once a track of more than 30 seconds was heard to its half (last.fm/api/scrobbling), so the
same track cannot count again before 15 seconds have passed: what comes sooner was counted twice by a player or by two
overlapping exports. Of a run of such plays the first stays. Last.fm's forerunner Audioscrobbler began in 2002: dates
before that are clocks that were never set.
"""

from datetime import datetime
from typing import NamedTuple

import pandas as pd

from tasks.platform.stage import stage
from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

FIRST_POSSIBLE = datetime(2002, 1, 1)  # UTC
LONGEST_DETAIL = 200  # characters
REMEDY = "mend the export, or give columns or export_zone, and run again"


class Sifted(NamedTuple):
    """The plays that can be counted, and those put aside."""

    frame: pd.DataFrame  # moment (UTC), artist, track, album; oldest first
    quarantine: pd.DataFrame  # path, reason, detail
    counts: dict[str, int]  # of those put aside, by reason


@stage(phase="Data understanding")
def sift_plays(
    frame: pd.DataFrame,
    unread: pd.DataFrame,
    latest: str,
    double_seconds: int = 15,
) -> Sifted:
    """Put aside plays at impossible moments, plays without artist or track, and plays counted twice.

    Args:
        frame: `line`, `moment` (UTC), `artist`, `track`, `album`, (n, 5), in any order.
        unread: quarantine of the reader: `path`, `reason`, `detail`.
        latest: day (UTC) before which a play must have been, such as 2026-03-05.
        double_seconds: a play of the same track at most so many seconds after the one before was counted twice.
    """
    reasons = _reasons(frame, latest)
    order = frame[reasons.isna()].sort_values("moment", kind="stable")
    reasons.loc[_doubles(order, double_seconds)] = "counted twice"
    taken = frame[reasons.notna()]
    told = taken.assign(moment=taken["moment"].astype(str)).fillna("(none)")
    details = (told["moment"] + " UTC, " + told["artist"] + ", " + told["track"]).str.slice(0, LONGEST_DETAIL)
    aside = pd.DataFrame({"path": taken["line"], "reason": reasons[reasons.notna()], "detail": details})
    quarantine = pd.concat([unread, aside], ignore_index=True).astype("string")
    kept = order.drop(index=order.index[reasons[order.index].notna()])
    counts = {str(reason): int(count) for reason, count in quarantine["reason"].value_counts().items()}
    columns = kept[["moment", "artist", "track", "album"]].reset_index(drop=True)
    return Sifted(columns, quarantine, counts)


def _reasons(frame: pd.DataFrame, latest: str) -> pd.Series:
    """Return why each play is put aside, missing where it is not."""
    reasons = pd.Series(pd.NA, index=frame.index, dtype="string")
    reasons[frame["artist"].isna() | frame["track"].isna()] = "no artist or track"
    reasons[frame["moment"] < FIRST_POSSIBLE] = "impossible date: before there was Last.fm"
    reasons[frame["moment"] >= pd.Timestamp(latest)] = "impossible date: in the future"
    return reasons


def _doubles(plays: pd.DataFrame, seconds: int) -> pd.Index:
    """Return the labels of plays (oldest first) that follow a play of the same track within `seconds`."""
    gaps = plays.groupby([plays["artist"].str.casefold(), plays["track"].str.casefold()], sort=False)["moment"].diff()
    return plays.index[gaps <= pd.Timedelta(seconds=seconds)]


def plays_contract(max_quarantined: float = 0.1) -> Contract:
    """Return what the plays promise once the impossible ones are put aside.

    Args:
        max_quarantined: the share of lines that may be put aside.
    """

    def there(column: str, sentence: str, severity: str) -> Rule:
        return Rule(
            rule=sentence, expectation="ExpectColumnValuesToNotBeNull", arguments={"column": column}, severity=severity
        )  # type: ignore[arg-type]

    return Contract(
        name="plays",
        unit="plays",
        key="track",
        max_quarantined=max_quarantined,
        rules=[
            there("artist", "Every play names its artist.", "critical"),
            there("track", "Every play names its track.", "critical"),
            between("Every play has a moment, after the beginning of Last.fm.", "moment", FIRST_POSSIBLE),
            Rule(
                rule="No track is there twice at the same moment.",
                expectation="ExpectCompoundColumnsToBeUnique",
                arguments={"column_list": ["moment", "artist", "track"]},
            ),
            there("album", "Every play names its album.", "warning"),
            Rule(
                rule="No two tracks begin in the same second (a player that was offline may hand them in so).",
                expectation="ExpectColumnValuesToBeUnique",
                arguments={"column": "moment"},
                severity="warning",
            ),
        ],
    )
