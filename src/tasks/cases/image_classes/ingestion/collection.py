"""Where are the pictures, and which class does each show? The folders that they lie in say it.

Training and test pictures are one manifest; `collection` tells them apart where test pictures were given.
"""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel, Field

from tasks.cases.image_classes.ingestion.cifar import unpack_cifar
from tasks.cases.image_classes.originals import CIFAR10, CIFAR100
from tasks.cases.image_classes.sample import write_digits
from tasks.ingestion.asked import FETCHED, OWN, existing, fetched, is_address, name_of
from tasks.ingestion.files import Data, Source, locate_files, noted
from tasks.ingestion.pictures.entries import is_hidden
from tasks.ingestion.pictures.labels import excluded, merged
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage
from tasks.platform.store import digest_file

PUBLIC = {"public": CIFAR10, "cifar10": CIFAR10, "cifar100": CIFAR100}
GIVE = "sample, public, cifar100, a folder with a sub-folder per class, or a zip or tar archive of one"
MOST_NAMED = 200  # empty folders


class Place(BaseModel):
    """Where pictures and questions lie."""

    name: str = Field(description="short name of the collection, for the registry of models")
    source: str = Field(description="what the user asked for")
    collections: list[str] = Field(description="folder or archive of the training pictures, and of the test pictures")
    picture: str = Field(description='a picture, a folder or an archive to classify; "" for none')
    sha256: str = ""
    note: str = ""
    empty: list[str] = Field([], description="folders that hold no file at all")


class Labelled(NamedTuple):
    """The pictures with their classes (`frame`), the files left out, and what became of each class."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame
    classes: pd.DataFrame  # class, pictures, unusable


@stage(phase="Data understanding", live=True)
def locate_classes(source: str, test: str = "", picture: str = "") -> Place:
    """Find the collection, the test pictures, and the pictures to classify.

    Args:
        source: `sample`, `public` (CIFAR-10), `cifar100`, a folder, an archive, or the https address of one.
        test: a folder or archive that is only scored; "" for none.
        picture: a picture, or a folder or archive of pictures; by default those that come with the sample.

    Raises:
        UsageError: a path that does not exist.
        CasebookError: a download that failed.
    """
    asked = str(existing(picture, "a picture, or a folder of pictures, to classify")) if picture else ""
    name = source if source in {"sample", *PUBLIC} else name_of(source, "pictures")
    if source == "sample":
        files = {Path(file).name: file for file in locate_files("sample", write_digits, (), (".zip",), True).files}
        found, note = [str(files["digits.zip"])], "scikit-learn's handwritten digits, with planted faults"
        asked = asked or str(files["asked.zip"])
    elif source in PUBLIC:
        from tasks.platform.downloads import fetch, original

        item = original(PUBLIC[source])
        found, note = [str(path) for path in unpack_cifar(fetch(item.name))], f"{item.what}; {item.licence}"
    else:
        found, note = [str(_path(source))], FETCHED if is_address(source) else OWN
    if test:
        found = [found[0], str(_path(test))]
    sha256 = digest_file(Path(found[0])) if Path(found[0]).is_file() else ""
    return Place(
        name=name,
        source=source,
        collections=found,
        picture=asked,
        sha256=sha256,
        note=note,
        empty=_empty_folders(Path(found[0])),
    )


def _path(source: str) -> Path:
    return fetched(source) if is_address(source) else existing(source, GIVE)


def _empty_folders(folder: Path) -> list[str]:
    """Return the names of the folders inside one, at any depth, that hold neither file nor folder."""
    empty = (Path(path).name for path, folders, files in os.walk(folder) if not folders and not files)
    return sorted(name for name in empty if not is_hidden(name))[:MOST_NAMED]


def read_classes(place: Place, exclude: list[str], merge: list[str], limit: int) -> Data:
    """List and read the pictures; the parts are `frame`, `quarantine` and `classes`.

    Args:
        place: as `locate_classes` finds it.
        exclude: classes to leave out.
        merge: classes to put together.
        limit: read at most this many files of each collection; 0 reads all.
    """
    first, *others = place.collections
    train = read_pictures(scan_pictures(first), first, "auto", exclude, merge, limit or None)
    test = read_pictures(scan_pictures(others[0]), others[0], "auto", None, None, limit or None) if others else None
    labelled = join_collections(
        train.manifest,
        train.quarantine,
        test.manifest if test else None,
        test.quarantine if test else None,
        exclude,
        merge,
        place.empty,
    )
    where = Source(
        name=place.name, source=place.source, files=[], sha256=place.sha256 or train.manifest.digest, note=place.note
    )
    return noted(Data(where, labelled.frame, labelled.quarantine, labelled))


@stage(phase="Data understanding")
def join_collections(
    train: pd.DataFrame,
    unusable: pd.DataFrame,
    test: pd.DataFrame | None,
    unusable_test: pd.DataFrame | None,
    exclude: list[str],
    merge: list[str],
    empty: list[str],
) -> Labelled:
    """Put training and test pictures into one manifest, and set aside what has no class.

    Args:
        train: manifest of the training pictures.
        unusable: their quarantine.
        test: manifest of the test pictures; None without any.
        unusable_test: their quarantine.
        exclude: classes to leave out.
        merge: classes to put together.
        empty: folders without a file.

    Raises:
        ContractError: fewer than two classes, or no test picture of a class that is learned.
    """
    frame, aside = _classless(train.assign(collection=0, file=train["path"]), unusable, set())
    known = set(frame["label"])
    if len(known) < 2:
        raise ContractError(
            f"{len(train):,} usable pictures lie in {'one class folder' if known else 'no two class folders'}, and"
            " there is nothing to tell apart; give a folder with a sub-folder for each of two or more classes."
        )
    if test is not None and unusable_test is not None:
        renamed = _renamed(test, exclude, merge)
        renamed = renamed.assign(collection=1, file=renamed["path"], path="test: " + renamed["path"])
        theirs = unusable_test.assign(path="test: " + unusable_test["path"])
        kept, more = _classless(renamed, theirs, known)
        if kept.empty:
            raise ContractError(
                f"None of {len(test):,} test pictures lies in a folder named as a class of the training pictures"
                f" ({', '.join(sorted(known)[:5])}, …); name its sub-folders like these."
            )
        frame, aside = pd.concat([frame, kept]), pd.concat([aside, more])
    frame = frame.reset_index(drop=True).astype({"collection": "int8"})
    return Labelled(frame, aside.reset_index(drop=True), _count(frame, aside, empty))


def _classless(frame: pd.DataFrame, aside: pd.DataFrame, known: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pictures with a class, of those that are known where some are; the others go aside."""
    has = frame["label"] != ""
    known_too = frame["label"].isin(known) if known else has
    reasons = {
        "no-class": (frame[~has], "the file lies in no class folder"),
        "unknown-class": (frame[has & ~known_too], "no training picture has this class"),
    }
    more = [
        pd.DataFrame({"path": part["path"], "reason": reason, "detail": detail})
        for reason, (part, detail) in reasons.items()
        if len(part)
    ]
    return frame[has & known_too], pd.concat([aside, *more])


def _renamed(test: pd.DataFrame, exclude: list[str], merge: list[str]) -> pd.DataFrame:
    """Leave out and put together classes of the test pictures as of the training ones, where they have them."""
    labels = test["label"].tolist()
    there = set(labels)

    def holds(pattern: str) -> bool:
        from fnmatch import fnmatchcase

        return any(label == pattern or fnmatchcase(label, pattern) for label in there)

    left_out = excluded(labels, [pattern for pattern in exclude if holds(pattern)])
    rules = []
    for rule in merge:
        target, _, members = rule.partition("=")
        if present := [member for member in members.split(",") if holds(member.strip())]:
            rules.append(f"{target}={','.join(present)}")
    names = merged([label for label in labels if label not in left_out], rules)
    kept = test[~test["label"].isin(left_out)]
    return kept.assign(label=kept["label"].map(lambda label: names.get(label, label)))


def _count(frame: pd.DataFrame, aside: pd.DataFrame, empty: list[str]) -> pd.DataFrame:
    """Return a row per class or folder: `class`, `pictures` to use, `unusable` files."""
    pictures = frame["label"].value_counts()
    paths = [path.removeprefix("test: ").split("/") for path in aside["path"]]
    unusable = Counter(parts[-2] for parts in paths if len(parts) > 1)
    names = sorted({*pictures.index, *unusable, *empty})
    return pd.DataFrame(
        {
            "class": names,
            "pictures": [int(pictures.get(name, 0)) for name in names],
            "unusable": [unusable[name] for name in names],
        }
    )
