import json
from pathlib import Path

import numpy as np
import pytest

from tasks.cases.elevators.sample import SEED, simulate_states, truth, write_elevators


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_elevators(folder)
    return folder


def test_it_is_a_year_of_nights_in_the_format_of_the_service(sample: Path) -> None:
    files = sorted(sample.glob("facilities-*.json"))
    assert len(files) == 365 - 9 + 1  # nights missed, and one saved twice
    first = json.loads(files[0].read_text())
    assert len(first) == len(truth())
    assert {"equipmentnumber", "type", "state", "stateExplanation", "stationnumber", "description"} <= set(first[0])


def test_it_is_the_same_each_time(sample: Path, tmp_path: Path) -> None:
    write_elevators(tmp_path)
    assert [(f.name, f.read_bytes()) for f in sorted(tmp_path.iterdir())] == [
        (f.name, f.read_bytes()) for f in sorted(sample.iterdir())
    ]


def test_simulated_lifts_have_the_availability_and_repair_time_asked_for() -> None:
    days = np.arange(0, 6000, 0.5)
    states = simulate_states(np.array([0.9, 0.6]), np.array([2.0, 5.0]), days, np.random.default_rng(SEED))
    assert states.mean(axis=0) == pytest.approx([0.9, 0.6], abs=0.025)
    mended = (np.diff(states.astype(int), axis=0) == 1).sum(axis=0)
    # An outage seen every half day: down readings per mend are 1 / P(up | down over half a day).
    rate = 1 / (np.array([2.0, 5.0]) * np.array([0.9, 0.6]))
    expected = 1 / (np.array([0.9, 0.6]) * (1 - np.exp(-rate * 0.5)))
    assert (~states).sum(axis=0) / mended == pytest.approx(expected, rel=0.12)
