"""What is a contract made of, and what does its report say? The records, nothing that checks."""

import re
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Bound = float | datetime | None
EXAMPLES = 5  # rows shown for a broken rule
EXAMPLE_LENGTH = 200  # characters
ROW_WISE = re.compile(
    r"Expect(ColumnValues|ColumnValueLengths|ColumnValueZScores|ColumnPairValues|CompoundColumns|Multicolumn|SelectColumn)"
)


class Rule(BaseModel):
    """One promise: a sentence, and the expectation that checks it."""

    model_config = ConfigDict(frozen=True)

    rule: str = Field(min_length=3, description="the promise in plain language")
    expectation: str = Field(pattern="^Expect[A-Za-z]+$", description="class name in great_expectations.expectations")
    arguments: dict[str, Any] = Field({}, description="the arguments of the expectation, such as column, min_value")
    severity: Literal["critical", "warning"] = "critical"
    quarantine: bool = Field(False, description="take the rows that break it out, instead of stopping or warning")
    missing_ok: bool = Field(False, description="a missing value keeps this rule")

    @model_validator(mode="after")
    def _possible(self) -> "Rule":
        if "row_condition" in self.arguments:
            raise ValueError(
                "row_condition is not taken; derive a column that is missing where the rule does not apply"
            )
        if self.quarantine and not self.row_wise:
            raise ValueError(f"{self.expectation} is not about single rows, so it cannot send rows to quarantine")
        return self

    @property
    def row_wise(self) -> bool:
        """Whether the expectation is about single rows, not about the table as a whole."""
        return bool(ROW_WISE.match(self.expectation))

    @property
    def columns(self) -> list[str]:
        """The columns that the rule is about."""
        named = [self.arguments.get(name) for name in ("column", "column_A", "column_B")]
        return [name for name in [*named, *self.arguments.get("column_list", [])] if isinstance(name, str)]


class Contract(BaseModel):
    """What a table promises."""

    model_config = ConfigDict(frozen=True)

    name: str
    rules: list[Rule]
    min_rows: int = Field(1, ge=0, description="fewer rows than this, after quarantine, is a critical break")
    max_quarantined: float = Field(0.1, ge=0, le=1, description="share of rows that quarantine may take")
    key: str | None = Field(None, description="column that tells a reader which row is meant, such as path")
    unit: str = "rows"


class RuleResult(BaseModel):
    """How one rule fared."""

    rule: str
    severity: str = Field(description="critical, warning, or quarantine when the rows that break it are taken out")
    passed: bool
    checked: int = Field(description="rows held against the rule; 1 when it is about the table as a whole")
    broken: int = Field(description="how many of them break it")
    examples: list[str] = Field([], max_length=EXAMPLES, description="rows and values that break it")
    detail: str = ""


class ContractReport(BaseModel):
    """How a table fared against its contract."""

    name: str
    rows: int
    quarantined: int
    passed: bool = Field(description="no critical rule is broken")
    results: list[RuleResult]


def between(rule: str, column: str, low: Bound, high: Bound = None, **more: Any) -> Rule:
    """Return the rule that a column's values lie between `low` and `high`; None for a side without a bound.

    Args:
        rule: the promise in plain language.
        column: the column.
        low: the least value that keeps it.
        high: the largest one.
        more: other fields of the rule, such as `severity`, `quarantine`, `missing_ok`.
    """
    bounds = {name: bound for name, bound in (("min_value", low), ("max_value", high)) if bound is not None}
    return Rule(rule=rule, expectation="ExpectColumnValuesToBeBetween", arguments={"column": column, **bounds}, **more)


def enough_rows(contract: Contract) -> Rule:
    """Return the rule that every contract has: there are rows at all."""
    return Rule(
        rule=f"There are at least {contract.min_rows:,} {contract.unit}.",
        expectation="ExpectTableRowCountToBeBetween",
        arguments={"min_value": contract.min_rows},
    )
