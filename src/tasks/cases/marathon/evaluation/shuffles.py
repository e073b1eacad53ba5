"""How often does the search find something where there is nothing? Its answer on shuffled copies of the same runners.

In a copy the nationalities are dealt out anew among all runners, since nothing is to differ between nationalities, the
share of women included; heights and weights among the women and among the men, each for itself. Age, times and sex stay
as they are, so that what everybody knows stays true, and nothing of what the search asks for can be (R. Fisher, "The
Design of Experiments", 1935).
"""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.marathon.evaluation.records import Population, Rule, population
from tasks.cases.marathon.evaluation.search import search
from tasks.evaluation.intervals import exact_binomial
from tasks.platform.progress import progress
from tasks.platform.stage import stage

SEED = 20_260_101
NAIVE = 0.05  # the level at which single tests are usually called significant
MOST_FALSE = 0.05  # share of copies with any finding


class FalseFindings(BaseModel):
    """What came out on shuffled copies."""

    copies: int
    with_findings: int
    corrected_only: int
    """Copies in which some comparison is significant after correction, however small its effect."""
    naive: int
    """Copies in which some comparison is significant at 0.05 without correction."""
    naive_per_copy: float
    """Comparisons of a copy that are significant at 0.05 without correction, on average."""
    comparisons: int
    smallest_adjusted: list[float]
    """The smallest corrected p of each copy."""

    def share(self) -> float | None:
        """Return the share of copies with any finding."""
        return self.with_findings / self.copies if self.copies else None

    def interval(self) -> tuple[float, float] | None:
        """Return the exact 95 % interval of that share."""
        return exact_binomial(self.with_findings, self.copies) if self.copies else None


def shuffled(people: Population, rng: np.random.Generator) -> Population:
    """Deal nationalities out anew, and heights and weights within each sex."""
    values = dict(people.values)
    nationality = rng.permutation(people.nationality)
    values["height"], values["weight"] = values["height"].copy(), values["weight"].copy()
    for sex in range(2):
        own = np.flatnonzero(people.sex == sex)
        for column in (values["height"], values["weight"]):
            column[own] = column[rng.permutation(own)]
    return people._replace(values=values, nationality=nationality)


@stage(phase="Evaluation")
def search_shuffled(frame: pd.DataFrame, level: float, smallest: float, copies: int) -> FalseFindings:
    """Search shuffled copies, in which every finding is false.

    Args:
        frame: the measured runners.
        level: chance of any false finding that the search allows itself.
        smallest: effect of interest, as Cohen's d.
        copies: how many.
    """
    people, rng = population(frame), np.random.default_rng(SEED)
    rule = Rule(level, smallest)
    smallest_adjusted, found, naive = [], 0, []
    for _ in progress(range(copies), "shuffled copies"):
        result = search(shuffled(people, rng), rule, consequences=False)
        found += any(row.state == "finding" for row in result.rows)
        naive.append(sum(row.p < NAIVE for row in result.rows))
        smallest_adjusted.append(min((row.adjusted for row in result.rows), default=1.0))
    return FalseFindings(
        copies=copies,
        with_findings=found,
        corrected_only=sum(p <= level for p in smallest_adjusted),
        naive=sum(count > 0 for count in naive),
        naive_per_copy=float(np.mean(naive)) if naive else 0.0,
        comparisons=len(search(people, rule, consequences=False).rows),
        smallest_adjusted=smallest_adjusted,
    )
