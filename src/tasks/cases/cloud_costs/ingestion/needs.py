"""What machines are needed? Minimum cores, memory, disk and GPUs, region and hours, as text, JSON or a table."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tasks.ingestion.csv_text import read_strictly
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

FULL_MONTH = 730.0  # hours, as cloud providers count a month
MOST_NEEDS = 100
MOST_BYTES = 2**20
GIVE = "give text such as cores=4,memory=16,region=westeurope,hours=300 (several parted by ;), a JSON or a CSV file"


class Need(BaseModel):
    """A machine that is needed, at least."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=80)
    cores: float = Field(1, ge=0, le=10_000)
    memory: float = Field(0, ge=0, le=1_000_000, description="GiB")
    disk: float = Field(0, ge=0, le=10_000_000, description="local disk, GiB")
    gpus: float = Field(0, ge=0, le=1_000)
    region: str = Field("", max_length=60, description="as in the price list, such as westeurope; any when empty")
    hours: float = Field(FULL_MONTH, gt=0, le=744, description="of use a month")
    count: int = Field(1, ge=1, le=100_000, description="machines of this kind")
    os: str = Field("linux", pattern="^(linux|windows)$")

    @field_validator("region", "os", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.strip().lower().replace(" ", "") if isinstance(value, str) else value

    @property
    def words(self) -> str:
        """What is needed, in words."""
        parts = [f"{self.cores:g} core{'s' * (self.cores != 1)}"] + [f"{self.memory:g} GiB"] * bool(self.memory)
        parts += [f"{self.disk:g} GiB disk"] * bool(self.disk) + [f"{self.gpus:g} GPU"] * bool(self.gpus)
        parts += [self.os] * (self.os != "linux") + [self.region or "any region", f"{self.hours:g} h a month"]
        return (f"{self.count:,} × " if self.count > 1 else "") + ", ".join(parts)


class Needs(BaseModel):
    """All that are needed; each has a name of its own."""

    needs: list[Need] = []


@stage(phase="Data understanding", live=True)
def read_needs(needs: str) -> Needs:
    """Read what is needed.

    Args:
        needs: text, JSON, or the path of a .json or .csv file; empty for nothing.

    Raises:
        UsageError: something that cannot be read, with what to give.
    """
    if not needs.strip():
        return Needs()
    found: list[Need] = []
    for number, row in enumerate(_rows(needs.strip()), 1):
        try:
            need = Need.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise UsageError(
                f"Need {number}: {where} = {shorten(str(first['input']), 60)}: {first['msg']}; {GIVE}."
            ) from None
        taken = {item.name for item in found}
        name = need.name or f"need {number}"
        found.append(need.model_copy(update={"name": name if name not in taken else f"{name} ({number})"}))
    if not 1 <= len(found) <= MOST_NEEDS:
        raise UsageError(f"{len(found):,} needs; {GIVE}, with 1 to {MOST_NEEDS} of them.")
    return Needs(needs=found)


def _rows(text: str) -> list[Any]:
    if text.startswith(("[", "{")):
        return _of_json(text)
    if "=" not in text or text.lower().endswith((".json", ".csv")):
        file = Path(text).expanduser()
        if not file.is_file() or file.suffix.lower() not in {".json", ".csv"}:
            raise UsageError(f"{shorten(text, 120)}: no such .json or .csv file; {GIVE}.")
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file.name} is larger than {MOST_BYTES // 2**20} MB; {GIVE}.")
        if file.suffix.lower() == ".json":
            return _of_json(file.read_text("utf-8-sig", errors="replace"))
        table = read_strictly(file, file.name, GIVE, dtype=str, keep_default_na=False)
        return [_given(dict(row)) for row in table.to_dict("records")]
    return [_given(_pairs(part)) for part in text.split(";") if part.strip()]


def _pairs(part: str) -> dict[Any, Any]:
    pairs = [item.partition("=") for item in part.split(",") if item.strip()]
    if odd := [name for name, mark, _ in pairs if not mark]:
        raise UsageError(f"{shorten(odd[0], 60)} has no value; {GIVE}.")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _given(row: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in row.items() if str(value).strip() != "" and not pd.isna(value)}


def _of_json(text: str) -> list[Any]:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The needs are no JSON ({shorten(str(error), 80)}); {GIVE}.") from None
    if isinstance(held, dict):
        held = held.get("needs", [held])
    if not isinstance(held, list):
        raise UsageError(f"The needs are no list; {GIVE}.")
    return held
