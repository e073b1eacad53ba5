"""What is a pinned download? A file's address, checksum, size and licence; each case registers its own.

The pins lie in `tasks.cases.<case>.originals`, those of weights that several cases use in
`tasks.features.pictures.originals`. Importing such a module registers them; `all_originals` imports them all.
"""

import importlib
import pkgutil
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Original(BaseModel):
    """A public file, pinned."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="the name that flows use")
    file_name: str = Field(description="the name that it has in a mirror folder")
    url: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    licence: str
    what: str = Field(description="what it is, for the report and for `doctor`")
    upload_hint: str = Field("", description="how a person gets the file where the address cannot be reached")

    @field_validator("file_name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not name or name != PurePosixPath(name).name or "\\" in name or name.startswith("."):
            raise ValueError("a file name without folders is wanted")
        return name


ORIGINALS: dict[str, Original] = {}

# Repositories that several cases take their originals from.
_EXAMPLES = "https://raw.githubusercontent.com/AndreasTraut"
MACHINE_LEARNING = f"{_EXAMPLES}/Machine-Learning-with-Python/9c43ad64faf4ba0bb8709d3b4d92213325f14338"
VISUALIZATION = f"{_EXAMPLES}/Visualization-of-Data-with-Python/c78a9bc8b51cc2c8e9d6b07a75a225d5db05053f"


def register(*items: Original) -> list[str]:
    """Make originals known by their names; return the names.

    Raises:
        ValueError: two files have one name.
    """
    for item in items:
        if ORIGINALS.setdefault(item.name, item) != item:
            raise ValueError(f"two pinned downloads are called {item.name}")
    return [item.name for item in items]


def all_originals() -> dict[str, Original]:
    """Return every pinned download of every case, by name."""
    base = Path(__file__).resolve().parents[1]
    names = ["tasks.features.pictures"]
    names += [f"tasks.cases.{item.name}" for item in pkgutil.iter_modules([str(base / "cases")])]
    for name in names:
        if base.joinpath(*name.split(".")[1:], "originals.py").is_file():
            importlib.import_module(f"{name}.originals")
    return ORIGINALS
