"""Would the tests notice a wrong operator or number? Changes the source in 60 places and runs its tests.

    python benchmarks/mutants.py                  60 changes; --count and --seed choose others
    python benchmarks/mutants.py --list           what would be changed, and which tests would look at it
    python benchmarks/mutants.py --only 3 17      two of them again
    python benchmarks/mutants.py --thorough       what survives meets the slow tests and the flow of its case too

A change is made in a copy of the tree in a temporary folder. The tests are those that mirror the changed module or
import it, or else import a module that does. The changes are spread evenly over the cases and the stage rooms; which
ones are chosen depends on the seed and on the text of their lines only, so that other edits leave the choice alone.
"""

import argparse
import ast
import contextlib
import hashlib
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 180  # for the tests of one change
MOST_FILES = 6  # of tests for one change
DEAR = {"spark", "prefect_server", "prefect_home"}  # fixtures
PRELOADED = ("numpy", "pandas", "PIL.Image", "pyarrow.parquet", "scipy.stats", "sklearn.linear_model")

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}

# Arguments that place or colour ink: another value is another taste, and figures are looked at.
LAYOUT = {
    "alpha",
    "annot_kws",
    "aspect",
    "bbox_to_anchor",
    "bottom",
    "dpi",
    "elinewidth",
    "figsize",
    "fontsize",
    "height",
    "height_ratios",
    "hspace",
    "label_offset",
    "labelpad",
    "left",
    "length",
    "linewidth",
    "linewidths",
    "lw",
    "markersize",
    "ms",
    "ncols",
    "pad",
    "right",
    "rotation",
    "s",
    "size",
    "top",
    "width",
    "width_ratios",
    "wspace",
    "x",
    "xytext",
    "y",
    "zorder",
}

# Survivors that do not matter, by a part of the file's name and a part of the changed line, and why.
HARMLESS = {
    ("/sample.py", ""): "another sample: tests plant and look up by the same code",
    ("/payments/sample/", ""): "another sample: tests plant and look up by the same code",
    ("keywords/figures.py", "new_figure("): "layout",
    ("figures/retrieval.py", "_log_ticks("): "layout: where the axis ends",
    ("figures/pictures.py", "half = THUMBNAIL"): "layout: how much room a picture takes",
    ("recommendations/figures.py", "CATEGORICAL["): "layout: which marker a line has",
    ("pictures/manifest.py", "CHECKPOINT_SECONDS"): "how often progress is kept, not what is",
    ("pedestrians/report.py", "shorten(place"): "width of a name on the page",
    ("payments/report/tables.py", ".sum()), 2)"): "guards a division by 0; one cent in all is no ledger",
    ("listening/ingestion/history.py", "since = max(1"): "the first second of 1970",
    ("consumer_prices/ingestion/genesis.py", "LONGEST_LINE"): "a limit whose order of size counts",
    ("publishing/page.py", "9.995"): "no time is exactly so long",
    ("figures/style.py", "xtick.minor.size"): "layout",
    ("rentals/figures/listings.py", "ticks = ["): "layout: which ticks are labelled",
    ("nearest/hashing.py", "if first <= len(near)"): "the same result: nothing lies between the two",
    ("rentals/training/regressors.py", '"max_depth"'): "which hyperparameters are tried; the search measures them",
}


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str  # from the root
    start: int  # offsets into the text
    end: int
    line: int
    before: str
    after: str
    text: str  # the changed line
    harmless: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.before} -> {self.after}  | {self.text}"

    @property
    def module(self) -> str:
        """Dotted name of the changed module."""
        return self.path.removeprefix("src/").removesuffix(".py").replace("/", ".")

    @property
    def room(self) -> str:
        """The case, or the stage room."""
        parts = self.path.split("/")
        return "/".join(parts[2:4]) if parts[2] == "cases" else parts[2]


class Sites(ast.NodeVisitor):
    """Collects what can be changed in a file."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.source = path, source
        self.lines = source.splitlines(keepends=True)
        self.offsets = [0]
        for line in self.lines:
            self.offsets.append(self.offsets[-1] + len(line))
        self.keyword = ""
        self.found: list[Mutant] = []

    def at(self, line: int, column: int) -> int:
        """Return the offset of a position; columns are counted in bytes."""
        return self.offsets[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def add(self, start: int, end: int, after: str) -> None:
        """Note a change."""
        line = self.source.count("\n", 0, start) + 1
        first = self.offsets[line - 1]
        text = self.source[first:start] + after + self.source[end : self.source.find("\n", end)]
        layout = "figures" in self.path and self.keyword in LAYOUT
        reason = "layout" if layout else _harmless(self.path, text)
        self.found.append(
            Mutant(self.path, start, end, line, self.source[start:end], after, text.strip(), harmless=reason)
        )

    def operator(self, left: ast.expr, operator: ast.AST, right: ast.expr) -> None:
        """Note the change of an operator between two operands."""
        strings = any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (left, right))
        if type(operator) not in OPERATORS or (
            strings and isinstance(operator, ast.Add | ast.Div | ast.Mod | ast.Mult)
        ):
            return
        before, after = OPERATORS[type(operator)]
        begin = self.at(left.end_lineno or 0, left.end_col_offset or 0)
        between = self.source[begin : self.at(right.lineno, right.col_offset)]
        place = re.search(rf"(?<![\w]){re.escape(before)}(?![\w])", between)
        if place:
            self.add(begin + place.start(), begin + place.end(), after)

    def visit(self, node: ast.AST) -> None:
        """Note the changes in a node and below it."""
        if isinstance(node, ast.JoinedStr | ast.arg):  # annotations; text
            return
        if isinstance(node, ast.BinOp):
            self.operator(node.left, node.op, node.right)
        elif isinstance(node, ast.Compare):
            for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
                self.operator(left, operator, right)
        elif isinstance(node, ast.BoolOp):
            self.operator(node.values[0], node.op, node.values[1])
        elif isinstance(node, ast.Constant) and type(node.value) in {int, float}:
            value = node.value + 1 if isinstance(node.value, int) else node.value * 2 or 1.0
            end = self.at(node.end_lineno or 0, node.end_col_offset or 0)
            self.add(self.at(node.lineno, node.col_offset), end, repr(value))
        before = self.keyword
        if isinstance(node, ast.keyword):
            self.keyword = node.arg or ""
        elif isinstance(node, ast.stmt):
            self.keyword = ""
        self.generic_visit(node)
        self.keyword = before


def _harmless(path: str, text: str) -> str:
    return next((why for (file, part), why in HARMLESS.items() if file in path and part in text), "")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def chosen(count: int, seed: int) -> list[Mutant]:
    """Return `count` changes, as many from each room as from any other, no file twice before each has had its turn."""
    rooms: dict[str, dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / "src" / "tasks").rglob("*.py")):
        sites = Sites(str(path.relative_to(ROOT)), path.read_text("utf-8"))
        sites.visit(ast.parse(sites.source))
        for mutant in sites.found:
            rooms[mutant.room][mutant.path].append(mutant)

    def rank(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.path} {mutant.text} {mutant.before}".encode()).hexdigest()

    queues = []
    for files in rooms.values():
        turns = [sorted(mutants, key=rank) for mutants in files.values()]
        depth = max(map(len, turns))
        rounds = [sorted((turn[n] for turn in turns if n < len(turn)), key=rank) for n in range(depth)]
        queues.append([mutant for items in rounds for mutant in items])
    queues.sort(key=lambda queue: rank(queue[0]))
    dealt = [queue[n] for n in range(max(map(len, queues))) for queue in queues if n < len(queue)]
    return dealt[:count]


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports from `tasks`, packages and members alike."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{item.name}" for item in node.names}
    return {name for name in names if name.startswith("tasks.")}


def tests_of(mutant: Mutant) -> list[str]:
    """Return the test files that look at a module, flows left out."""
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path.parent.name != "flows"]
    needs = {path: imported(path) for path in files}
    direct = [path for path in files if mutant.module in needs[path]]
    mirrored = [path for path in files if _mirrors(path, mutant)]
    if direct or mirrored:
        return [str(path.relative_to(ROOT)) for path in dict.fromkeys([*mirrored, *direct])][:MOST_FILES]
    users = {_module(path) for path in (ROOT / "src" / "tasks").rglob("*.py") if mutant.module in imported(path)}
    near = [path for path in files if users & needs[path]]
    return [str(path.relative_to(ROOT)) for path in near][:MOST_FILES]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)


def _mirrors(test: Path, mutant: Mutant) -> bool:
    """Tell whether a test file lies where the module's does, in a folder less perhaps, and bears its name."""
    folders = test.relative_to(ROOT / "tests").parent.parts
    parts = Path(mutant.path).relative_to("src/tasks").with_suffix("").parts
    names = {parts[-1], *parts[len(folders) : -1]}
    return parts[: len(folders)] == folders and test.stem.removeprefix("test_") in names


class Cheap:
    """Leaves out the tests that start Spark or a server, unless all are wanted."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what needs no other process."""
        items[:] = [item for item in items if not DEAR & set(getattr(item, "fixturenames", ()))]


def preload() -> None:
    """Import once what most tests import, for the processes to come."""
    for name in PRELOADED:
        importlib.import_module(name)


def _test_and_leave(copy: Path, files: list[str], whole: bool, log: Path) -> NoReturn:
    """Run tests in this process, which ends here whatever happens."""
    status = 3
    try:
        os.setsid()
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(copy)
        sys.path[:0] = [str(copy / "src"), str(copy)]
        os.environ["PYTHONPATH"] = f"{copy / 'src'}{os.pathsep}{copy}"
        marks = "not long" if whole else "not slow and not long"
        options = ["-x", "-n", "0", "-q", "--tb=no", "-p", "no:cacheprovider", "-m", marks, "--timeout=120"]
        status = pytest.main([*options, *files], [] if whole else [Cheap()])
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - what a test process dies of is for its log
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def run_tests(copy: Path, files: list[str], whole: bool, seconds: int = SECONDS) -> tuple[str, str]:
    """Run tests in the copy; return `killed`, `survived`, or `undecided`, and the test that failed."""
    log = copy.parent / "log"
    child = os.fork()
    if not child:
        _test_and_leave(copy, files, whole, log)
    ends = time.monotonic() + seconds
    while not (done := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < ends:
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # and whatever a test may have left
    if not done[0]:
        os.waitpid(child, 0)
        return "undecided", f"no end after {seconds} s"
    printed, status = log.read_text("utf-8", "replace"), os.waitstatus_to_exitcode(done[1])
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", printed, re.MULTILINE)
    if status in {0, 5}:  # 5: no test was left by the marks
        return "survived", "" if status == 0 else "no test looks at it"
    return ("killed", failed[1]) if failed else ("undecided", (printed.splitlines() or ["no word"])[-1])


def copied(folder: Path) -> Path:
    """Copy what git tracks, as it lies there, and put the real files beside it as they lie beside the checkout."""
    copy = folder / "tree"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    if (ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to(ROOT.parent / "shared")
    return copy


def tried(copy: Path, mutant: Mutant, thorough: bool) -> tuple[str, str]:
    """Make a change, run its tests, take it back."""
    file = copy / mutant.path
    source = file.read_text("utf-8")
    file.write_text(source[: mutant.start] + mutant.after + source[mutant.end :], "utf-8")
    try:
        files = tests_of(mutant)
        verdict, by = run_tests(copy, files, False) if files else ("survived", "no test looks at it")
        if verdict == "survived" and thorough:
            case = mutant.room.rpartition("/")[2]
            flow = f"tests/flows/test_{case}.py"
            more = [*files, *([flow] if (copy / flow).is_file() else [])]
            verdict, by = run_tests(copy, more, True, 3 * SECONDS) if more else (verdict, by)
    finally:
        file.write_text(source, "utf-8")
    return verdict, by


def failing_anyway(copy: Path, tests: list[str]) -> set[str]:
    """Return those of the tests that fail without any change: they have noticed nothing."""
    left, odd = list(tests), set()
    while left and (result := run_tests(copy, left, True, 3 * SECONDS))[0] == "killed":
        odd.add(result[1])
        left = [test for test in left if test != result[1]]
    return odd


def main() -> int:
    """Print one line a change, and how many there are of each kind; return 1 when over one in ten survives."""
    asked = parsed()
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True
    mutants = dict(enumerate(chosen(asked.count, asked.seed), 1))
    mutants = {number: mutants[number] for number in asked.only or mutants}
    if asked.list:
        for number, mutant in mutants.items():
            print(f"{number:3} {mutant}\n      {mutant.harmless or ' '.join(tests_of(mutant))}")
        return 0
    noticed: dict[int, str] = {}
    tally: dict[str, int] = defaultdict(int)
    with tempfile.TemporaryDirectory(prefix="casebook-mutants-") as folder:
        copy = copied(Path(folder))
        preload()
        for number, mutant in mutants.items():
            verdict, by = tried(copy, mutant, asked.thorough)
            if verdict == "killed":
                noticed[number] = by
            elif verdict == "survived" and mutant.harmless:
                verdict, by = "harmless", mutant.harmless
            tally[verdict] += 1
            print(f"{time.strftime('%H:%M:%S')} {number:3} {verdict:9} {mutant}  | {by}", flush=True)
        odd = failing_anyway(copy, sorted(set(noticed.values())))
    for number, by in noticed.items():
        if by in odd:
            tally["killed"] -= 1
            tally["undecided"] += 1
            print(f"{number:3} is undecided: {by} fails without the change, too")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(tally.items())))
    return int(tally["survived"] > (tally["survived"] + tally["killed"]) / 10)


def parsed() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--thorough", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
