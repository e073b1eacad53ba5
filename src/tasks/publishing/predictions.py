"""Asked again: what does the model that a case published say of new rows, or of a new picture?

    from tasks.publishing.predictions import predict
    answers = predict("movies", {"Title": "The Return", "Year": 2024, ...})
    answers.table

As a command, `casebook predict movies new.csv`, or `python flows/movies.py --predict new.csv`. Nothing is learned and
no Prefect server starts: the reigning champion is read from the store, with the results that it rests on.

A case that can be asked has a module `tasks.cases.<case>.predictions` with a function `predict(champion, given, *, …)`
that returns `Answered`; what stands after the star are its options, here and on the command line.
"""

import argparse
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tasks.evaluation.champions import Champion, champions, reigning
from tasks.platform.command import add_options, check
from tasks.platform.errors import CasebookError, IntegrityError, UsageError
from tasks.platform.questions import can_be_asked, cases
from tasks.platform.scratch import passing_folder

SHOWN = 20  # rows on the console; all are in the file


class Answered(NamedTuple):
    """What a case answers."""

    table: pd.DataFrame  # a row per row that was given, or several, in its order
    answer: str  # in one sentence, for people
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Prediction:
    """The answer of a champion, and which one it is."""

    table: pd.DataFrame
    answer: str
    warnings: list[str]
    model: str
    version: int

    @property
    def by(self) -> str:
        """Which model answered, in words."""
        return f"By {self.model}, champion version {self.version}."


def answering() -> list[str]:
    """List the cases that can be asked."""
    return [name for name in cases() if can_be_asked(name)]


def predict(case: str, given: Any, model: str = "", **options: Any) -> Prediction:
    """Ask the champion of a case about new rows or pictures.

    Args:
        case: such as `movies`.
        given: a path; or, for a table, a frame, a mapping (one row) or a list of them, with the columns that the
            case's files have; or what else the case takes (its options are those of `predict` in its module).
        model: name of the champion; without one the newest of the case answers.
        options: of the case.

    Raises:
        UsageError: the case cannot be asked, has no champion of that name, or takes no such option.
        CasebookError: the stored results of the champion are gone.
    """
    asked = _asked(case)
    champion = whose(case, model)
    allowed = _options(asked)
    if odd := [name for name in options if name not in allowed]:
        raise UsageError(f"{case} has no option {odd[0]!r} for predictions; there are {', '.join(allowed) or 'none'}.")
    with _as_text(given) as text:
        try:
            answered = asked(champion, text, **check(asked, options))
        except IntegrityError as error:
            raise CasebookError(
                f"What {champion.model}, version {champion.version}, answers with is gone or damaged ({error});"
                f" run `python flows/{case}.py` on its data again."
            ) from None
    return Prediction(answered.table, answered.answer, list(answered.warnings), champion.model, champion.version)


def _asked(case: str) -> Any:
    if case not in (names := answering()):
        raise UsageError(f"{case!r} cannot be asked about new rows; those that can are {', '.join(names)}.")
    return importlib.import_module(f"tasks.cases.{case}.predictions").predict


def _options(asked: Any) -> dict[str, inspect.Parameter]:
    """Return the options of a case's function, by name."""
    parameters = inspect.signature(asked).parameters.items()
    return {name: parameter for name, parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY}


def whose(case: str, model: str = "") -> Champion:
    """Return the champion that answers for a case.

    Raises:
        UsageError: there is none, or none of that name.
    """
    prefix = case.replace("_", "-")
    if model and not (model == prefix or model.startswith(f"{prefix}-")):
        raise UsageError(f"{model[:80]!r} is no model of {case}: their names begin with {prefix}-.")
    found = champions(model)[:1] if model else reigning(f"{prefix}-")
    if not found:
        known = ", ".join(sorted(record.model for record in reigning(f"{prefix}-")))
        hint = f"there are {known}." if known else f"run `python flows/{case}.py`; its report says whether a model won."
        raise UsageError(f"{case} has no champion{f' {model}' if model else ''} that could answer; {hint}")
    return found[0]


@contextmanager
def _as_text(given: Any) -> Iterator[str]:
    """Give rows as the path of a CSV file, so that a case reads them as it reads any file; text as it is."""
    if isinstance(given, str | Path):
        yield str(given)
        return
    if isinstance(given, Mapping):
        given = [given]
    table = given if isinstance(given, pd.DataFrame) else pd.DataFrame(list(given) if _rows(given) else None)
    if table.empty:
        raise UsageError("There is nothing to answer: give a path, a table, or a row as a mapping.")
    with passing_folder("asked-") as folder:
        file = folder / "given.csv"
        table.to_csv(file, index=False, lineterminator="\r\n")  # else a cell with a bare \r is not quoted
        yield str(file)


def _rows(given: Any) -> bool:
    return isinstance(given, Sequence) and all(isinstance(row, Mapping) for row in given)


def file_given(given: str) -> Path:
    """Return the file of new rows.

    Raises:
        UsageError: there is none.
    """
    file = Path(given).expanduser()
    if not file.is_file():
        raise UsageError(f"{given[:200]}: no such file; give a table with the rows that are asked about.")
    return file


def main(words: list[str]) -> int:
    """`casebook predict CASE GIVEN [--model NAME] [--csv FILE] [options of the case]`; return the exit status."""
    if not words or words[0].startswith("-"):
        return _say_how(words)
    case, *rest = words
    given = vars(_parser(case).parse_args(rest))
    asked_about, model, file = (given.pop(name) for name in ("given", "model", "csv"))
    tell(predict(case, asked_about, model, **given), file)
    return 0


def _say_how(words: list[str]) -> int:
    """Answer a command line that names no case: its help, or what is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="casebook predict",
        description="Ask the champion of a case about new rows or pictures.",
        epilog=f"Cases that can be asked: {', '.join(answering())}. `casebook predict CASE --help` names its options.",
    )
    parser.add_argument("case", metavar="CASE")
    parser.parse_args(words)
    return 2


def _parser(case: str) -> argparse.ArgumentParser:
    """Return the parser of what a case takes."""
    from docstring_parser import parse as parse_docstring

    asked = _asked(case)
    doc = parse_docstring(inspect.getdoc(asked) or "")
    about = next((item.description for item in doc.params if item.arg_name == "given"), "what is asked about")
    parser = argparse.ArgumentParser(
        prog=f"casebook predict {case}", description=doc.short_description, allow_abbrev=False
    )
    parser.add_argument("given", metavar="GIVEN", help=about)
    parser.add_argument("--model", default="", help="champion that answers; the newest of the case by default")
    parser.add_argument("--csv", type=Path, default=None, help="file to write the whole table to")
    add_options(parser, asked, _options(asked).values())
    return parser


def tell(found: Prediction, file: Path | None) -> None:
    """Print an answer; write its table where a file is named, whose path is then the last line."""
    from tasks.platform.text import printable
    from tasks.publishing.report import csv_bytes

    print(printable(found.answer))
    with pd.option_context("display.width", 160, "display.max_columns", 30, "display.max_colwidth", 60):
        lines = found.table.head(SHOWN).to_string(index=False, float_format=lambda value: f"{value:,.4g}").splitlines()
    print("\n".join(printable(line) for line in lines))
    if len(found.table) > SHOWN:
        print(f"… and {len(found.table) - SHOWN:,} rows more{'' if file else '; --csv FILE writes all'}.")
    for warning in found.warnings:
        print(f"Mind: {printable(warning)}", file=sys.stderr)
    print(found.by, file=sys.stderr)
    if file:
        file = file.expanduser()
        if not file.parent.is_dir():
            raise UsageError(f"--csv {file}: there is no folder {file.parent}.")
        file.write_bytes(csv_bytes(found.table))
        print(file)
