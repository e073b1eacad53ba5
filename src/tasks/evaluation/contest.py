"""How does a model do against the strongest simple baseline and against the champion, on the same test data?

`contest` is what every case with a model calls. A champion that was measured on other test data, or by another metric,
is scored anew first; whoever of the two is better is then told by `decide`. One that cannot answer any more, since what
it looks through is another thing in this release, stands in nobody's way. The winner is crowned when the run is
published (`tasks.publishing.publish`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from tasks.evaluation.champion import Decision, decide_promotion
from tasks.evaluation.champions import Champion, champions, checked_name, plain
from tasks.platform.errors import CasebookError
from tasks.platform.faults import short_of_memory
from tasks.platform.store import Stored, store
from tasks.platform.text import shorten


class Standing(BaseModel):
    """Where a model name stands before a contest."""

    rival: Champion | None = None  # whom the model has to beat
    reigning: Champion | None = None  # the model itself, where it is the champion already


@dataclass(frozen=True)
class Held:
    """A model after its contest."""

    name: str
    config: dict[str, Any]
    primary: str
    test_data: str
    scores: Stored
    baseline: Stored
    decision: Stored
    standing: Standing
    rival: Any  # Stored (n,): the champion's score of every test case; None without one
    rescored: Any  # what `rescore` gave; None when the champion's recorded scores count
    problem: str = ""  # why the champion could not be scored anew

    @property
    def promoted(self) -> bool:
        """Whether the model is to become the champion."""
        return bool(self.decision.load(Decision).promoted)


def read_champion(model: str, config: dict[str, Any], primary: str, test_data: str, scores: Stored) -> Standing:
    """Find the champion that a model has to beat.

    A model that is the champion already (same choices, same test data, same score of every case) is no rival of its
    own: its rival is still the one that it replaced. So a run that is repeated finds what it found the first time, and
    every stage that follows is cached. No stage of its own: it looks at some records of the store and computes nothing.

    Args:
        model: the name.
        config: the choices that made the model at hand.
        primary: the metric that decides.
        test_data: what identifies the test data.
        scores: its score of every test case, (n,).
    """
    known = champions(model)
    if known and known[0].is_same(config, test_data, primary, scores):
        return Standing(rival=known[1] if len(known) > 1 else None, reigning=known[0])
    return Standing(rival=known[0] if known else None)


def contest(
    name: str,
    config: dict[str, Any],
    cases: Stored,
    *,
    on: str | Stored,
    metric: str,
    better: Literal["higher", "lower"] = "higher",
    rescore: Callable[[dict[str, Any]], Stored] | None = None,
    minimum_gain: float = 0.0,
    outdated: Callable[[dict[str, Any]], str] | None = None,
) -> Held:
    """Hold a model against the baseline and the champion.

    Args:
        name: of the model, such as `rentals-sample`.
        config: the choices that made it; small, and enough to make it again.
        cases: the parts `scores`, `groups` and `baseline`, each (n,): see `tasks.evaluation.champion.Cases`.
        on: the test data, or what identifies them where they are more than one stored result.
        metric: name of the metric that decides.
        better: whether a higher or a lower score is better.
        rescore: gives the score of the present test cases, (n,), or parts with one called `scores`, for the choices of
            another model; called when the champion was measured on other data or by another metric.
        minimum_gain: how much better than the champion the model has to be on average.
        outdated: says why a champion of such choices cannot answer any more; nothing where it can.

    Raises:
        UsageError: the name cannot be one.
    """
    test_data = on.digest if isinstance(on, Stored) else on
    choices = plain(config)
    standing = read_champion(checked_name(name), choices, metric, test_data, cases.scores)
    rival, rescored, problem = standing.rival, None, ""
    theirs = rival.scores if rival else None
    gone = outdated(rival.config) if rival and outdated else ""
    if rival and not gone and ((rival.test_data, rival.primary) != (test_data, metric) or not _whole(theirs)):
        rescored, problem = _rescored(rescore, rival.config)
        theirs = rescored.parts.get("scores", rescored) if rescored else None
    decision = decide_promotion(
        cases.scores,
        cases.groups,
        cases.baseline,
        theirs,
        rival.version if rival else None,
        metric,
        minimum_gain,
        better == "higher",
        gone,
    )
    return Held(
        name, choices, metric, test_data, cases.scores, cases.baseline, decision, standing, theirs, rescored, problem
    )


def _whole(scores: Stored | None) -> bool:
    return scores is not None and store().intact(scores)


def _rescored(rescore: Callable[[dict[str, Any]], Stored] | None, config: dict[str, Any]) -> tuple[Stored | None, str]:
    """Score the champion's choices anew; or say why not (weights gone, an odd record, more than memory holds)."""
    if rescore is None:
        return None, "this case scores no champion anew"
    try:
        return rescore(config), ""
    except (CasebookError, KeyError, TypeError, ValueError) as error:
        return None, shorten(f"its choices cannot be made again: {type(error).__name__} {error}", 300)
    except Exception as error:
        if not short_of_memory(error):
            raise
        return None, "memory does not hold what its choices need"
