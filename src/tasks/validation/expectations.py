"""Which rows break a rule? Rules become Great Expectations' expectations, and its answers come back row by row."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Number
from reprlib import Repr
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.text import shorten
from tasks.validation.rules import Rule

_engine = threading.Lock()  # Great Expectations keeps its context in a global
_short = Repr()
_short.maxstring = _short.maxother = 150


class Outcome(NamedTuple):
    """What came of one rule: whether it holds, and for which rows it does not."""

    passed: bool
    checked: int
    rows: np.ndarray  # positions of the rows that break the rule; empty when the rule is about the table
    detail: str = ""
    raised: bool = False


@contextmanager
def great_expectations() -> Iterator[Any]:
    """Yield the library, silenced: no usage statistics, no notices of its own. One thread at a time."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with _engine, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
        yield gx


def expectation(gx: Any, rule: Rule, number: int = 0) -> Any:
    """Build the expectation of a rule; `number` finds its result again."""
    made = getattr(gx.expectations, rule.expectation, None)
    if made is None:
        raise ValueError(f"the rule {rule.rule!r} names {rule.expectation}, which Great Expectations does not know")
    return made(**rule.arguments, notes=rule.rule, meta={"number": number})


def quiet(context: Any) -> Any:
    """Switch off a context's progress bars."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


def _in_memory() -> Any:
    """Return the settings of a context that writes nothing; by default it names a temporary folder for its pages."""
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    return DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False))


def _validate(frame: pd.DataFrame, rules: Sequence[Rule]) -> list[Any]:
    """Return Great Expectations' result of each rule, in the order of the rules; rows are numbered by position."""
    with great_expectations() as gx:
        context = quiet(gx.get_context(mode="ephemeral", project_config=_in_memory()))
        asset = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(
            {"dataframe": frame.reset_index(drop=True)}
        )
        wanted = [expectation(gx, rule, number) for number, rule in enumerate(rules)]
        suite = gx.ExpectationSuite(name="contract", expectations=wanted)
        found = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    return sorted(found.results, key=lambda result: result.expectation_config.meta["number"])


def _raised(result: Any) -> str:
    """Return the message of the exception inside a result; "" when there was none."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry.get("raised_exception")), "")


def _missing(frame: pd.DataFrame, rule: Rule) -> np.ndarray:
    """Return the positions of the rows where a column of the rule has no value."""
    if rule.missing_ok or rule.expectation == "ExpectColumnValuesToBeNull":
        return np.empty(0, np.int64)
    return np.flatnonzero(frame[rule.columns].isna().any(axis=1).to_numpy())


def _columns_there(frame: pd.DataFrame, rule: Rule) -> str:
    absent = [name for name in rule.columns if name not in frame.columns]
    if not absent:
        return ""
    there = shorten(", ".join(frame.columns), 300) or "none"
    return f"column {', '.join(map(repr, absent))} is missing; there are {there}"


def _outcome(frame: pd.DataFrame, rule: Rule, result: Any) -> Outcome:
    """Read one result of Great Expectations."""
    absent = _columns_there(frame, rule)
    error = _raised(result)
    if error:
        mixed = None if absent else _numbers_only(frame, rule)
        detail = absent or f"it cannot be checked: {shorten(error, 200)}"
        return mixed or Outcome(False, 0, np.empty(0, np.int64), detail, raised=True)
    content = result.result
    if not rule.row_wise:
        observed = content.get("observed_value")
        seen = "the table as a whole breaks it" if observed is None else f"found {shorten(shown(observed), 200)}"
        return Outcome(bool(result.success), 1, np.empty(0, np.int64), absent or ("" if result.success else seen))
    missing = _missing(frame, rule)
    rows = np.union1d(np.asarray(content.get("unexpected_index_list") or [], np.int64), missing)
    checked = len(frame) - (int(content.get("missing_count") or 0) if rule.missing_ok else 0)
    allowed = (1 - float(rule.arguments.get("mostly", 1))) * checked
    return Outcome(len(rows) <= allowed + 1e-9, checked, rows)


def _numbers_only(frame: pd.DataFrame, rule: Rule) -> Outcome | None:
    """Check a rule about numbers in a column that holds other things too: those break it, the numbers are compared."""
    column = rule.arguments.get("column")
    bounds = [rule.arguments.get(name) for name in ("min_value", "max_value")]
    numeric = all(bound is None or isinstance(bound, Number) for bound in bounds)
    if not (rule.expectation == "ExpectColumnValuesToBeBetween" and numeric and frame[column].dtype == object):
        return None
    values = frame[column]
    number = values.map(lambda value: isinstance(value, Number)).to_numpy(bool)
    odd = np.flatnonzero(~number & values.notna().to_numpy())
    places = np.setdiff1d(np.arange(len(frame)), odd)
    if not len(odd):
        return None
    part = pd.DataFrame({column: pd.to_numeric(values.iloc[places])})
    inner = _outcome(part, rule, _validate(part, [rule])[0])
    rows = np.union1d(odd, places[inner.rows])
    checked = inner.checked + len(odd)
    return Outcome(len(rows) <= (1 - float(rule.arguments.get("mostly", 1))) * checked, checked, rows)


def outcomes(frame: pd.DataFrame, rules: Sequence[Rule]) -> list[Outcome]:
    """Hold a table against rules; return what came of each, in their order.

    Raises:
        ValueError: a rule names an expectation that is unknown, or arguments that it does not take.
    """
    if not rules:
        return []
    return [_outcome(frame, rule, result) for rule, result in zip(rules, _validate(frame, rules), strict=True)]


def shown(value: Any) -> str:
    """Return a value of a table as short text; one that is missing is "(empty)"."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "(empty)"
    return _short.repr(value.item() if isinstance(value, np.generic) else value)
