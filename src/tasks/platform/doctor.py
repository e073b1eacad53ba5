"""Is everything here that Casebook needs? `python -m tasks.platform.doctor` says it, and what to do where it is not.

With `--cloud URL` it looks at the connection to a host, a store, a warehouse or a port, link by link, and names the
first that is broken (`tasks.platform.connection`).

Exit status: 0 nothing fails (warnings are no failure), 1 something does, 2 a wrong argument or setting.
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence

from tasks.platform.checks import (
    Check,
    bytecode,
    combinations,
    cores,
    home_disk,
    java,
    masked,
    memory,
    output_disk,
    packages,
    python,
)
from tasks.platform.checks_places import mlflow, network, pinned_files, prefect, store_place
from tasks.platform.connection.targets import GIVE
from tasks.platform.connection.walk import listing, walk
from tasks.platform.errors import UsageError
from tasks.platform.masking import mask_text
from tasks.platform.settings import Settings, settings
from tasks.platform.text import shorten

PATIENCE = 20.0  # seconds for a check; a store or server that is asked may never answer
WIDEST = 400  # characters of what is shown of one finding


CHECKS: tuple[Callable[[], Check], ...] = (
    python,
    packages,
    combinations,
    bytecode,
    java,
    cores,
    memory,
    home_disk,
    output_disk,
    store_place,
    prefect,
    mlflow,
    pinned_files,
    network,
)


def values_in_force() -> dict[str, str]:
    """Return every setting with the value in force, secrets hidden, by the name of its variable."""
    chosen = settings()
    shown = {name: getattr(chosen, name) for name in Settings.model_fields}
    shown |= {"store": chosen.store_url, "cache": chosen.cache_folder, "mlflow_uri": chosen.mlflow_tracking_uri}
    return {f"CASEBOOK_{name.upper()}": masked("" if value is None else str(value)) for name, value in shown.items()}


def examine(check: Callable[[], Check]) -> Check:
    """Run one check; one that raises is a failure that names the error."""
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this machine is what is looked for
        name = check.__name__.replace("_", " ")
        remedy = "This check itself failed; please report it with this line."
        found = Check(name=name, state="fail", found=f"{type(error).__name__}: {error}", remedy=remedy)
    return found.model_copy(
        update={"found": shorten(masked(found.found), WIDEST), "remedy": shorten(masked(found.remedy), WIDEST)}
    )


def examine_all(checks: Sequence[Callable[[], Check]], patience: float = PATIENCE) -> list[Check]:
    """Run the checks side by side; one that takes longer than `patience` seconds is a failure."""
    found: dict[int, Check] = {}

    def run(number: int, check: Callable[[], Check]) -> None:
        found[number] = examine(check)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(checks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
    return [found.get(number) or _silent(check, patience) for number, check in enumerate(checks)]


def _silent(check: Callable[[], Check], patience: float) -> Check:
    remedy = "See that the place it asks (a store, a server) answers, and try again."
    name = check.__name__.replace("_", " ")
    return Check(name=name, state="fail", found=f"no answer within {patience:g} seconds", remedy=remedy)


def table(checks: Sequence[Check], values: dict[str, str]) -> str:
    """Return the findings and the settings in force as aligned lines of plain text."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.state:<4}  {check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"{'':<4}  {'':<{width}}  -> {check.remedy}")
    width = max(map(len, values), default=0)
    lines += [
        "",
        "settings in force:",
        *(f"  {name:<{width}}  {shorten(value, 200)}" for name, value in values.items()),
    ]
    count = {state: sum(check.state == state for check in checks) for state in ("ok", "warn", "fail")}
    return "\n".join([*lines, "", f"{count['ok']} ok, {count['warn']} to look at, {count['fail']} failing"])


def examine_connection(url: str, as_json: bool) -> int:
    """Look at the links of one connection, print what was found, and return the exit status."""
    try:
        links = walk(url)
    except UsageError as error:
        print(f"casebook: {mask_text(str(error))}", file=sys.stderr)
        return error.exit_status
    broken = next((link.name for link in links if link.state == "fail"), None)
    if as_json:
        print(json.dumps({"ok": broken is None, "broken": broken, "links": [link.model_dump() for link in links]}))
    else:
        print(listing(url, links))
    return int(broken is not None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks, print what they found, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tasks.platform.doctor", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--cloud", metavar="URL", help=f"look at one connection, link by link: {GIVE}")
    parser.add_argument("--no-network", action="store_true", help="do not ask the hosts of the pinned downloads")
    chosen = parser.parse_args(arguments)
    try:
        values = values_in_force()
    except UsageError as error:
        print(f"casebook: {masked(str(error))}", file=sys.stderr)
        return error.exit_status
    if chosen.cloud is not None:
        return examine_connection(chosen.cloud, chosen.json)
    checks = examine_all([check for check in CHECKS if not (chosen.no_network and check is network)])
    failing = any(check.state == "fail" for check in checks)
    if chosen.json:
        print(json.dumps({"ok": not failing, "checks": [check.model_dump() for check in checks], "settings": values}))
    else:
        print(table(checks, values))
    return int(failing)


if __name__ == "__main__":
    raise SystemExit(main())
