"""`make case NAME=ices QUESTION="…"`: writes a case that runs, to be turned into one's own.

python -m tasks.platform.new_case ices --question "How many ices are sold on a day of this temperature?"
"""

import argparse
import ast
import builtins
import importlib.util
import json
import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.platform.errors import UsageError
from tasks.platform.settings import project_root

QUESTION = "How many are sold on a day of this temperature?"
LONGEST_QUESTION = 100  # characters: with its quotes and indent it fits the line
FILES = {
    "flow.py.j2": "flows/{name}.py",
    "package.py.j2": "src/tasks/cases/{name}/__init__.py",
    "sample.py.j2": "src/tasks/cases/{name}/sample.py",
    "ingestion.py.j2": "src/tasks/cases/{name}/ingestion.py",
    "model.py.j2": "src/tasks/cases/{name}/model.py",
    "report.py.j2": "src/tasks/cases/{name}/report.py",
    "test_flow.py.j2": "tests/flows/test_{name}.py",
}
DEPLOYMENTS = "deployments/prefect.yaml"
ENTRY = """\
  - <<: *deployment
    entrypoint: flows/{name}.py:{name}
    description: {question}
"""


def write_case(name: str, question: str = QUESTION, root: Path | None = None) -> list[Path]:
    """Write the files of a new case and its deployment; nothing at all where something is refused.

    Args:
        name: of the flow, its file and its folder.
        question: that the case answers.
        root: of the checkout; that of this package by default.

    Returns:
        The new files, and the one with the deployments, which gets an entry.

    Raises:
        UsageError: a name or question that cannot be one, a name that is taken, or no checkout.
    """
    root = root or project_root()
    deployments = root / DEPLOYMENTS
    if not deployments.is_file():
        raise UsageError(f"{root}: no {DEPLOYMENTS}; run this in a checkout.")
    question = _checked_question(question)
    files = rendered(_checked_name(name), question)
    taken = [path for path in [*files, f"src/tasks/cases/{name}"] if (root / path).exists()]
    listed = deployments.read_text("utf-8")
    if taken or f"flows/{name}.py:" in listed:
        raise UsageError(f"There is a case {name} already ({taken[0] if taken else DEPLOYMENTS}); choose another NAME.")
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    entry = ENTRY.format(name=name, question=json.dumps(question, ensure_ascii=False))
    deployments.write_text(f"{listed.rstrip()}\n{entry}", "utf-8")
    return [*(root / path for path in files), deployments]


def rendered(name: str, question: str) -> dict[str, str]:
    """Return the text of each new file, by its path in the checkout."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, no page
    )
    return {
        path.format(name=name): templates.get_template(template).render(name=name, question=question)
        for template, path in FILES.items()
    }


def _checked_name(name: str) -> str:
    """Return a name that a flow can have.

    Raises:
        UsageError: it cannot, and why.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", name):
        raise UsageError(
            f"NAME={name}: 2 to 30 lower-case letters, digits and _ are wanted, a letter first: NAME=ices."
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        raise UsageError(f"NAME={name}: Python uses this word itself; choose another NAME.")
    if name in _imported():
        raise UsageError(f"NAME={name}: flows use this word themselves; choose another NAME.")
    # `python flows/X.py` looks for modules in flows/ first: a flow of that name would be taken for the module.
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise UsageError(f"NAME={name}: a Python module has this name, which the flow would hide; choose another NAME.")
    return name


def _imported() -> list[str]:
    """List what a flow imports by name."""
    flow = ast.parse(rendered("name", "")["flows/name.py"])
    return [item.name for node in flow.body if isinstance(node, ast.ImportFrom) for item in node.names]


def _checked_question(question: str) -> str:
    """Return a question as one line that a docstring can hold.

    Raises:
        UsageError: it cannot be one, and why.
    """
    question = " ".join(question.split())
    if not 5 <= len(question) <= LONGEST_QUESTION or not question.isprintable() or set(question) & set('"\\'):
        raise UsageError(f'QUESTION={question[:60]}: 5 to {LONGEST_QUESTION} characters are wanted, without " and \\.')
    return question


def main(argv: Sequence[str] | None = None) -> int:
    """Write a case; exit status 2 for a wrong name or question."""
    parser = argparse.ArgumentParser(description="Write a working case to start from.")
    parser.add_argument("name", help="of the flow, its file and its folder")
    parser.add_argument("--question", default="", help=f"that the case answers; “{QUESTION}” by default")
    given = parser.parse_args(argv)
    try:
        files = write_case(given.name, given.question or QUESTION)
    except UsageError as error:
        print(f"casebook: {error}", file=sys.stderr)
        return error.exit_status
    for file in files:
        print(file.relative_to(project_root()))
    print(f"\nNow: .venv/bin/python flows/{given.name}.py     What to change, in which order: docs/adding-a-case.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
