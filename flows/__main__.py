"""One command for all of Casebook: what has been found, and everything that can be run."""

import argparse
import importlib
import json
import runpy
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

USAGE = """\
usage: casebook COMMAND [options]

  casebook list [--json]              the cases: question, last answer, verdict, last run
  casebook run CASE [options]         run one; `casebook run CASE --help` names its parameters
  casebook predict CASE GIVEN         ask the champion of a case about new rows or pictures
  casebook nightly [--cases CASE …]   run all, or those named, and report what failed or drifted
  casebook backfill CASE --from --to  run a case for each date of a range, on workers
  casebook retry failed [--days N]    start runs of workers that failed or crashed again, once each
  casebook home [--output FOLDER]     make the page of all results anew
  casebook serve                      the results, Prefect and MLflow in a browser, and the schedule
  casebook app                        the data app: what was found, and asking the models, for people who do not code
  casebook store [verify | prune]     what takes the space, and whether it is whole
  casebook doctor                     is everything here that is needed?

Exit status: 0 done, 1 a contract, gate or check failed, 2 a wrong argument.
Settings are environment variables CASEBOOK_*; `casebook doctor` shows them.
"""


def run(words: list[str]) -> int:
    """Run a case as `python flows/CASE.py` does."""
    from tasks.platform.questions import known, questions

    names = list(questions())
    if not words or words[0] in ("-h", "--help"):
        print(f"usage: casebook run CASE [options]\n\nThe cases: {', '.join(names)}", file=sys.stderr)
        return 0 if words else 2
    return flow(known(words[0], names), words[1:])


def flow(name: str, words: list[str]) -> int:
    """Run the file of a flow with these options; it ends by raising SystemExit."""
    from tasks.platform.questions import flows_folder

    return script(flows_folder() / f"{name}.py", words)


def script(file: Path, words: list[str]) -> int:
    """Run a file as the main program."""
    sys.argv = [str(file), *words]
    runpy.run_path(str(file), run_name="__main__")
    return 0


def command(module: str, function: str = "main") -> Callable[[list[str]], int]:
    """Return the command that a function of a module is; the module is imported when it runs."""
    return lambda words: int(getattr(importlib.import_module(module), function)(words))


def serve(words: list[str]) -> int:
    """Run deployments/serve.py.

    Raises:
        UsageError: there is no checkout.
    """
    from tasks.platform.errors import UsageError
    from tasks.platform.settings import project_root

    file = project_root() / "deployments" / "serve.py"
    if not file.is_file():
        raise UsageError("`casebook serve` needs the checkout: its schedules are in deployments/.")
    return script(file, words)


def home(words: list[str]) -> int:
    """Make the page of all results anew, and print its path."""
    from tasks.platform.settings import settings

    parser = argparse.ArgumentParser(prog="casebook home", description="Make the page of all results anew.")
    parser.add_argument("--output", type=Path, help="folder of the reports; the setting CASEBOOK_OUTPUT by default")
    given = parser.parse_args(words)
    from tasks.publishing.home import keep_home

    path = keep_home((given.output or settings().output).expanduser().absolute())
    if path:
        print(path)
    return 0 if path else 1


def show(words: list[str]) -> int:
    """List the cases with what they found last."""
    from tasks.platform.settings import settings

    parser = argparse.ArgumentParser(prog="casebook list", description="The cases, and what each found last.")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of text")
    parser.add_argument("--output", type=Path, help="folder of the reports; the setting CASEBOOK_OUTPUT by default")
    given = parser.parse_args(words)
    from tasks.platform.questions import questions
    from tasks.publishing.results import last_results

    asked = questions()
    rows = last_results((given.output or settings().output).expanduser().absolute(), list(asked))
    rows = [{"case": row["case"], "question": asked[row["case"]], **row} for row in rows]
    print(json.dumps(rows, ensure_ascii=False, indent=2) if given.json else "\n\n".join(map(_told, rows)))
    return 0


def _told(row: dict[str, Any]) -> str:
    """Return what a case found as lines of text."""
    from datetime import datetime

    verdict = {True: "criterion met", False: "criterion not met", None: "not decided"}[row["met"]]
    when = f"{datetime.fromisoformat(row['started']):%Y-%m-%d %H:%M} UTC, {verdict}" if row["started"] else "no run yet"
    lines = [f"{row['case']}: {row['question']}", f"  {when}"]
    if row["answer"]:
        lines += textwrap.wrap(row["answer"], 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "list": show,
    "run": run,
    "predict": command("tasks.publishing.predictions"),
    "nightly": lambda words: flow("nightly", words),
    "backfill": command("tasks.platform.reruns", "backfill"),
    "retry": command("tasks.platform.reruns", "retry"),
    "home": home,
    "serve": serve,
    "app": command("tasks.app.__main__"),
    "store": command("tasks.platform.store.__main__"),
    "doctor": command("tasks.platform.doctor"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    from tasks.platform.faults import told
    from tasks.platform.questions import known

    try:
        return COMMANDS[known(words[0], list(COMMANDS), "command")](words[1:])
    except BrokenPipeError:  # `casebook list | head`
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 - what nobody knows is raised again
        return told(error)


if __name__ == "__main__":
    raise SystemExit(main())
