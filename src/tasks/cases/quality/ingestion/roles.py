"""What is each column: the result, an input, an identifier, a group, a time? And which results count as faulty?"""

import re
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

Kind = Literal["faulty", "classes", "number"]
TARGETS = re.compile(
    r"(?i)^(machine[ _]failure|fault(y)?|failure|failed|fail|defect(ive)?|result|target|label|quality|passed|"
    r"pass/fail|class|outcome|scrap|yield|strength|y)$"
)
IDENTIFIERS = re.compile(r"(?i)^(u?d?i|uid|udi|id|.*[ _]id|serial([ _]?(no|number))?|index|row|no\.?|unnamed: \d+)$")
BAD = ("1", "yes", "true", "fail", "failed", "faulty", "nok", "bad", "defect", "defective", "scrap", "reject", "ko")
GOOD = ("0", "-1", "no", "false", "pass", "passed", "ok", "good", "none", "accept")
AI4I_MODES = ("TWF", "HDF", "PWF", "OSF", "RNF")  # S. Matzka, 2020: why a machine failed, known only once it has
UNIQUE = 0.95  # share of different values from which a text is a name of its row
MOST_LEVELS = 30  # of a text that is an input
MOST_TOLD = 4  # columns whose reason a refusal tells
FEW_NUMBERS = 10  # different numbers up to which a column of whole numbers names classes


class Roles(BaseModel):
    """What the columns of a table are."""

    target: str
    kind: Kind
    faulty: list[str] = []  # the values of the target that count as faulty
    classes: list[str] = []  # of a target of classes, in order
    group: str = ""
    time: str = ""
    inputs: list[str]
    left_out: dict[str, str] = {}  # column -> why it is no input

    @property
    def names(self) -> list[str]:
        """What the results are called, in the order of their numbers."""
        return self.classes or ["sound", "faulty"]


def split_names(text: str, columns: list[str]) -> list[str]:
    """Return the column names in a text separated by commas; names that hold commas themselves are known by `columns`.

    Raises:
        UsageError: a name that is no column.
    """
    rest, found = text.strip(), []
    while rest:
        fits = [name for name in columns if rest == name or re.match(re.escape(name) + r"\s*,", rest)]
        if not fits:
            there = shorten(", ".join(columns), 300)
            raise UsageError(f"{shorten(rest.split(',')[0], 80)} is no column; there are {there}.")
        found.append(max(fits, key=len))
        rest = rest[len(found[-1]) :].strip().removeprefix(",").strip()
    return found


@stage(phase="Data understanding")
def assign_roles(
    frame: pd.DataFrame, target: str, faulty: str, kind: str, leave_out: str, keep: str, group: str, time: str
) -> Roles:
    """Find the role of each column from its name and its values.

    Args:
        frame: as `tasks.cases.quality.ingestion.table.read_table` gives it.
        target: the column with the result; looked for when empty.
        faulty: values that count as faulty, separated by commas; looked for when empty.
        kind: `auto`, `faulty`, `classes` or `number`.
        leave_out: columns that are no inputs, separated by commas.
        keep: columns that are inputs whatever they look like.
        group: the column whose rows belong together; empty for none.
        time: the column that orders the rows; empty for none.

    Raises:
        UsageError: a column that does not exist, or a target or its faulty values that have to be named.
    """
    columns = [str(name) for name in frame.columns]
    named = {
        option: split_names(given, columns)
        for option, given in (
            ("target", target),
            ("group", group),
            ("time", time),
            ("leave", leave_out),
            ("keep", keep),
        )
    }
    result = named["target"][0] if named["target"] else _find_target(frame)
    found, bad, classes = _read_target(frame[result], result, faulty, kind)
    aside = dict.fromkeys(named["leave"], "named by --leave-out")
    aside |= dict.fromkeys(named["group"], "groups the rows")
    aside |= dict.fromkeys(named["time"], "orders the rows")
    for name in columns:
        if name != result and name not in aside and name not in named["keep"] and (why := _no_input(frame, name)):
            aside[name] = why
    if result not in AI4I_MODES and set(AI4I_MODES) <= set(columns):
        why = "says how a machine failed, which is known only once it has"
        aside |= {name: why for name in AI4I_MODES if name not in named["keep"]}
    inputs = [name for name in columns if name != result and name not in aside]
    if not inputs:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(aside.items())[:MOST_TOLD])
        raise UsageError(
            f"No column is left as an input beside {result} ({why or 'it is alone'}); name some by --keep."
        )
    return Roles(
        target=result,
        kind=found,
        faulty=bad,
        classes=classes,
        group="".join(named["group"][:1]),
        time="".join(named["time"][:1]),
        inputs=inputs,
        left_out=aside,
    )


def _find_target(frame: pd.DataFrame) -> str:
    fits = [str(name) for name in frame.columns if TARGETS.match(str(name))]
    if len(fits) == 1:
        return fits[0]
    there = shorten(", ".join(map(str, frame.columns)), 300)
    why = f"{', '.join(fits)} may each be the result" if fits else "no column is plainly the result"
    raise UsageError(f"{why[0].upper()}{why[1:]}; name it by --target, one of {there}.")


def as_text(values: pd.Series) -> pd.Series:
    """Return values as the text that a user would give: 1.0 is 1; a missing value is an empty text."""
    if pd.api.types.is_numeric_dtype(values):
        return values.map(lambda value: "" if pd.isna(value) else f"{value:.15g}")
    return values.fillna("").astype(str)


def _read_target(values: pd.Series, name: str, faulty: str, kind: str) -> tuple[Kind, list[str], list[str]]:
    """Return what kind of result a column is, its faulty values, and its classes."""
    text = as_text(values)
    levels = sorted(set(text[text != ""]))
    numeric = pd.api.types.is_numeric_dtype(values)
    if kind == "number" and not numeric:
        raise UsageError(f"{name} is no column of numbers; give another --target, or --kind classes.")
    if kind == "number" or (kind == "auto" and not faulty and numeric and _measured(values)):
        return "number", [], []
    if faulty:
        bad = [level for level in levels if level in [word.strip() for word in faulty.split(",")]]
        if not bad or len(bad) == len(levels):
            raise UsageError(f"--faulty {faulty}: {name} has the values {shorten(', '.join(levels), 200)}; name some.")
        return "faulty", bad, []
    bad = [level for level in levels if level.lower() in BAD]
    plain = len(levels) <= 2 and all(level.lower() in BAD + GOOD for level in levels)
    if kind in {"auto", "faulty"} and plain:
        return "faulty", bad or ["1"], []
    if kind == "faulty" or len(levels) <= 2:
        shown = shorten(", ".join(levels), 200) or "none"
        raise UsageError(f"Which values of {name} count as faulty? Name them by --faulty; it has {shown}.")
    if len(levels) > MOST_LEVELS:
        raise UsageError(f"{name} has {len(levels):,} different values; name the faulty ones by --faulty.")
    return "classes", [], levels


def _measured(values: pd.Series) -> bool:
    there = values.dropna()
    return bool((there % 1 != 0).any() or there.nunique() > FEW_NUMBERS)


def _no_input(frame: pd.DataFrame, name: str) -> str:
    """Say why a column is no input; nothing when it may be one."""
    there = frame[name].dropna()
    if there.nunique() < 2:
        return "empty" if there.empty else "the same in every row"
    unique = there.nunique() >= UNIQUE * len(there)
    if pd.api.types.is_numeric_dtype(there):
        counts = bool(unique and len(there) > 2 and (np.diff(there.to_numpy()) == 1).mean() > UNIQUE)
        return "numbers the rows" if counts or (unique and IDENTIFIERS.match(name)) else ""
    if unique or IDENTIFIERS.match(name):
        return "names its row"
    return f"more than {MOST_LEVELS} different texts" if there.nunique() > MOST_LEVELS else ""


def encode_target(frame: pd.DataFrame, roles: Roles) -> np.ndarray:
    """Return the results as numbers, (n,) float64: 1 for faulty, the number of the class, or the value itself."""
    if roles.kind == "number":
        return frame[roles.target].to_numpy(np.float64)
    text = as_text(frame[roles.target])
    if roles.kind == "faulty":
        return text.isin(roles.faulty).to_numpy(np.float64)
    return text.map({level: number for number, level in enumerate(roles.classes)}).to_numpy(np.float64)
