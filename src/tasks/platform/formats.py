"""What do stored objects look like? One number, part of every stage's key, and the code that it stands for.

The platform is not in the keys, so that mending it recomputes nothing. Some of it decides all the same what an object
looks like. When such code changes so that the same value is stored, read or shown in another way, FORMAT is raised by
one, and every result is made anew in the new form. When it only changes how that is done, nothing has to be recomputed.
(Records and digests need no such care: those that do not fit are noticed, and their stages run again.) Nobody but the
author of the change can tell; so a test fails after every change of that code, until its author says:

    python -m tasks.platform.formats          # objects look as before: renew the digests
    python -m tasks.platform.formats raise    # they look different: raise FORMAT as well
"""

import re
import sys
from pathlib import Path

from tasks.platform.sources import PACKAGE, code_digest

FORMAT = 1
WATCHED = {
    # how values become files, and files values
    "platform/kinds.py": "ffe08bc643605884",
    "platform/kinds_models.py": "042f8ba6fbe88b52",
    "platform/spark_files.py": "66c19e753852dfd5",
    "platform/spark.py": "0840f254e63a3bef",  # the time zone and the time stamps of Spark's frames
    "platform/arguments.py": "6b1cd248e46c7f3d",  # as what an argument reaches its function
    # the parts of a stored report
    "publishing/blocks.py": "0129233cfad05b87",
    "publishing/report.py": "1f741c522a34723f",
    "publishing/tables.py": "7a65551769f288ba",
}


def present() -> dict[str, str]:
    """Return the digests of the watched code as it is now; "missing" for a file that is gone."""
    files = {name: PACKAGE / name for name in WATCHED}
    return {name: code_digest(file)[:16] if file.is_file() else "missing" for name, file in files.items()}


def renewed(text: str, raised: bool) -> str:
    """Return the source of this module with the present digests, and with the next number when it is `raised`."""
    for name, digest in present().items():
        text = re.sub(rf'("{re.escape(name)}": )"\w*"', rf'\1"{digest}"', text)
    return re.sub(r"^FORMAT = \d+$", f"FORMAT = {FORMAT + raised}", text, flags=re.MULTILINE)


if __name__ == "__main__":
    this = Path(__file__)
    this.write_text(renewed(this.read_text("utf-8"), sys.argv[1:] == ["raise"]), "utf-8")
    print(f"{this.name} is renewed.")
