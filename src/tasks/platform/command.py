"""The command line of a case, made from the signature and the docstring of its flow.

The same function gives the form in the Prefect UI: names, types, bounds and defaults from the signature, descriptions
from the `Args:` of the docstring. There is nothing to keep in step.
"""

import argparse
import inspect
import shlex
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from tasks.platform.errors import UsageError
from tasks.platform.questions import can_be_asked
from tasks.platform.text import encodable


def _bare(annotation: Any) -> Any:
    """Strip `Annotated` and `| None` from an annotation."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [item for item in get_args(annotation) if item is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else str
    return annotation


def _bounds(annotation: Any) -> str:
    """Describe the bounds of an annotation, such as "1 to 100"."""
    limits: dict[str, Any] = {}
    for mark in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        for item in getattr(mark, "metadata", [mark]):
            limits |= {name: getattr(item, name) for name in ("ge", "gt", "le", "lt") if hasattr(item, name)}
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if low is None and high is None:
        return ""
    return (
        f"{low} to {high}" if low is not None and high is not None else f"from {low}" if high is None else f"to {high}"
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _add(parser: argparse.ArgumentParser, parameter: inspect.Parameter, annotation: Any, text: str) -> None:
    """Add the option of one parameter."""
    bare, default = _bare(annotation), parameter.default
    notes = [
        note for note in (_bounds(annotation), "" if default in ("", None, [], ()) else f"default: {default}") if note
    ]
    text = (text + (f" ({'; '.join(notes)})" if notes else "")).replace("%", "%%")
    options: dict[str, Any] = {"dest": parameter.name, "default": argparse.SUPPRESS, "help": text}
    if default is inspect.Parameter.empty:
        options["required"] = True
    if bare is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif get_origin(bare) is list:
        options |= {"action": "extend", "nargs": "+", "metavar": parameter.name.upper()}
    elif get_origin(bare) is Literal:
        options |= {"metavar": "{" + ",".join(map(str, get_args(bare))) + "}"}
    else:
        options["metavar"] = {int: "N", float: "X"}.get(bare, parameter.name.upper())
    parser.add_argument(_flag(parameter.name), **options)


def build_parser(fn: Callable[..., Any]) -> argparse.ArgumentParser:
    """Build the parser of a flow function."""
    from docstring_parser import parse

    doc = parse(inspect.getdoc(fn) or "")
    body = "\n\n".join(part for part in (doc.short_description, doc.long_description) if part)
    asking = "\n`--predict FILE` asks the model of earlier runs; `--predict --help` says how."
    parser = argparse.ArgumentParser(
        description=body,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=110),
        epilog=textwrap.dedent("""\
            The last line on standard output is the path of the report.
            Exit status: 0 done, 1 a contract or a gate failed, 2 a wrong argument.
            Settings are environment variables CASEBOOK_*; `python -m tasks.platform.doctor` shows them.""")
        + asking * can_be_asked(fn.__name__),
        allow_abbrev=False,
    )
    add_options(parser, fn, inspect.signature(fn).parameters.values())
    return parser


def add_options(
    parser: argparse.ArgumentParser, fn: Callable[..., Any], parameters: Iterable[inspect.Parameter]
) -> None:
    """Add the options of some parameters of `fn`, each with what its docstring says."""
    from docstring_parser import parse

    doc = parse(inspect.getdoc(fn) or "")
    described = {item.arg_name: " ".join((item.description or "").split()) for item in doc.params}
    hints = typing.get_type_hints(fn, include_extras=True)
    for parameter in parameters:
        _add(parser, parameter, hints[parameter.name], described.get(parameter.name, ""))


def check(fn: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Check and convert arguments by the annotations of `fn`.

    Raises:
        UsageError: a value that its parameter does not take; the message names the parameter, the value and the rule.
    """
    hints = typing.get_type_hints(fn, include_extras=True)
    checked: dict[str, Any] = {}
    for name, value in arguments.items():
        _check_text(name, value)
        try:
            checked[name] = TypeAdapter(hints[name]).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise UsageError(f"{_flag(name)} {value}: {reason[0].lower()}{reason[1:]}.") from None
    return checked


def _check_text(name: str, value: Any) -> None:
    """Check that a value given as text is text: a name of a file may be any bytes, which no record can hold.

    Raises:
        UsageError: it is not.
    """
    for word in value if isinstance(value, list) else [value]:
        if isinstance(word, str) and encodable(word) != word:
            raise UsageError(
                f"{_flag(name)} {encodable(word)}: the name is no text in UTF-8; rename it, or give a link with a plain"
                " name that leads to it."
            )


def parse_arguments(fn: Callable[..., Any], argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Parse a command line into the arguments of `fn`; those not given keep the defaults of the signature.

    Raises:
        SystemExit: with status 0 after --help and 2 after an option that does not exist.
        UsageError: a value that its parameter does not take.
    """
    return check(fn, vars(build_parser(fn).parse_args(argv)))


def command_line(fn: Callable[..., Any], name: str, arguments: dict[str, Any]) -> str:
    """Return the command that repeats a run with these arguments."""
    words = ["python", f"flows/{name}.py"]
    for key, parameter in inspect.signature(fn).parameters.items():
        value = arguments.get(key, parameter.default)
        if value == parameter.default:
            continue
        if isinstance(value, bool):
            words.append(_flag(key) if value else "--no-" + _flag(key)[2:])
        elif isinstance(value, list | tuple):
            words += [_flag(key), *map(str, value)]
        else:
            words += [_flag(key), str(value)]
    return shlex.join(words)
