"""Is Casebook safe to leave running? Kills, damage, a crowd of runs, and narrow places, by seeded trials.

    python benchmarks/hardiness.py kills            40 times kill -9, of commands, servers and both (hardy/kills.py)
    python benchmarks/hardiness.py damage           40 times damage to what lies in the home (hardy/damage.py)
    python benchmarks/hardiness.py crowd            eight flows at once on a fresh home (hardy/crowd.py)
    python benchmarks/hardiness.py limits           full disks, little memory, odd clocks, no HOME (hardy/limits.py)
    python benchmarks/hardiness.py hostile --trials 100     hostile tables and pictures (hardy/hostile.py)

`--trials` and `--seed` choose others, `--only` some of them; `--place` names a folder that keeps the home between
calls. Each trial prints a line. Exit status 1 when one failed. Linux only.
"""

import argparse
import importlib
import signal
import sys
import tempfile
from pathlib import Path

from hardy.place import Place, nothing_left_running

KINDS = ("kills", "damage", "crowd", "limits", "hostile")


def main() -> int:
    """Run the trials of one kind, or of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}; all by default")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], help="numbers or names of trials")
    parser.add_argument("--place", type=Path, help="folder of the home; a temporary one by default")
    given = parser.parse_args()
    if odd := set(given.kinds) - set(KINDS):
        parser.error(f"there is no {', '.join(sorted(odd))}; there are {', '.join(KINDS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended in any case
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Place((given.place or Path(folder)).absolute())
        if {"kills", "damage", "hostile"} & set(given.kinds or KINDS):
            place.prepare()
        for kind in given.kinds or KINDS:
            print(f"## {kind}, seed {given.seed}", flush=True)
            with nothing_left_running(place):
                bad += importlib.import_module(f"hardy.{kind}").run(place, given.trials, given.seed, given.only)
    print(f"{len(bad)} things went wrong" if bad else "Nothing went wrong.")
    for text in bad:
        print(f"  {text}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
