"""Can planted patterns be told from chance? Runners of a made-up marathon, in the format of the published table.

The times behave as in every marathon: women take longer than men, the old longer than the young, and the second half
takes longer than the first. Height and weight go together. Beyond that there is only what `PLANTED` lists, and in the
plain copy not even that. The quirks are the publisher's and those that exports have: separators trailing each line,
values that are missing, times that cannot be. Their number is in `QUIRKS`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SEED = 20_170
RUNNERS = 8_000
NATIONALITIES = ("AU", "DE", "FR", "IT")
HEADER = "age,gender,split,final,nationality,size,weight;;;; "


class Pattern(NamedTuple):
    """One planted pattern."""

    kind: str  # location, spread or relation
    stratum: str  # women or men
    group: str  # the nationality; empty: all of the stratum
    measure: str
    value: float  # cm or kg for a location, a ratio for a spread, a correlation for a relation
    other: str = ""  # the second measure of a relation


PLANTED = (
    Pattern("location", "women", "AU", "height", -7.9),
    Pattern("location", "men", "DE", "height", 5.0),
    Pattern("spread", "men", "DE", "height", 0.55),
    Pattern("location", "women", "DE", "weight", 5.0),
    Pattern("relation", "men", "", "weight", 0.25, "final"),
)

QUIRKS = {"missing": 14, "no time": 5, "no number": 3, "impossible": 9, "short line": 2}

BODY = {"W": (166.0, 6.0, 61.0, 7.0), "M": (179.0, 7.0, 77.0, 8.5)}  # mean and SD of cm, of kg
TOGETHER = 0.4  # correlation of height and weight within each group


def runners(patterns: tuple[Pattern, ...] = PLANTED, count: int = RUNNERS, seed: int = SEED) -> pd.DataFrame:
    """Draw runners, (count, 7) in the publisher's columns: times in seconds, size in cm, weight in kg."""
    rng = np.random.default_rng(seed)
    gender = np.where(rng.random(count) < 0.36, "W", "M")
    women = gender == "W"
    age = np.clip(rng.gamma(18.0, np.where(women, 2.13, 2.33)), 17, 84).astype(int)
    old = np.clip(age - 34, 0, None)
    typical = np.where(women, 17_600.0, 15_600.0) + 2.6 * old**2
    final = np.clip(typical * np.exp(rng.normal(-0.02, 0.2, count)), 7_600, 34_000)
    slower = (final - final.mean()) / final.std()
    fraction = np.clip(rng.normal(0.12 + 0.045 * slower, np.where(women, 0.045, 0.055)), -0.1, 0.55)
    nationality = rng.choice(NATIONALITIES, count)
    height, weight = _bodies(rng, gender, nationality, final, patterns)
    return pd.DataFrame(
        {
            "age": age,
            "gender": gender,
            "split": np.round(final * (1 - fraction) / 2).astype(int),
            "final": np.round(final).astype(int),
            "nationality": nationality,
            "size": np.round(height, 2),
            "weight": np.round(weight, 1),
        }
    ).sort_values("final", ignore_index=True)


def _bodies(
    rng: np.random.Generator,
    gender: np.ndarray,
    nationality: np.ndarray,
    final: np.ndarray,
    patterns: tuple[Pattern, ...],
) -> tuple[np.ndarray, np.ndarray]:
    tall, noise = rng.normal(size=(2, len(gender)))
    height, weight = np.zeros(len(gender)), np.zeros(len(gender))
    for code, name in (("W", "women"), ("M", "men")):
        of_sex = gender == code
        centre, spread, kilos, kilo_spread = BODY[code]
        pull = sum(item.value for item in patterns if item.stratum == name and item.kind == "relation")
        slow = (final - final[of_sex].mean()) / final[of_sex].std()
        own = np.sqrt(1 - TOGETHER**2 - pull**2)
        height[of_sex] = (centre + spread * tall)[of_sex]
        weight[of_sex] = (kilos + kilo_spread * (TOGETHER * tall + pull * slow + own * noise))[of_sex]
        for item in sorted(patterns, key=lambda item: item.kind != "spread"):  # scale first, then shift
            chosen = of_sex & (nationality == item.group)
            if item.stratum == name and item.kind != "relation":
                target = height if item.measure == "height" else weight
                middle = centre if item.measure == "height" else kilos
                apart = target[chosen] - middle
                target[chosen] = middle + (apart * item.value if item.kind == "spread" else apart + item.value)
    return height, weight


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def lines(frame: pd.DataFrame) -> list[str]:
    """Return runners as lines of the published file, its header first."""
    rows = (
        f"{age},{gender},{_clock(split)},{_clock(final)},{nationality},{size:g},{weight:g};;;;"
        for age, gender, split, final, nationality, size, weight in frame.itertuples(index=False)
    )
    return [HEADER, *rows]


def _with_quirks(clean: list[str], seed: int) -> list[str]:
    """Return the lines with as many damaged ones among them as `QUIRKS` says."""
    rng = np.random.default_rng(seed)
    damaged = {
        "missing": ["34,M,01:58:10,04:11:09,IT,,78;;;;", ",W,02:01:10,04:31:19,AU,166.2,61.1;;;;"],
        "no time": ["41,W,02:07:61,04:40:12,DE,164.9,60.2;;;;", "29,M,01:55:07,DNF,AU,177.1,75.5;;;;"],
        "no number": ["38,M,01:49:00,03:59:20,IT,181 cm,79;;;;"],
        "impossible": [
            "33,M,04:20:31,04:11:09,IT,180.11,78;;;;",  # half way after the finish
            "45,W,00:52:10,01:45:00,DE,165.3,59.8;;;;",  # faster than the world's best
            "37,M,02:02:02,04:20:40,DE,1.79,77.3;;;;",  # metres for centimetres
        ],
        "short line": ["36,M,01:57:12;;;;"],
    }
    extra = [kinds[number % len(kinds)] for name, kinds in damaged.items() for number in range(QUIRKS[name])]
    places = np.sort(rng.integers(1, len(clean), len(extra)))
    found = list(clean)
    for place, line in zip(places[::-1].tolist(), extra, strict=True):
        found.insert(place, line)
    return found


def write_marathon(folder: Path) -> None:
    """Write the sample with the patterns of `PLANTED` and the damaged lines of `QUIRKS`."""
    _write(folder, runners())


def write_plain_marathon(folder: Path) -> None:
    """Write a sample without any pattern, damaged in the same way."""
    _write(folder, runners(patterns=(), seed=SEED + 1))


def _write(folder: Path, frame: pd.DataFrame) -> None:
    text = "\r\n".join([*_with_quirks(lines(frame), SEED), ""])
    (folder / "marathon.csv").write_bytes(text.encode())
