"""Does the search for patterns find what was planted, and only that? Shuffled copies and seeded samples.

    python benchmarks/marathon.py                      the embedded sample
    python benchmarks/marathon.py path/marathon.csv    the published runners, 200 shuffled copies

Printed: findings as sentences, the share of shuffled copies with any finding, over seeds how many of the planted
patterns are found and how many others, and over tables of skewed, heavy-tailed and tiny groups how often a sentence has
the sign of the truth, and the truth in its interval.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from tasks.cases.marathon.evaluation.records import Row, Rule, population
from tasks.cases.marathon.evaluation.search import search
from tasks.cases.marathon.evaluation.shuffles import search_shuffled
from tasks.cases.marathon.evaluation.tables import find_patterns
from tasks.cases.marathon.features import measure_runners
from tasks.cases.marathon.ingestion import read_runners
from tasks.cases.marathon.sample import PLANTED, Pattern, runners, write_marathon
from tasks.cases.marathon.skewed import judged, table
from tasks.cases.marathon.validation import runners_contract
from tasks.validation.contract import check_table


def measured(path: Path) -> pd.DataFrame:
    """Read, check and measure the runners of a file."""
    read = read_runners.fn(path)
    kept = check_table(read.frame, runners_contract(0.05)).frame.reset_index(drop=True)
    print(f"{path.name}: {len(kept):,} runners, {len(read.quarantine)} lines unreadable")
    return measure_runners.fn(kept)


def matches(row: Row, pattern: Pattern) -> bool:
    measures = {row.measure, row.other} == {pattern.measure, pattern.other}
    return measures and (row.kind, row.stratum, row.group) == (pattern.kind, pattern.stratum, pattern.group)


def seeds(count: int) -> None:
    """Search samples of other seeds, with patterns and without."""
    right = wrong = plain = 0
    for seed in range(count):
        for patterns in (PLANTED, ()):
            people = population(measure_runners.fn(runners(patterns, seed=seed)))
            found = [row for row in search(people, Rule(), consequences=False).rows if row.state == "finding"]
            hits = [row for row in found if any(matches(row, pattern) for pattern in patterns)]
            right, wrong = right + len(hits), wrong + (len(found) - len(hits) if patterns else 0)
            plain += bool(found) and not patterns
    print(f"{count} seeds: {right} of {count * len(PLANTED)} planted patterns found, {wrong} others;")
    print(f"{plain} of {count} samples without a pattern lead to a finding")


def skewed(count: int) -> None:
    """Hold every finding in tables of skewed groups against what these were drawn with."""
    told = signs = inside = unknown = plain = 0
    for seed in range(count):
        for effects in (3, 0):
            drawn = table(seed, effects)
            found = search(population(drawn.frame), Rule()).rows
            rows = [row for row in found if row.state == "finding"]
            plain += bool(rows) and not effects
            verdicts = [judged(row, rows, drawn) for row in rows if effects]
            unknown += verdicts.count(None)
            known = [verdict for verdict in verdicts if verdict is not None]
            told, signs = told + len(known), signs + sum(sign for sign, _ in known)
            inside += sum(holds for _, holds in known)
    print(
        f"{count} tables of skewed, heavy-tailed and tiny groups: {told} findings, {signs} with the sign of the truth,"
    )
    print(f"{inside} with the truth in their 95 % interval, {unknown} not judged;")
    print(f"{plain} of {count} such tables without an effect lead to a finding")


def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description="Planted patterns found, and false findings on shuffled copies.")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--tables", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.file is None:
            write_marathon(Path(folder))
        frame = measured(options.file or Path(folder) / "marathon.csv")
    tests = find_patterns.fn(frame, 0.05, 0.2).tests
    for text in tests.loc[tests["state"] == "finding", "sentence"]:
        print(f"- {text}")
    clock = time.perf_counter()
    false = search_shuffled.fn(frame, 0.05, 0.2, options.copies)
    seconds = time.perf_counter() - clock
    print(
        f"{false.copies} shuffled copies: findings in {false.with_findings}; by the correction alone, whatever the"
        f" size, in {false.corrected_only}; by single tests at 0.05 in {false.naive} ({false.naive_per_copy:.1f} of"
        f" {false.comparisons} each); {seconds:.1f} s"
    )
    seeds(options.seeds)
    skewed(options.tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
