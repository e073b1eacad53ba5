"""Where are the results, and what is new? A page of all cases, and one for each case with all its runs.

`<output>/index.html` and `<output>/<case>/index.html` are made anew from the `result.json` files after each run:
static, self-contained, without a script. At most `MOST_RUNS` runs of the case and `LINE` of each other are read, so the
time does not grow with the number of runs. Writers take turns, and each reads what is there after its turn has come:
whoever writes last has seen every run before.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from tasks.platform.server import note_file, read_note
from tasks.platform.settings import settings
from tasks.platform.storage import Folder
from tasks.platform.text import printable
from tasks.publishing.comparison import LINE, Change, Line, changes, figures, line, main_figure, parameters
from tasks.publishing.page import environment, figure_colours
from tasks.publishing.results import Past, Result, cases_with_runs, files_of, read_runs, same_source

PAGE = "index.html"
MARK = b'content="Casebook"'  # in each page of ours; any other index.html stays
PATIENCE = 20.0  # seconds to wait for the turn
PLACES = {"url": "http://127.0.0.1:4200", "mlflow_url": "http://127.0.0.1:4290"}  # those of `make serve`


class Run(NamedTuple):
    """A run on a page."""

    result: Result
    before: Result | None  # the one before that asked the same source
    changes: list[Change]
    files: dict[str, str]


class Case(NamedTuple):
    """A case on a page."""

    name: str
    runs: list[Run]
    line: Line | None
    damaged: int
    older: int

    @property
    def latest(self) -> Run:
        """The newest run."""
        return self.runs[0]


def _case(output: Path, name: str, past: Past, shown: int) -> Case | None:
    if not past.runs:
        return None
    rows = []
    for place, result in enumerate(past.runs[:shown]):
        before = next((run for run in past.runs[place + 1 :] if run.source == result.source), None)
        rows.append(Run(result, before, changes(result, before), files_of(output, result)))
    latest = past.runs[0]
    over = line(same_source(past.runs, latest), main_figure(latest))
    return Case(name, rows, over, past.damaged, past.older)


def addresses() -> dict[str, str]:
    """Return where the Prefect UI and MLflow are, as far as a page can know: where `make serve` runs, or will."""
    note = read_note(note_file())
    found = {name: str(note.get(name) or usual) for name, usual in PLACES.items()}
    found["url"] = os.environ.get("PREFECT_UI_URL") or found["url"]
    if settings().mlflow_uri.startswith("http"):
        found["mlflow_url"] = settings().mlflow_uri
    return {name: _web_address(url) or PLACES[name] for name, url in found.items()}


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    return url.rstrip("/") if parts.scheme in ("http", "https") and parts.netloc and not parts.username else ""


def _render(template: str, **content: Any) -> bytes:
    from markupsafe import Markup

    folder = Path(__file__).parent / "templates"
    css = "".join((folder / name).read_text("utf-8") for name in ("report.css", "home.css"))
    made = (
        environment()
        .get_template(template)
        .render(
            css=Markup(figure_colours() + css),  # noqa: S704 - the package's own files
            places=addresses(),
            figures=figures,
            parameters=parameters,
            **content,
        )
    )
    return made.encode()


def _write(place: Folder, name: str, content: bytes) -> None:
    """Write a page; an index.html that is not ours stays.

    Raises:
        FileExistsError: there is one.
    """
    file = Path(place.root) / name
    if file.is_symlink() or (file.exists() and MARK not in file.read_bytes()[:4_000]):
        raise FileExistsError(17, "is not Casebook's own page and stays as it is", str(file))
    place.write_bytes(name, content)


def write_home(output: Path, flows: Iterable[str] | None = None) -> Path:
    """Write the page of all cases, and those of the cases `flows` (all by default); return the path of the first.

    Raises:
        OSError: a page cannot be written.
        Timeout: other writers had the turn for too long.
    """
    output.mkdir(parents=True, exist_ok=True)
    place = Folder(str(output))
    with FileLock(output / ".home.lock", timeout=PATIENCE):
        names = cases_with_runs(output)
        wanted = set(names if flows is None else flows)
        cases, damaged = [], 0
        for name in names:
            past = read_runs(output, name) if name in wanted else read_runs(output, name, LINE)
            damaged += past.damaged
            whole = _case(output, name, past, len(past.runs) if name in wanted else 1)
            if whole is None:
                continue
            cases.append(whole)
            if name in wanted:
                _write(place, f"{name}/{PAGE}", _render("case.html.j2", case=whole))
        verdicts = [case.latest.result.verdict for case in cases]
        count = {met: sum(told is not None and told.met is met for told in verdicts) for met in (True, False)}
        _write(place, PAGE, _render("home.html.j2", cases=cases, damaged=damaged, count=count))
    return output / PAGE


def keep_home(output: Path, flow: str = "") -> Path | None:
    """Renew the pages after a run of `flow` (all without one); a run never fails because of them.

    Returns:
        The path of the page of all cases; None where it could not be written, which is said on standard error.
    """
    try:
        return write_home(output, [flow] if flow else None)
    except Timeout:
        said = f"{output}: other runs have been writing it for {PATIENCE:g} seconds"
    except OSError as error:
        said = f"{error.filename or output}: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - what strangers left there must not cost a run its result
        said = f"{type(error).__name__}: {error}"
    print(f"  The page of all results was not renewed ({printable(said)}).", file=sys.stderr, flush=True)
    return None
