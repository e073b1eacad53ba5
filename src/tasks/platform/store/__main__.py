"""The store's own command: what takes the space, is it whole, and what may go?

python -m tasks.platform.store                       # sizes by kind
python -m tasks.platform.store verify                # read every object and compare it with its name
python -m tasks.platform.store prune --days 90       # remove what was not used for 90 days
python -m tasks.platform.store prune --runs 10       # keep the last 10 runs of each flow and what they used
"""

import argparse
from collections.abc import Sequence

from tasks.platform.errors import UsageError
from tasks.platform.faults import told
from tasks.platform.progress import progress
from tasks.platform.store.contents import damaged, sizes
from tasks.platform.store.prune import carry_out, plan
from tasks.platform.store.results import Store, store


def _show(place: Store) -> int:
    found = sizes(place)
    print(f"{place.url}\n\n{'kind':<20} {'number':>10} {'size':>12}")
    for size in found:
        print(f"{size.kind:<20} {size.number:>10,} {megabytes(size.bytes):>12}")
    print(f"{'all':<20} {sum(size.number for size in found):>10,} {megabytes(sum(size.bytes for size in found)):>12}")
    return 0


def megabytes(size: int) -> str:
    """Return a number of bytes for readers."""
    return f"{size / 1e6:,.1f} MB"


def _verify(place: Store) -> int:
    found = list(progress(damaged(place), "verifying", unit="damaged objects"))
    for item in found:
        print(f"damaged: {item.name} ({item.kind}, {megabytes(item.bytes)})")
    print(
        f"{len(found)} objects are damaged; what made them runs again by itself." if found else "Every object is whole."
    )
    return 1 if found else 0


def _prune(place: Store, days: int | None, runs: int | None, dry_run: bool) -> int:
    if days is None and runs is None:
        raise UsageError("prune takes --days N, --runs N or both; nothing was removed.")
    what = plan(place, days, runs)
    if not dry_run:
        carry_out(place, what)
    size = megabytes(sum(item.bytes for item in what.objects))
    done = "To remove" if dry_run else "Removed"
    print(
        f"{done}: {len(what.records):,} records, {len(what.objects):,} objects ({size}),"
        f" {len(what.pedigrees):,} pedigrees, {len(what.runs):,} run folders."
    )
    return 0


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 when something is damaged, 2 for a wrong argument."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.platform.store",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("sizes", help="show what takes the space (the default)")
    commands.add_parser("verify", help="compare every object with its digest")
    pruning = commands.add_parser("prune", help="remove what nobody needs; what a champion rests on stays")
    pruning.add_argument("--days", type=_number, help="remove what was not used for so many days")
    pruning.add_argument("--runs", type=_number, help="keep so many runs of each flow, and what they used")
    pruning.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    given = parser.parse_args(arguments)
    try:
        place = store()
        if given.command == "prune":
            return _prune(place, given.days, given.runs, given.dry_run)
        return _verify(place) if given.command == "verify" else _show(place)
    except Exception as error:  # noqa: BLE001 - what nobody knows is raised again
        return told(error)


if __name__ == "__main__":
    raise SystemExit(main())
