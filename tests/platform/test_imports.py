"""A run whose stages are all cached computes nothing, so it pays for no library that computes."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd

from tasks.platform.arguments import Unkeyed, unkeyed

if TYPE_CHECKING:
    import no_such_library as no  # type: ignore[import-not-found]
    from no_such_library.models import Model  # type: ignore[import-not-found]

    from tasks.platform.store import Stored

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import importlib, sys
from pathlib import Path
for file in sorted(Path("flows").glob("[a-z]*.py")):
    importlib.import_module(f"flows.{file.stem}")
from tasks.platform.stage import Stage
stages = {value for name, module in list(sys.modules.items()) if name.startswith("tasks.") and module
          for value in vars(module).values() if isinstance(value, Stage)}
marked = sum(len(stage.unkeyed) for stage in stages)
heavy = ("scipy", "sklearn", "matplotlib", "statsmodels", "skimage", "duckdb", "pyspark", "tensorflow", "keras",
         "great_expectations", "mlflow")
print(len(stages), marked, *(name for name in heavy if name in sys.modules))
"""


def test_flows_and_their_keys_need_no_library_that_computes() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    stages, marked, *heavy = done.stdout.split()
    assert int(stages) > 200
    assert int(marked) >= 8
    assert heavy == []


def judged(
    table: "Annotated[no.sub.Frame[Model] | None, Unkeyed]",
    model: "dict[str, Model] | list[no.Line]",
    stored: "Annotated[Stored, Unkeyed]",
    plain: "Annotated[pd.DataFrame, 'as it was read']",
    place: Annotated[str, Unkeyed],
) -> "Model":
    raise NotImplementedError


def test_marks_are_found_without_the_libraries_that_annotations_name() -> None:
    assert unkeyed(judged) == {"table", "stored", "place"}
