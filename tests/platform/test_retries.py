"""Asking again: growing waits, or those that the server asks for, and an end."""

from collections.abc import Callable

import pytest

from tasks.platform.errors import TransientError
from tasks.platform.retries import LONGEST_WAIT, PassingFaultError, ask_again


def answers(*outcomes: object) -> Callable[[], object]:
    left = list(outcomes)

    def ask() -> object:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask


def test_waits_grow_and_what_is_asked_for_is_kept():
    waits: list[float] = []
    told: list[tuple[str, int]] = []
    faults = [PassingFaultError("slow") for _ in range(4)]
    asked = [PassingFaultError("busy", 7.0), PassingFaultError("busy", 9_999.0), PassingFaultError("at once", 0.0)]
    found = ask_again(
        answers(*faults, *asked, "done"), 8, lambda fault, number: told.append((str(fault), number)), waits.append, 0.5
    )
    assert found == "done"
    for number, wait in enumerate(waits[:4]):
        assert 0.25 * 2**number <= wait <= 0.75 * 2**number
    assert 7.0 <= waits[4] <= 7.2
    assert waits[5] == LONGEST_WAIT
    assert 0.0 <= waits[6] <= 0.2
    assert told == [(str(fault), number) for number, fault in enumerate([*faults, *asked], 1)]


def test_the_last_fault_is_raised_and_nobody_waits_after_it():
    waits: list[float] = []
    with pytest.raises(PassingFaultError, match="third"):
        ask_again(answers(*map(PassingFaultError, ("first", "second", "third"))), 3, lambda *_: None, waits.append)
    assert len(waits) == 2


def test_other_errors_pass_only_when_they_are_named():
    waits: list[float] = []
    with pytest.raises(KeyError):
        ask_again(answers(KeyError("a"), 1), 3, lambda *_: None, waits.append)
    assert ask_again(answers(KeyError("a"), 1), 3, lambda *_: None, waits.append, also=(KeyError,)) == 1
    assert len(waits) == 1


def test_who_is_told_may_give_up():
    def give_up(fault: Exception, number: int) -> None:
        raise TransientError(f"{fault}, attempt {number}")

    with pytest.raises(TransientError, match="busy, attempt 1"):
        ask_again(answers(PassingFaultError("busy"), 1), 3, give_up, lambda _: pytest.fail("waited"))
