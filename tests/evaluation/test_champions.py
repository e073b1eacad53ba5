"""The store's record of champions: one file each, none lost, none crowned twice, damage skipped."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from tasks.evaluation.champions import Champion, champions, checked_name, crown, plain
from tasks.platform.errors import UsageError
from tasks.platform.settings import settings
from tasks.platform.store import store

MODEL = "similarity-sample"


def record(**more: object) -> Champion:
    return Champion(model=MODEL, version=1, run="20261126-020000-abcd", config={"n": 1}, **more)


def place() -> Path:
    return Path(settings().store_url) / "champions" / MODEL


def test_no_champion_while_there_is_none() -> None:
    assert champions(MODEL) == []


def test_versions_count_up_and_the_highest_reigns() -> None:
    first = crown(record(), None)
    second = crown(record(), 1)
    assert (first.version, second.version) == (1, 2)  # type: ignore[union-attr]
    assert [item.version for item in champions(MODEL)] == [2, 1]


@pytest.mark.parametrize("against", [None, 2, 7])
def test_whoever_beat_a_former_champion_is_not_crowned(against: int | None) -> None:
    crown(record(), None)
    assert crown(record(), against) is None
    assert len(champions(MODEL)) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model": "another", "version": 2, "run": "r"}', b"\xff" * 99])
def test_a_damaged_record_is_skipped_and_its_version_never_given_again(content: bytes) -> None:
    crown(record(), None)
    (place() / "000002.json").write_bytes(content)
    assert [item.version for item in champions(MODEL)] == [1]
    assert crown(record(), 1).version == 3  # type: ignore[union-attr]
    assert [item.version for item in champions(MODEL)] == [3, 1]


def test_a_record_under_the_name_of_another_version_does_not_count() -> None:
    crown(record(), None)
    (place() / "000009.json").write_bytes((place() / "000001.json").read_bytes())
    assert [item.version for item in champions(MODEL)] == [1]


def test_the_same_model_is_known_by_choices_data_metric_and_scores() -> None:
    scores, other = (store().put(np.array(values)) for values in ([0.5, 1.0], [0.5, 0.9]))
    champion = record(scores=scores, primary="mae", test_data="t")
    assert champion.is_same({"n": 1}, "t", "mae", scores)
    for config, data, metric, given_scores in (
        ({"n": 2}, "t", "mae", scores),
        ({"n": 1}, "u", "mae", scores),
        ({"n": 1}, "t", "rmse", scores),
        ({"n": 1}, "t", "mae", other),
    ):
        assert not champion.is_same(config, data, metric, given_scores)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 101, "ä", "a b"])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a model"):
        checked_name(name)


@with_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=20), st.booleans(), st.none())),
)
def test_choices_come_back_from_a_record_as_they_went_in(config: dict[str, object]) -> None:
    once = plain(config)
    assert plain(once) == once


def test_secrets_and_data_do_not_get_into_a_record() -> None:
    assert "hunter2" not in str(plain({"api_token": "hunter2", "url": "https://me:hunter2@host/x"}))
    with pytest.raises(ValueError, match="a few choices, not data"):
        plain({"x": "y" * 200_000})


CROWN = """
import sys
from tasks.evaluation.champions import Champion, crown
done = crown(Champion(model="similarity-sample", version=1, run=sys.argv[1], config={"n": sys.argv[1]}), None)
print("crowned" if done else "late")
"""


def test_of_four_processes_at_once_one_is_crowned(home: Path) -> None:
    four = [
        subprocess.Popen([sys.executable, "-c", CROWN, str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in four)
    assert said == ["crowned", "late", "late", "late"]
    assert len(champions(MODEL)) == 1
