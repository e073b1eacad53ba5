"""Which code is in a key: what a result rests on, and neither plumbing nor remarks."""

import shutil
from pathlib import Path
from typing import Annotated

import pytest

from tasks.platform import formats, sources
from tasks.platform.formats import FORMAT, WATCHED, present, renewed
from tasks.platform.stage import Unkeyed, stage

SOURCE = sources.PACKAGE


@stage(phase="Modelling")
def fit(depth: int, where: Annotated[str, Unkeyed] = "here") -> int:
    return depth


TOY = {
    "tasks/__init__.py": '"""All."""\n',
    "tasks/platform/__init__.py": "",
    "tasks/platform/stage.py": "def stage(fn): return fn\n",
    "tasks/platform/text.py": "def shorten(text): return text[:10]\n",
    "tasks/publishing/report.py": "class Report: ...\n",
    "tasks/features/words.py": 'def words(text):\n    """Return the words."""\n    return text.split()\n',
    "tasks/features/unused.py": "def nothing(): return 0\n",
    "tasks/training/count.py": "from tasks.features.words import words\nfrom tasks.platform.stage import stage\n",
    "tasks/training/lazy.py": "def fit():\n    if True:\n        import tasks.training.count as c\n        return c\n",
    "tasks/training/near.py": "from . import count\n",
    "tasks/evaluation/other.py": "from tasks.platform import text\n",
    "tasks/cases/one/report.py": "from tasks.publishing.report import Report\nfrom tasks.evaluation import other\n",
}


def digests(package: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Work out the digest of every module of a package anew."""
    monkeypatch.setattr(sources, "PACKAGE", package)
    for cached in (sources.source_digest, sources.code_digest, sources.syntax_tree, sources.imported_files):
        cached.cache_clear()
    files = sorted(file for file in package.rglob("*.py") if not {"platform", "publishing"} & set(file.parts))
    return {file.relative_to(package).as_posix(): sources.source_digest(file) for file in files}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    for name, content in TOY.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path / "tasks"


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("features/words.py", "split()", "split(' ')", "features/words training/count training/lazy training/near"),
        ("features/unused.py", "0", "1", "features/unused"),
        ("training/count.py", "import stage", "import stage\nX = 1", "training/count training/lazy training/near"),
        ("features/words.py", "Return the words.", "Return what is between blanks.", ""),
        ("features/words.py", "    return", "\n\n    # why\n    return", ""),
        ("platform/stage.py", "return fn", "return lambda: fn()", ""),
        ("publishing/report.py", "...", "x = 1", ""),
        ("platform/text.py", "10", "12", "evaluation/other cases/one/report"),
        ("platform/text.py", "return", "return ", ""),
    ],
)
def test_a_change_reaches_what_rests_on_it_and_nothing_else(
    toy: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str, changed: str
):
    before = digests(toy, monkeypatch)
    text = (toy / file).read_text()
    assert old in text
    (toy / file).write_text(text.replace(old, new))
    after = digests(toy, monkeypatch)
    assert {name for name in after if after[name] != before[name]} == {f"{name}.py" for name in changed.split()}


def left_out(folder: str, names: list[str]) -> set[str]:
    """What is not copied: of the cases, all but four stand for many of the same form."""
    some = {"__init__.py", "births", "movies", "payments", "quality"}
    return {"__pycache__", *(set(names) - some if Path(folder).name == "cases" else ())}


def test_a_remark_in_the_platform_leaves_every_key_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = tmp_path / "tasks"
    shutil.copytree(SOURCE, copy, ignore=left_out)
    before = digests(copy, monkeypatch)
    assert len(before) > 100
    for file in (copy / "platform").rglob("*.py"):
        file.write_text(f"{file.read_text('utf-8')}\n# a remark\n", "utf-8")
    for file in (copy / "publishing").glob("*.py"):
        file.write_text(f"{file.read_text('utf-8')}\nMENDED = True\n", "utf-8")
    assert digests(copy, monkeypatch) == before


def test_the_number_of_the_format_is_raised_when_stored_objects_look_different():
    changed = [name for name, digest in present().items() if digest != WATCHED[name]]
    assert not changed, (
        f"{', '.join(changed)}: this code decides what stored objects look like. Raise FORMAT when they look different"
        " now (`python -m tasks.platform.formats raise`), else only renew the digest"
        " (`python -m tasks.platform.formats`)."
    )


def test_the_number_of_the_format_is_part_of_every_key(monkeypatch: pytest.MonkeyPatch):
    key = fit.key({"depth": 3})
    assert key == fit.key({"depth": 3, "where": "there"})
    assert key != fit.key({"depth": 4})
    monkeypatch.setattr("tasks.platform.stage.FORMAT", FORMAT + 1)
    assert key != fit.key({"depth": 3})


def test_the_command_renews_digests_and_raises_the_number(monkeypatch: pytest.MonkeyPatch):
    text = (SOURCE / "platform" / "formats.py").read_text("utf-8")
    monkeypatch.setattr(formats, "present", lambda: dict.fromkeys(WATCHED, "new"))
    assert renewed(text, raised=False).count('"new"') == len(WATCHED)
    assert f"\nFORMAT = {FORMAT + 1}\n" in renewed(text, raised=True)


def test_what_is_equal_code_has_one_digest_and_what_is_not_has_another(tmp_path: Path):
    texts = [
        *("x = 1", "x = '1'", "x = None", "x = 1.0", "x = [1, None]", "x = a[1:]", "x = a[:1]", "x = -1", "x: int = 1"),
        *("def f(): return 1", "def f(): 'text'", "async def f(): return 1", "def f():\n 'text'\n return 1; 2"),
    ]
    found = set()
    for number, text in enumerate(texts):
        file = tmp_path / f"{number}.py"
        file.write_text(text)
        found.add(sources.code_digest(file))
    assert len(found) == len(texts)
    same = tmp_path / "same.py"
    same.write_text('"""Doc."""\nx  =  1  # one\n')
    assert sources.code_digest(same) == sources.code_digest(tmp_path / "0.py")


def test_no_module_of_platform_and_publishing_imports_itself_by_a_detour():
    def name_of(file: Path) -> str:
        return ".".join([SOURCE.name, *file.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")

    files = {name_of(file): file for room in ("platform", "publishing") for file in (SOURCE / room).rglob("*.py")}
    arrows = {name: (set(sources.imported_names(file)) & files.keys()) - {name} for name, file in files.items()}
    # `from package import module` names the package as well; that is no arrow to what the package itself holds.
    while ends := {name for name, aims in arrows.items() if not aims}:
        arrows = {name: aims - ends for name, aims in arrows.items() if name not in ends}
    assert not arrows, f"in or behind a circle: {', '.join(sorted(arrows))}"
