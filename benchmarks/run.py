"""`make bench`: every benchmark, one after the other. `python benchmarks/run.py hashing` runs one.

`mutants` and `hardiness` measure the tests and the platform and not the cases, and take half an hour and more: they run
only when they are named.

A benchmark that needs a file that is not here says so and is left out.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the benchmarks that are named, or all; return 1 when one failed."""
    files = sorted(path for path in HERE.glob("[!_]*.py") if path.stem != "run")
    wanted = set(sys.argv[1:]) or {path.stem for path in files} - {"mutants", "hardiness"}
    if unknown := wanted - {path.stem for path in files}:
        print(
            f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(p.stem for p in files)}.", file=sys.stderr
        )
        return 2
    failed = False
    for file in files:
        if file.stem in wanted:
            print(f"\n## {file.stem}\n", flush=True)
            failed |= subprocess.run([sys.executable, str(file)], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
