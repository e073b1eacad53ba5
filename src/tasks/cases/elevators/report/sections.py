"""What stands in the parts of the report about lifts? The state now, reliability, outages, certainty, forecast."""

import pandas as pd

from tasks.cases.elevators.figures.network import longest_outages, map_of_lifts, network_over_time, plural
from tasks.cases.elevators.figures.reliability import all_intervals, forecasts_by_day, least_reliable
from tasks.cases.elevators.ingestion.readings import Service
from tasks.cases.elevators.training import Network
from tasks.figures.style import percent
from tasks.publishing.blocks import Figure, Section, Table, Text
from tasks.publishing.tables import figure_block

FORECAST_NAMES = {
    "markov": "state now, fading (Markov)",
    "shrunk": "shrunk availability",
    "raw": "share of its readings",
    "as_now": "as it is now",
}


def map_block(now: pd.DataFrame, moment: str, credit: str) -> Figure:
    """Return the map of the stations, with the lifts out of order."""
    out = int((now["state"] == "INACTIVE").sum())
    lost = int(now["longitude"].isna().sum())
    caption = f"Each mark is a station, at the mean place of its lifts. {credit}."
    if lost:
        caption += f" {plural(lost, 'lift without a known place is', 'lifts without a known place are')} left out."
    return figure_block(
        map_of_lifts(now, moment),
        f"Map of the stations by longitude and latitude; {out} lifts are out of order.",
        caption,
    )


def out_now(now: pd.DataFrame, outages: pd.DataFrame) -> Table | Text:
    """Return the table of the lifts that are out of order now, or whose state is not told."""
    since = outages[outages["ongoing"]].drop_duplicates("equipment", keep="last").set_index("equipment")["start"]
    rows = now[now["state"].isin(["INACTIVE", "UNKNOWN"])].sort_values(["state", "name", "equipment"])
    if rows.empty:
        return Text(paragraphs=["Every lift of the last snapshot is in order."])
    rows = rows.assign(
        since=[
            f"{since[e]:%Y-%m-%d}" if s == "INACTIVE" and e in since.index else ""
            for e, s in zip(rows["equipment"], rows["state"], strict=True)
        ],
        said=rows["state"].map({"INACTIVE": "out of order", "UNKNOWN": "not told"}),
    )
    titles = {
        "name": "station",
        "description": "lift",
        "equipment": "number",
        "said": "state",
        "explanation": "explanation",
        "since": "seen so since",
        "shrunk": "availability",
    }
    return Table.from_frame(
        rows,
        titles,
        {"equipment": "d", "shrunk": ".1%"},
        whole="lifts.csv",
        caption="Lifts out of order, and those whose state is not told.",
    )


def service_text(service: Service) -> list[Text]:
    """Say how the service answered; nothing where none was asked."""
    if not service.taken:
        return []
    faults = ", ".join(f"{kind}: {count}" for kind, count in sorted(service.faults.items())) or "none"
    text = f"The service was asked {plural(service.requests, 'time')}; faults met and overcome: {faults}."
    if service.unnamed:
        text += f" {plural(service.unnamed, 'lift station')} not named yet; the next runs ask for them."
    return [Text(paragraphs=[text])]


def reliability_section(table: pd.DataFrame, network: Network, nights: pd.DataFrame, credit: str) -> Section:
    """Return the part about the availability of each lift."""
    if len(nights) < 2:
        return Section(title="How reliable", intro="One snapshot tells the state, not how reliable a lift is.")
    formats = {
        "shrunk": ".1%",
        "low": ".1%",
        "high": ".1%",
        "up": ".1%",
        "up_if_unknown_down": ".1%",
        "worth": ",.0f",
        "repair_days": ".1f",
    }
    titles = {
        "label": "lift",
        "shrunk": "availability",
        "low": "from",
        "high": "to",
        "up": "of its readings",
        "up_if_unknown_down": "not told as down",
        "readings": "readings",
        "worth": "worth",
    }
    return Section(
        title="How reliable",
        intro="A lift that was down last night is likely down tonight too, so 365 nights are not 365 independent"
        " readings: the intervals know that. The estimate draws a lift towards all others where its own readings tell"
        " little; it is what to rank by.",
        blocks=[
            figure_block(
                least_reliable(table, network.availability),
                "Availability of the least reliable lifts with intervals.",
                f"The bar is what the lift's own readings allow. {credit}.",
            ),
            figure_block(
                all_intervals(table),
                "Availability of all lifts with intervals, in order.",
                f"About {0.05 * len(table):.0f} of {len(table):,} bars would miss the truth by chance. {credit}.",
            ),
            Table.from_frame(
                table,
                titles,
                formats,
                limit=15,
                whole="lifts.csv",
                caption="The least reliable lifts. Worth: as many independent readings would tell as much.",
            ),
        ],
    )


def outages_section(labels: pd.DataFrame, nights: pd.DataFrame, credit: str) -> Section:
    """Return the part about the longest outages, and the share of lifts that are out of order night by night."""
    rows = labels.assign(
        start=labels["start"].dt.strftime("%Y-%m-%d"),
        end=labels["end"].dt.strftime("%Y-%m-%d"),
        still=labels["ongoing"].map({True: "yes", False: ""}),
    )
    titles = {
        "label": "lift",
        "start": "from",
        "end": "to",
        "at_least": "at least, days",
        "at_most": "at most, days",
        "readings": "readings",
        "still": "still",
    }
    return Section(
        title="The longest outages",
        blocks=[
            figure_block(
                longest_outages(labels),
                "The longest outages as bars over time.",
                f"A reading that does not tell the state does not end an outage; a gap of a week does. {credit}.",
            ),
            Table.from_frame(
                rows,
                titles,
                {"at_least": ".1f", "at_most": ".1f"},
                limit=15,
                whole="outages.csv",
                caption="From the first to the last reading out of order; the truth lies between both durations.",
            ),
            figure_block(
                network_over_time(nights),
                "Share of the lifts out of order at each snapshot.",
                f"{credit}.",
            ),
        ],
    )


def certainty_section(coverage: pd.DataFrame | None) -> Section:
    """Return the part about how many intervals hold the truth."""
    if coverage is None:
        return Section(title="Can the intervals be believed?", intro="There are too few snapshots to measure it.")
    regular = coverage.iloc[0]
    titles = {
        "outages": "outages",
        "n": "lifts",
        "coverage": "hold the truth",
        "low": "from",
        "high": "to",
        "width": "median width",
        "independent": "taken as independent",
    }
    return Section(
        title="Can the intervals be believed?",
        intro="Simulated lifts, seen at the times of these snapshots:"
        f" {percent(regular['coverage'], 1)} of the 95 % intervals hold the"
        f" true availability. Taking the readings as independent, only {percent(regular['independent'], 1)} would.",
        blocks=[
            Table.from_frame(
                coverage,
                titles,
                dict.fromkeys(("coverage", "low", "high", "width", "independent"), ".1%"),
                caption="Exponential outages are what the model assumes; irregular ones vary far more (c = 1.8).",
            )
        ],
    )


def forecast_section(by_day: pd.DataFrame | None, chosen: str, credit: str) -> Section:
    """Return the part about the forecasts of the last weeks."""
    if by_day is None:
        return Section(title="Will it run when I come?", intro="There are too few snapshots to test a forecast.")
    return Section(
        title="Will it run when I come?",
        intro="The last weeks were left out, forecast from what came before, and compared with what was read.",
        blocks=[
            figure_block(
                forecasts_by_day(by_day, chosen, FORECAST_NAMES),
                "Error of four forecasts by days ahead.",
                f"Mean squared difference between the forecast chance and what was read. {credit}.",
            )
        ],
    )
