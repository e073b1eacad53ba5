"""How long does a command take? --help, the first run on the sample, and the same run again, with and without a server.

    python benchmarks/startup.py

Each run starts in an empty home whose Prefect and MLflow databases have been prepared, as `make` does when it sets up.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def timed(*argv: str, home: Path, minutes: int = 0) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command whose server stays for `minutes`; return its wall time in seconds and what it printed."""
    environment = os.environ | {"CASEBOOK_HOME": str(home), "CASEBOOK_OUTPUT": str(home / "reports")}
    environment |= {"CASEBOOK_OFFLINE": "true", "CASEBOOK_SERVER_MINUTES": str(minutes)}
    environment.pop("PREFECT_API_URL", None)
    clock = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - clock, done


def main() -> None:
    """Print one row per command."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        setup, _ = timed("-m", "tasks.platform.server", "prepare", home=home)
        timed("-m", "tasks.publishing.registry", home=home)
        flow = "flows/similarity.py"
        rows = [("--help", timed(flow, "--help", home=home)), ("first run", timed(flow, home=home))]
        rows += [(f"same again, server started anew ({number})", timed(flow, home=home)) for number in (1, 2, 3)]
        timed(flow, home=home, minutes=5)
        rows += [(f"same again, server there ({number})", timed(flow, home=home, minutes=5)) for number in (1, 2, 3)]
        timed("-m", "tasks.platform.lingering", home=home)
        print("| `python flows/similarity.py` | wall, s | stages that ran |\n|---|---|---|")
        for name, (seconds, done) in rows:
            ran = re.findall(r"^\s+\S.*?\s{2,}(\S+)\s+ran\s", done.stderr, re.MULTILINE)
            print(f"| {name} | {seconds:.1f} | {len(ran)}{' (' + ', '.join(ran) + ')' if 0 < len(ran) < 6 else ''} |")
        print(json.dumps({"prepare the Prefect database, s": round(setup, 1)}))


if __name__ == "__main__":
    main()
