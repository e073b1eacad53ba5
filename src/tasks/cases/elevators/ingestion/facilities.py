"""What does an answer of the FaSta API say about each lift? Answers are text from elsewhere: nothing is believed.

FaSta (Station Facilities Status) v2 of Deutsche Bahn, developers.deutschebahn.com: `/facilities` answers a JSON list of
facilities, `/stations/{number}` an object with `stationnumber`, `name` and `facilities`. Data under CC BY 4.0.
"""

import json
import math
from typing import Any, NamedTuple

import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

STATES = ("ACTIVE", "INACTIVE", "UNKNOWN")
FIELDS = ("equipment", "station", "state", "explanation", "description", "operator", "longitude", "latitude")
LARGEST_NUMBER = 2**53
LONGEST_TEXT = 200  # characters of a description that are kept
MOST_FACILITIES = 200_000


class Facilities(NamedTuple):
    """The lifts of one answer."""

    rows: pd.DataFrame  # the columns FIELDS
    rejected: list[tuple[int, str, str]]  # position in the answer, reason, detail


def parse_answer(content: bytes | str, what: str) -> Any:
    """Return what an answer holds, as JSON values.

    Raises:
        ContractError: it is no JSON (a page of a gateway, a text cut short).
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        said = shorten(str(error), 80)
        raise ContractError(
            f"{what} is no JSON ({said}); ask the service again, or take the file out of the folder."
        ) from None


def parse_facilities(answer: Any, what: str) -> Facilities:
    """Read the lifts of an answer of `/facilities`; other facilities (escalators) are left out.

    Raises:
        ContractError: the answer is no list of objects.
    """
    if not isinstance(answer, list) or not answer or len(answer) > MOST_FACILITIES:
        shape = f"a list of {len(answer):,}" if isinstance(answer, list) else f"a {type(answer).__name__}"
        raise ContractError(f"{what} is {shape}, not a list of facilities; ask the service for /facilities again.")
    rows, rejected, seen = [], [], set()
    for position, item in enumerate(answer):
        if isinstance(item, dict) and item.get("type") not in ("ELEVATOR", None):
            continue
        row, problem = _facility(item)
        if not problem and row["equipment"] in seen:
            problem = "a lift that stands in the answer already"
        if problem:
            rejected.append((position, problem, shorten(json.dumps(item, ensure_ascii=False), 160)))
            continue
        seen.add(row["equipment"])
        rows.append(row)
    return Facilities(pd.DataFrame(rows, columns=list(FIELDS)).astype(_types()), rejected)


def _types() -> dict[str, str]:
    kinds = {"equipment": "int64", "station": "int64", "longitude": "float64", "latitude": "float64"}
    return {name: kinds.get(name, "object") for name in FIELDS}


def _number(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST_NUMBER
    return value if whole else None


def _degrees(value: Any, limit: float) -> float:
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= limit
    return float(value) if plain else math.nan


def _text(value: Any) -> str:
    return shorten(value, LONGEST_TEXT) if isinstance(value, str) else ""


def _facility(item: Any) -> tuple[dict[str, Any], str]:
    """Return the row of a facility and what is wrong with it; nothing is when that is empty."""
    if not isinstance(item, dict):
        return {}, "no facility"
    equipment, station = _number(item.get("equipmentnumber")), _number(item.get("stationnumber"))
    if equipment is None:
        return {}, "no equipment number"
    if item.get("state") not in STATES:
        return {}, "a state other than ACTIVE, INACTIVE and UNKNOWN"
    if station is None:
        return {}, "no station number"
    longitude, latitude = _degrees(item.get("geocoordX"), 180), _degrees(item.get("geocoordY"), 90)
    placed = math.isfinite(longitude) and math.isfinite(latitude)
    return {
        "equipment": equipment,
        "station": station,
        "state": item["state"],
        "explanation": _text(item.get("stateExplanation")),
        "description": _text(item.get("description")),
        "operator": _text(item.get("operatorname")),
        "longitude": longitude if placed else math.nan,
        "latitude": latitude if placed else math.nan,
    }, ""


def parse_station(answer: Any, what: str) -> tuple[int, str]:
    """Return number and name of an answer of `/stations/{number}`.

    Raises:
        ContractError: it is no station.
    """
    number = _number(answer.get("stationnumber")) if isinstance(answer, dict) else None
    name = _text(answer.get("name")) if isinstance(answer, dict) else ""
    if number is None or not name:
        raise ContractError(f"{what} is no station with a number and a name; ask the service for /stations again.")
    return number, name


def is_station(answer: Any) -> bool:
    """Tell whether an answer is that of `/stations`, and not of `/facilities`."""
    return isinstance(answer, dict) and "stationnumber" in answer and "name" in answer
