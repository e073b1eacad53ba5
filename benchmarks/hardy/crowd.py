"""Do eight flows that start at once on a fresh home come to the eight right answers?"""

import shutil
import time
from collections.abc import Sequence

from hardy.place import Place, Said, same_answer, without_stages

FLOWS = ["movies", "quality", "cloud_costs", "payments", "keywords", "similarity", "movies", "cloud_costs"]


def run(place: Place, trials: int, seed: int, only: Sequence[str] = ()) -> list[str]:
    """Start them and compare what they found with what each finds alone.

    All are first runs: a stage that two of them ask for at once may run twice, and gives one object.
    """
    truth = without_stages(place.warm(sorted(set(FLOWS))))  # first runs have no champion to ask
    place.stop_server()
    shutil.rmtree(place.home)
    clock = time.monotonic()
    flows = FLOWS[:trials]
    processes = [place.start(f"flows/{name}.py") for name in flows]
    wrong = []
    for name, process in zip(flows, processes, strict=True):
        out, err = process.communicate(timeout=1800)
        odd = same_answer(Said(process.returncode, out, err), truth[name])
        wrong += [f"{name}: {odd}"] if odd else []
        print(f"  {name:<12} {odd or 'right'} ({time.monotonic() - clock:.0f} s after the start)", flush=True)
    print(f"{len(flows) - len(wrong)} of {len(flows)} flows at once: the right answer")
    return wrong
