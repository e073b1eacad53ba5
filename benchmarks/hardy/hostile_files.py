"""Who brings what? The cases with their clean inputs, and the hostile inputs that are dealt to them by a seed."""

import importlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hardy import hostile_other, hostile_pictures, hostile_tables
from hardy.hostile_books import Table


class Case(NamedTuple):
    """A case, its clean input, and how it is asked."""

    name: str
    kind: str  # table, json, text, warehouse, pictures
    trials: int  # of a hundred
    writer: str  # of the sample: module below the case, and function
    options: tuple[str, ...] = ()
    file: str = ""  # the table that is spoilt
    folder: bool = False  # the whole folder is read
    mark: str = ","
    header: int = 0
    aside: str = ""
    decides: str = ""
    further: bool = True


CASES = (
    Case(
        "movies",
        "table",
        7,
        "sample:write_movies",
        ("--model", "ridge"),
        "movies.csv",
        aside="Description",
        decides="Revenue",
    ),
    Case(
        "rentals",
        "table",
        6,
        "sample:write_rentals",
        ("--folds", "2", "--search", "1"),
        "listings.csv",
        aside="host_name",
        decides="price",
    ),
    Case(
        "marathon",
        "table",
        6,
        "sample:write_marathon",
        ("--shuffles", "2"),
        "marathon.csv",
        decides="final",
        further=False,
    ),
    Case(
        "payments",
        "table",
        6,
        "sample.payments:write_payments",
        ("--engine", "pandas"),
        "vendor_payments.csv",
        aside="Fund Description",
        decides="Amount",
        further=False,
    ),
    Case(
        "recommendations",
        "table",
        6,
        "sample:write_ratings",
        ("--search", "one"),
        "ratings.csv",
        True,
        decides="rating",
    ),
    Case("listening", "table", 6, "sample:write_listening", (), "scrobbles.csv", aside="album", decides="date"),
    Case(
        "pedestrians",
        "table",
        6,
        "sample:write_pedestrians",
        (),
        "musterstadt-20200907-20210321.csv",
        True,
        ";",
        aside="incidents",
        decides="counted_pedestrians",
    ),
    Case(
        "consumer_prices",
        "table",
        5,
        "sample:write_consumer_prices",
        ("--model", "drift"),
        "us-consumer-prices.csv",
        False,
        ";",
        4,
        decides="1982-84=100",
        further=False,
    ),
    Case(
        "cloud_costs",
        "table",
        6,
        "sample:write_exports",
        ("--prices", "sample"),
        "azure-actual-2026-09.csv",
        True,
        aside="ProductOrderName",
        decides="Cost",
    ),
    Case("demand", "table", 6, "sample:write_sales", ("--horizon", "4"), "sales.csv", decides="units"),
    Case(
        "quality",
        "table",
        6,
        "sample:write_products",
        ("--model", "logistic", "--target", "Result"),
        "products.csv",
        aside="Part",
        decides="Humidity [%]",
        further=False,
    ),
    Case("births", "warehouse", 6, "sample:write_rows"),
    Case("elevators", "json", 6, "sample:write_elevators", folder=True),
    Case("keywords", "text", 5, "sample:write_keywords", ("--engine", "sklearn"), folder=True),
    Case(
        "image_classes",
        "pictures",
        6,
        "sample:write_digits",
        ("--architecture", "transfer", "--features", "handcrafted"),
        folder=True,
    ),
    Case(
        "masks", "pictures", 4, "sample.pictures:write_faces", ("--faces", "whole", "--model", "transfer"), folder=True
    ),
    Case("similarity", "pictures", 7, "sample:write_sample", ("--model", "handcrafted"), folder=True),
)
SNAPSHOTS, OF_A_CLASS, BIRTHS, PAYMENTS = 40, 15, 20_000, 6_000
ATTACKS: dict[str, dict[str, Callable[..., Path]]] = {
    "table": hostile_tables.ATTACKS,
    "json": hostile_other.JSON,
    "text": hostile_other.TEXT,
    "warehouse": hostile_other.WAREHOUSE,
    "pictures": hostile_pictures.ATTACKS,
}


class Dealt(NamedTuple):
    """One trial: its number, the case, and the attack."""

    number: int
    case: Case
    attack: str


def dealt(trials: int, seed: int) -> list[Dealt]:
    """Deal attacks to the cases: all attacks of a kind before one comes again, no case the same one twice at a time."""
    chance = random.Random(f"hostile {seed}")  # noqa: S311 - repeatable
    decks: dict[str, list[str]] = {kind: [] for kind in ATTACKS}
    hands: list[tuple[Case, str]] = []
    had: dict[str, list[str]] = {item.name: [] for item in CASES}
    while len(hands) < trials:
        for case in (item for item in CASES for _ in range(item.trials)):
            names = list(ATTACKS[case.kind])
            if len(had[case.name]) >= len(names):
                had[case.name] = []
            deck = decks[case.kind]
            free = [name for name in deck if name not in had[case.name]]
            if not free:
                deck += chance.sample(names, len(names))
                free = [name for name in deck if name not in had[case.name]]
            deck.remove(free[0])
            had[case.name].append(free[0])
            hands.append((case, free[0]))
    return [Dealt(number, *hand) for number, hand in enumerate(hands[:trials], 1)]


def write_clean(case: Case, folder: Path) -> Path:
    """Write a case's clean input into a folder, as small as it can answer; return what is read."""
    folder.mkdir(parents=True)
    module, _, function = case.writer.partition(":")
    write: Callable[..., Any] = getattr(importlib.import_module(f"tasks.cases.{case.name}.{module}"), function)
    if case.name == "births":
        write(folder / "births.parquet", BIRTHS)
        return folder / "births.parquet"
    write(folder, *([PAYMENTS] if case.name == "payments" else []))
    if case.name == "elevators":
        for file in sorted(folder.glob("facilities-*.json"))[SNAPSHOTS:]:
            file.unlink()
    if case.name == "pedestrians":
        for file in folder.glob("marktplatz-*.csv"):
            file.unlink()
    if case.kind == "pictures":
        _fewer(case.name, folder)
    return folder if case.folder else folder / case.file


def _fewer(name: str, folder: Path) -> None:
    """Let a folder of pictures hold a few of each class and nothing else."""
    within = {"image_classes": "digits", "masks": "faces", "similarity": "collection"}[name]
    if name == "image_classes":
        shutil.unpack_archive(folder / "digits.zip", folder, "zip")
    kept = folder.with_name(f"{folder.name}.kept")
    (folder / within).rename(kept)
    shutil.rmtree(folder)
    kept.rename(folder)
    for item in folder.iterdir():
        for file in sorted(item.iterdir())[OF_A_CLASS:]:
            file.unlink()


def spoil(one: Dealt, folder: Path, seed: int) -> tuple[Path, bool]:
    """Write the clean input of a trial into a folder and spoil it.

    Returns:
        What is to be read, and whether the answer has to be that of the clean input.
    """
    chance = random.Random(f"{seed} {one.number}")  # noqa: S311 - repeatable
    source = write_clean(one.case, folder)
    attack = ATTACKS[one.case.kind][one.attack]
    if one.case.kind != "table":
        return attack(folder, chance), False
    case = one.case
    file = folder / case.file
    changed = attack(Table(file, case.mark, case.header, case.aside, case.decides, case.further), chance)
    beside = one.attack in hostile_tables.BESIDE and bool(case.aside or case.further)
    whole = case.folder and changed.suffix == ".csv"  # what lies in a folder under another ending is not read at all
    return (source if whole else changed), beside or (one.attack == "hostile-names" and case.further)
