"""What belongs to a play besides its moment? The listener's own day and hour, its session, and what was heard first.

Days and hours are those of the listener's zone, daylight saving included; the length of sessions and the order of
plays go by the moment itself, so that the hour that comes twice in autumn is two hours long.
"""

import pandas as pd

from tasks.platform.stage import stage

KINDS = {"artist": ["artist"], "album": ["artist", "album"], "track": ["artist", "track"]}


@stage(phase="Data preparation")
def mark_plays(plays: pd.DataFrame, zone: str, session_gap: int) -> pd.DataFrame:
    """Add to each play what the statistics need.

    Args:
        plays: `moment` (UTC, no zone), `artist`, `track`, `album` (missing where unknown), (n, 4), oldest first.
        zone: IANA name of the listener's time zone.
        session_gap: minutes; a play that begins later than so many after the one before begins a session.

    Returns:
        The plays with `local` (the time on the listener's clock), `day` (its midnight), `session` (a number from 0) and
        `first_artist`, `first_album`, `first_track`: whether it is the first play ever of its artist and so on.
    """
    marked = plays.sort_values("moment", kind="stable").reset_index(drop=True)
    local = marked["moment"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    marked["local"] = local.astype("datetime64[us]")
    marked["day"] = marked["local"].dt.normalize()
    marked["session"] = (marked["moment"].diff() > pd.Timedelta(minutes=session_gap)).cumsum().astype("int64")
    for kind, keys in KINDS.items():
        marked[f"first_{kind}"] = ~marked.duplicated(keys) & marked[kind].notna()
    return marked
