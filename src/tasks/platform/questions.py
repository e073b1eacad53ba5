"""Which cases are there, and what does each ask? The files of flows/, read without running them."""

import ast
import difflib
import importlib.util
from pathlib import Path

from tasks.platform.errors import UsageError

ROUND = "nightly"  # runs the others, and is no case itself


def flows_folder() -> Path:
    """Return the folder of the flows: beside `src` in a checkout, else the installed package.

    Raises:
        UsageError: there is none.
    """
    beside = Path(__file__).resolve().parents[3] / "flows"
    if beside.is_dir():
        return beside
    found = importlib.util.find_spec("flows")
    if found is None or not found.submodule_search_locations:
        raise UsageError("The package `flows` is not here; install Casebook, or work in its checkout.")
    return Path(next(iter(found.submodule_search_locations)))


def questions(folder: Path | None = None) -> dict[str, str]:
    """Return the question of each case by its name; a file that is no case (yet) is left out."""
    found = {}
    for file in sorted((folder or flows_folder()).glob("[!_]*.py")):
        try:
            body = ast.parse(file.read_text("utf-8")).body
        except (OSError, ValueError, SyntaxError):
            continue
        for node in body:
            if isinstance(node, ast.FunctionDef) and node.name == file.stem and node.decorator_list:
                found[file.stem] = (ast.get_docstring(node) or "").partition("\n")[0]
    return found


def cases(folder: Path | None = None) -> dict[str, str]:
    """Return the question of each case by its name, without the flow that runs them all."""
    return {name: question for name, question in questions(folder).items() if name != ROUND}


def can_be_asked(case: str) -> bool:
    """Tell whether the model of a case answers for new rows: its folder has a module `predictions`."""
    try:
        return importlib.util.find_spec(f"tasks.cases.{case}.predictions") is not None
    except ModuleNotFoundError:  # it has no folder
        return False


def known(name: str, names: list[str], what: str = "case") -> str:
    """Return `name` if it is one of `names`.

    Raises:
        UsageError: it is not; the message names the nearest.
    """
    if name in names:
        return name
    near = difflib.get_close_matches(name.lower().replace("-", "_"), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
    raise UsageError(f"There is no {what} {name[:60]!r}; {hint}")
