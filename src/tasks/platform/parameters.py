"""The parameters that cases share: types with bounds and words, and those that belong to the run and not to the case.

A parameter's words come from the docstring of the case, else from its shared type; `completed` adds to a case what
every run takes (`data_docs`, `output`), so that form, `--help` and checks have them from one place.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

from docstring_parser import parse as parse_docstring
from pydantic import Field
from pydantic.fields import FieldInfo

Quarantined = Annotated[
    float,
    Field(ge=0, le=1, description="stop when a larger share of the rows cannot be read or breaks the contract"),
]
Columns = Annotated[
    str,
    Field(
        max_length=4_000,
        description="what the columns are called in your own table, as OURS=THEIRS parted by commas, where they have"
        " other names; a table may be CSV of any mark and encoding, .xlsx or .parquet",
    ),
]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1, description="of everything that is random")]

OF_THE_RUN: dict[str, tuple[Any, Any]] = {
    "data_docs": (
        Annotated[bool, Field(description="write the Data Docs of Great Expectations beside the report")],
        False,
    ),
    "output": (
        Annotated[str, Field(description="folder of the reports; the setting CASEBOOK_OUTPUT by default")],
        "",
    ),
}


def completed(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return `fn` with the parameters that every run takes, which it does not get itself, and with words for all."""
    signature = inspect.signature(fn)
    missing = {name: given for name, given in OF_THE_RUN.items() if name not in signature.parameters}
    extra = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
        for name, (annotation, default) in missing.items()
    ]

    @functools.wraps(fn)
    def body(*args: Any, **kwargs: Any) -> Any:
        arguments = whole.bind(*args, **kwargs).arguments
        return fn(**{name: value for name, value in arguments.items() if name not in missing})

    whole = signature.replace(parameters=[*signature.parameters.values(), *extra])
    body.__signature__ = whole  # type: ignore[attr-defined]
    body.__annotations__ = fn.__annotations__ | {name: annotation for name, (annotation, _) in missing.items()}
    body.__doc__ = _documented(body)
    return body


def _documented(fn: Callable[..., Any]) -> str:
    """Return the docstring with a line for each parameter that only its type describes."""
    text = inspect.getdoc(fn) or ""
    known = {item.arg_name for item in parse_docstring(text).params}
    hints = typing.get_type_hints(fn, include_extras=True)
    lines = [
        f"    {name}: {words}"
        for name in inspect.signature(fn).parameters
        if name not in known and (words := _words(hints.get(name)))
    ]
    if not lines:
        return text
    return "\n".join([text, *(() if known else ("", "Args:")), *lines])


def _words(annotation: Any) -> str:
    marks = getattr(annotation, "__metadata__", ())
    return next((mark.description for mark in marks if isinstance(mark, FieldInfo) and mark.description), "")
