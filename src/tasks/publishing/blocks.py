"""What can a report show? Text, figures, tables and galleries, gathered in sections, for any case."""

import base64
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from tasks.platform.text import encodable

Line = Annotated[str, BeforeValidator(lambda value: encodable(value) if isinstance(value, str) else value)]
Cell = str | int | float | bool | None


def _decoded(value: Any) -> Any:
    return base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_")) if isinstance(value, str) else value


Picture = Annotated[
    bytes, BeforeValidator(_decoded), PlainSerializer(lambda value: base64.b64encode(value).decode(), when_used="json")
]


class Part(BaseModel):
    """Common to all parts: other modules' records of the same shape are taken, unknown fields are not."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Text(Part):
    """Paragraphs."""

    kind: Literal["text"] = "text"
    paragraphs: list[Line]


class Figure(Part):
    """A drawing: SVG as `tasks.figures.style.figure_to_svg` writes it."""

    kind: Literal["figure"] = "figure"
    svg: str = Field(repr=False)
    alt: Line = Field(min_length=1, description="what it shows, for readers who do not see it")
    caption: Line = ""


class Column(Part):
    """A column of a table; numbers are set to the right in the given format (`.3f`, `,.0f`, `.1%`)."""

    title: Line
    format: str = ""
    align: Literal["auto", "left", "right"] = "auto"


def _columns(value: Any) -> Any:
    return (
        [{"title": item} if isinstance(item, str) else item for item in value]
        if isinstance(value, list | tuple)
        else value
    )


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, bool | int | float) else encodable(str(value))


def _rows(value: Any) -> Any:
    return [[_cell(item) for item in row] for row in value] if isinstance(value, list | tuple) else value


class Table(Part):
    """Rows under headed columns; the first cell of a row is its header. Rows beyond `limit` are counted, not shown."""

    kind: Literal["table"] = "table"
    columns: Annotated[list[Column], BeforeValidator(_columns)] = Field(min_length=1)
    rows: Annotated[list[list[Cell]], BeforeValidator(_rows)]
    caption: Line = ""
    limit: int = Field(40, ge=1, le=1000)
    highlight: int | None = Field(None, description="number of the row to set off")
    whole: Line = Field("", description="where all rows are to be found, when some are not shown")

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        titles: Mapping[str, str] | None = None,
        formats: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> "Table":
        """Make a table of `frame`: the columns in `titles` (all when None) under those titles, in those formats."""
        named = {str(name): str(name) for name in frame.columns} if titles is None else dict(titles)
        columns = [Column(title=title, format=(formats or {}).get(name, "")) for name, title in named.items()]
        return cls(columns=columns, rows=frame[list(named)].to_numpy(object).tolist(), **rest)


class Tile(Part):
    """One picture of a gallery. `accent` marks it right (True) or wrong (False), in colour and with a sign."""

    jpeg: Picture = Field(b"", repr=False, description="JPEG, PNG or WebP; empty when there is no picture to show")
    title: Line
    subtitle: Line = ""
    accent: bool | None = None
    alt: Line = ""


class Gallery(Part):
    """Pictures in a grid; `lead` (the query) stands before them, set off.

    They are cut to squares, or shown larger and `whole`, which the lead always is.
    """

    kind: Literal["gallery"] = "gallery"
    tiles: list[Tile]
    lead: Tile | None = None
    whole: bool = False
    caption: Line = ""


Block = Annotated[Text | Figure | Table | Gallery, Field(discriminator="kind")]


class Section(Part):
    """A part of the page with its own heading."""

    title: Line
    intro: Line = ""
    blocks: list[Block] = Field(default_factory=list)
