"""Which cases run, in which order, with which options? The quickest of last time first, so that most get their turn."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks.platform.questions import cases, flows_folder, known
from tasks.publishing.results import read_runs

ALLOWANCE = 20.0  # seconds from the start of a command to that of its run


class Planned(BaseModel):
    """A case that is to run."""

    case: str
    expected: float | None = None  # seconds, as last time; None for one that never ran
    parameters: dict[str, Any] = {}


def chosen(names: list[str] | None) -> list[str]:
    """Return the cases to run: all of flows/, or those named, each once.

    Raises:
        UsageError: a name that is no case.
    """
    there = list(cases())
    return list(dict.fromkeys(known(name, there) for name in names or there))


def deployed_parameters(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return the parameters that deployments/prefect.yaml gives each case; none where there is no such file."""
    import yaml

    file = (folder or flows_folder()).parent / "deployments" / "prefect.yaml"
    if not file.is_file():
        return {}
    entries = yaml.safe_load(file.read_text("utf-8"))["deployments"]
    return {str(entry["entrypoint"]).rpartition(":")[2]: entry.get("parameters") or {} for entry in entries}


def plan(names: list[str] | None, output: Path, parameters: dict[str, dict[str, Any]]) -> list[Planned]:
    """Return the cases in the order of the time that they took last, those that never ran at the end.

    Args:
        names: the cases; all when None or empty.
        output: folder of the reports, where the last runs are.
        parameters: of each case, where they are not its defaults.
    """
    rows = []
    for name in chosen(names):
        last = read_runs(output, name, 1).runs
        given = parameters.get(name, {})
        rows.append(Planned(case=name, expected=last[0].took + ALLOWANCE if last else None, parameters=given))
    return sorted(rows, key=lambda row: (row.expected is None, row.expected or 0, row.case))


def options(parameters: dict[str, Any]) -> list[str]:
    """Return parameters as the options of a command."""
    words = []
    for name, value in parameters.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, list):
            words += [flag, *map(str, value)]
        elif value is not None:
            words.append(f"{flag}={value}")
    return words
