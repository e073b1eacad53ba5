"""A year of station lifts in which it is known how reliable each one is: can that be found again?

Lifts at railway stations of Germany, simulated: each fails and is repaired by chance (a two-state Markov process) at
rates of its own, and was asked for its state once a night. The files are what saving the answers of the FaSta API every
night gives, with all that goes wrong in a year: nights without an answer, an answer cut short, one saved twice, rows
without a number or with a state that does not exist, lifts whose monitoring is disturbed.

    <sample>/facilities-20250301T021407Z.json     the answer of /facilities to the time in its name
    <sample>/stations.json                        the answers of /stations/{number}, for the names
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SEED = 20_250_301
NIGHTS = 365
FIRST = pd.Timestamp("2025-03-01T02:10:00")
MISSED_NIGHTS = (17, 18, 19, 96, 141, 203, 204, 288, 330)
CUT_SHORT = 60  # the night whose answer broke off
TWICE = 120  # the night whose answer was saved twice within the hour
AVAILABILITY = (27.0, 0.9)  # parameters of the beta distribution of the lifts' true availability
REPAIR_DAYS = (np.log(2.5), 0.45)  # log-normal distribution over the lifts of the mean duration of an outage
UNKNOWN = 0.012  # share of readings at which the monitoring of a lift does not answer

STATIONS = (
    (1071, "Berlin Hbf", 13.3695, 52.5251, 6),
    (2514, "Hamburg Hbf", 10.0069, 53.5528, 5),
    (4234, "München Hbf", 11.5586, 48.1403, 6),
    (3320, "Köln Hbf", 6.9587, 50.9430, 5),
    (1866, "Frankfurt (Main) Hbf", 8.6632, 50.1070, 5),
    (6071, "Stuttgart Hbf", 9.1829, 48.7840, 4),
    (1401, "Düsseldorf Hbf", 6.7944, 51.2203, 4),
    (3631, "Leipzig Hbf", 12.3816, 51.3454, 4),
    (2545, "Hannover Hbf", 9.7410, 52.3766, 5),
    (4593, "Nürnberg Hbf", 11.0825, 49.4456, 4),
    (1343, "Dresden Hbf", 13.7320, 51.0404, 4),
    (855, "Bremen Hbf", 8.8137, 53.0831, 3),
    (1289, "Dortmund Hbf", 7.4593, 51.5179, 4),
    (1690, "Essen Hbf", 7.0148, 51.4513, 3),
    (3925, "Mannheim Hbf", 8.4687, 49.4794, 3),
    (3107, "Karlsruhe Hbf", 8.4020, 48.9937, 3),
    (220, "Augsburg Hbf", 10.8856, 48.3654, 3),
    (6323, "Ulm Hbf", 9.9823, 48.3995, 2),
    (1893, "Freiburg (Breisgau) Hbf", 7.8412, 47.9977, 3),
    (1634, "Erfurt Hbf", 11.0385, 50.9726, 3),
    (2498, "Halle (Saale) Hbf", 11.9871, 51.4775, 3),
    (3881, "Magdeburg Hbf", 11.6269, 52.1303, 3),
    (5365, "Rostock Hbf", 12.1310, 54.0783, 3),
    (3271, "Kiel Hbf", 10.1319, 54.3147, 2),
    (3871, "Lübeck Hbf", 10.6698, 53.8676, 2),
    (3898, "Mainz Hbf", 8.2586, 50.0012, 3),
    (5145, "Regensburg Hbf", 12.0996, 49.0117, 2),
    (6945, "Würzburg Hbf", 9.9358, 49.8018, 2),
    (3200, "Kassel-Wilhelmshöhe", 9.4471, 51.3128, 3),
    (2218, "Göttingen", 9.9269, 51.5368, 2),
    (4280, "Münster (Westf) Hbf", 7.6349, 51.9566, 3),
    (4825, "Osnabrück Hbf", 8.0617, 52.2728, 2),
    (767, "Bonn Hbf", 7.0970, 50.7320, 2),
    (1, "Aachen Hbf", 6.0915, 50.7678, 2),
    (5404, "Saarbrücken Hbf", 6.9910, 49.2414, 2),
    (3299, "Koblenz Hbf", 7.5886, 50.3511, 2),
    (1040, "Chemnitz Hbf", 12.9308, 50.8397, 2),
    (1077, "Cottbus Hbf", 14.3249, 51.7510, 2),
    (5648, "Schwerin Hbf", 11.4077, 53.6350, 2),
    (3557, "Landshut (Bay) Hbf", 12.1360, 48.5476, 1),
)
"""Number, name, longitude, latitude (to some hundred metres) and number of lifts. Numbers and lifts are made up."""


def truth() -> pd.DataFrame:
    """Return what the simulation was made with.

    Returns:
        A row per lift: `equipment`, `station`, `availability` (its long-run share of time in order, 0 to 1) and
        `repair_days` (mean duration of an outage).
    """
    chance = np.random.default_rng(SEED)
    stations = np.repeat([number for number, *_ in STATIONS], [row[4] for row in STATIONS])
    count = len(stations)
    return pd.DataFrame(
        {
            "equipment": 10_300_000 + np.arange(count) * 37,
            "station": stations,
            "availability": np.minimum(chance.beta(*AVAILABILITY, count), 0.9995),
            "repair_days": np.exp(chance.normal(*REPAIR_DAYS, count)),
        }
    )


def simulate_states(
    availability: np.ndarray, repair_days: np.ndarray, days: np.ndarray, chance: np.random.Generator
) -> np.ndarray:
    """Draw the states of independent lifts at the given times, from the exact law of the two-state Markov process.

    Args:
        availability: (lifts,) long-run share of time in order.
        repair_days: (lifts,) mean duration of an outage.
        days: (times,) ascending, in days.
        chance: the source of chance.

    Returns:
        (times, lifts) bool: True where a lift is in order.
    """
    rate = 1 / (repair_days * availability)
    states = np.empty((len(days), len(availability)), bool)
    states[0] = chance.random(len(availability)) < availability
    for time in range(1, len(days)):
        memory = np.exp(-rate * (days[time] - days[time - 1]))
        states[time] = chance.random(len(availability)) < availability + (states[time - 1] - availability) * memory
    return states


def write_elevators(folder: Path) -> None:
    """Write the answers of a year and the names of the stations into `folder`, the same bytes each time."""
    lifts, chance = truth(), np.random.default_rng(SEED + 1)
    nights = np.setdiff1d(np.arange(NIGHTS), MISSED_NIGHTS)
    times = FIRST + pd.to_timedelta(nights, unit="D") + pd.to_timedelta(chance.integers(0, 900, len(nights)), unit="s")
    days = (times - FIRST) / pd.Timedelta(days=1)
    up = simulate_states(lifts["availability"].to_numpy(), lifts["repair_days"].to_numpy(), days.to_numpy(), chance)
    silent = chance.random(up.shape) < UNKNOWN
    fixed = _fixed_fields(lifts, chance)
    for number, (night, time) in enumerate(zip(nights, times, strict=True)):
        text = json.dumps(_facilities(fixed, up[number], silent[number], int(night)), ensure_ascii=False)
        content = text.encode()[: 5000 if night == CUT_SHORT else None]
        (folder / f"facilities-{time:%Y%m%dT%H%M%SZ}.json").write_bytes(content)
        if night == TWICE:
            (folder / f"facilities-{time + pd.Timedelta(minutes=9):%Y%m%dT%H%M%SZ}.json").write_bytes(content)
    names = [{"stationnumber": number, "name": name, "facilities": []} for number, name, *_ in STATIONS]
    (folder / "stations.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")


def _fixed_fields(lifts: pd.DataFrame, chance: np.random.Generator) -> list[dict[str, Any]]:
    places = {number: (longitude, latitude) for number, _, longitude, latitude, _ in STATIONS}
    rows: list[dict[str, Any]] = []
    for number, station in enumerate(lifts["station"]):
        track = 1 + 2 * int((lifts["station"].iloc[:number] == station).sum())
        x, y = np.array(places[station]) + chance.normal(0, 0.0006, 2)
        place = {} if number == 11 else {"geocoordX": round(float(x), 6), "geocoordY": round(float(y), 6)}
        rows.append(
            {
                "equipmentnumber": int(lifts["equipment"].iloc[number]),
                "type": "ELEVATOR",
                "description": f"zu Gleis {track}/{track + 1}",
                **place,
                "stationnumber": int(station),
                "operatorname": "DB InfraGO",
            }
        )
    return rows


def _facilities(fixed: list[dict[str, Any]], up: np.ndarray, silent: np.ndarray, night: int) -> list[dict[str, Any]]:
    said = {"ACTIVE": "available", "INACTIVE": "not available", "UNKNOWN": "monitoring disrupted"}
    rows = []
    for row, works, quiet in zip(fixed, up, silent, strict=True):
        state = "UNKNOWN" if quiet else "ACTIVE" if works else "INACTIVE"
        rows.append({**row, "state": state, "stateExplanation": said[state]})
    if night % 90 == 30:
        rows[3] = {**rows[3], "state": "BROKEN"}
    if night % 90 == 31:
        del rows[5]["equipmentnumber"]
    if night % 7 == 3:  # whoever asks without a type gets escalators too
        rows.append({**fixed[0], "equipmentnumber": 10_990_000, "type": "ESCALATOR", "state": "ACTIVE"})
    return rows
