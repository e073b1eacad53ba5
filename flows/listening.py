"""A listening history: from an export or Last.fm's API to the year in music, counted to the play."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.cases.listening.evaluation.statistics import choose_year, count_plays, describe_habits, rank_plays
from tasks.cases.listening.evaluation.year import measure_year, review_year
from tasks.cases.listening.features import mark_plays
from tasks.cases.listening.ingestion.moments import time_zone
from tasks.cases.listening.ingestion.scrobbles import read_scrobbles
from tasks.cases.listening.ingestion.source import latest_possible, locate_listening
from tasks.cases.listening.report.compose import describe_listening
from tasks.cases.listening.report.sections import Asked
from tasks.cases.listening.validation import REMEDY, plays_contract, sift_plays
from tasks.ingestion.files import Data, Source, noted
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def listening(
    source: str = "sample",
    zone: Annotated[str, AfterValidator(time_zone)] = "Europe/Berlin",
    year: Annotated[int, Field(ge=0, le=2100)] = 0,
    top: Annotated[int, Field(ge=1, le=50)] = 10,
    session_gap: Annotated[int, Field(ge=1, le=1440)] = 30,
    double_seconds: Annotated[int, Field(ge=0, le=600)] = 15,
    export_zone: Annotated[str, AfterValidator(time_zone)] = "UTC",
    columns: str = "",
    max_quarantined: Quarantined = 0.1,
) -> Path:
    """What was my year in music?

    The answer serves whoever keeps a listening history and wants to see it without handing it to a service: what to
    hear again, and how habits change. It is good when every line is either counted or in quarantine, and at least 95 %
    of the plays have moment, artist, track and album.

    Args:
        source: sample, an export (csv), a folder or https address of exports, or lastfm:<user> with CASEBOOK_LASTFM_KEY
        zone: the listener's time zone, whose days and hours count; a name of the IANA database
        year: the year to review; 0 takes the latest that is recorded in full, else the last
        top: places of the lists of artists, albums and tracks
        session_gap: minutes without a play beginning that end a session
        double_seconds: the same track again within so many seconds was counted twice
        export_zone: the zone of times in the export that bear none; Last.fm's are in UTC
        columns: of an export without header, such as artist,album,track,date; found out when empty
    """
    # Data understanding
    where = locate_listening(source).load(Source)
    read = read_scrobbles(where.files, columns, export_zone)
    sifted = sift_plays(read.frame, read.quarantine, latest_possible(), double_seconds)
    data = noted(Data(where, sifted.frame, sifted.quarantine, sifted))
    checked = check(data, plays_contract(max_quarantined), REMEDY)

    # Data preparation
    plays = mark_plays(checked.frame, zone, session_gap)

    # Modelling: none; the year is described, not predicted

    # Evaluation: the year against the year before on the same dates
    counts = count_plays(plays)
    ranks = rank_plays(plays, top)
    habits = describe_habits(plays)
    chosen = choose_year(plays, year).load(int)
    review = review_year(plays, counts.by_day, counts.by_year, habits.clock, habits.sessions, chosen)
    records, aside = read.records.load(int), sum(sifted.counts.load(dict[str, int]).values())
    metrics = measure_year(review, plays, records, aside)

    # Deployment
    asked = Asked(
        zone=zone,
        export_zone=export_zone,
        session_gap=session_gap,
        double_seconds=double_seconds,
        layouts=read.layouts.load(list[str]),
        records=records,
    )
    findings = describe_listening(
        asked,
        review,
        plays,
        counts.by_year,
        counts.by_month,
        counts.by_day,
        ranks,
        habits.clock,
        habits.streaks,
        habits.sessions,
        sifted.counts,
        checked.report,
        metrics,
    )
    tables = {
        "years": counts.by_year,
        "months": counts.by_month,
        "days": counts.by_day,
        "top": ranks,
        "clock": habits.clock,
        "streaks": habits.streaks,
        "sessions": habits.sessions,
    }
    return publish(findings, tables=tables)


if __name__ == "__main__":
    main(listening)
