"""Flags, generated from `Settings`, so that `--help`, the variables and the README's table cannot disagree.

Imports neither torch nor gradio: `--help` and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

import playground
from playground.settings import ENV_PREFIX, Settings


class WrongValueError(Exception):
    """What is wrong with a flag or a variable, in a sentence for the terminal."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of `launch.py`, as its user meets it.

    Attributes:
        field: name in `Settings`.
        choices: the words it takes; empty where it takes anything.
        default: in words.
    """

    field: str
    name: str
    variable: str
    choices: tuple[str, ...]
    metavar: str
    default: str
    description: str
    boolean: bool
    repeatable: bool


def flags() -> Iterator[Flag]:
    """Every flag, in the order of `Settings`."""
    for field, info in Settings.model_fields.items():
        yield _flag(field, info)


def _flag(field: str, info: FieldInfo) -> Flag:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    name = str(extra.get("flag", field))
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    boolean = info.annotation is bool
    return Flag(
        field=field,
        name="--" + name.replace("_", "-"),
        variable=ENV_PREFIX + name.upper(),
        choices=choices,
        metavar=str(extra.get("metavar", "|".join(choices))),
        default=str(extra.get("shown_default", "off" if boolean else info.default)),
        description=info.description or "",
        boolean=boolean,
        repeatable=get_origin(info.annotation) is tuple,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f"{message[:1].upper()}{message[1:]}. `python launch.py --help` lists the flags.")


def fail(sentence: str) -> NoReturn:
    """Ends the program with one sentence on stderr and the exit status of wrong usage."""
    sys.stderr.write(f"launch.py: {sentence}\n")
    raise SystemExit(2)


def _opposite(name: str) -> str:
    return "--" + name.removeprefix("--no-") if name.startswith("--no-") else "--no-" + name.removeprefix("--")


def build_parser() -> argparse.ArgumentParser:
    """The parser. What was not given is absent from its answer, so that variables and defaults can fill it."""
    parser = _Parser(
        prog="launch.py",
        description=(playground.__doc__ or "").split("\n")[0],
        epilog="A flag wins over its variable. An on/off flag has an opposite, such as --no-share or --browser.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"rerank-playground {playground.__version__}")
    for flag in flags():
        text = f"{flag.description} [{flag.variable}; default: {flag.default}]".replace("`", "").replace("%", "%%")
        if flag.boolean:
            parser.add_argument(flag.name, dest=flag.field, action="store_true", default=argparse.SUPPRESS, help=text)
            parser.add_argument(
                _opposite(flag.name),
                dest=flag.field,
                action="store_false",
                default=argparse.SUPPRESS,
                help=argparse.SUPPRESS,
            )
        else:
            parser.add_argument(
                flag.name,
                dest=flag.field,
                action="append" if flag.repeatable else "store",
                metavar=flag.metavar,
                default=argparse.SUPPRESS,
                help=text,
            )
    return parser


def read_settings(argv: Sequence[str] | None = None) -> Settings:
    """The settings of this start, from flags, variables and defaults.

    Raises:
        SystemExit: a value cannot be used (2, after one sentence on stderr), or `--help` or `--version` answered (0).
    """
    try:
        return settings_of(vars(build_parser().parse_args(argv)))
    except WrongValueError as error:
        fail(str(error))


def settings_of(given: Mapping[str, Any]) -> Settings:
    """The settings of these flags, by field; variables and defaults fill what is not among them.

    Raises:
        WrongValueError: a value cannot be used.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        # A default that goes by other values is not worked out where one of them is wrong.
        found = [detail for detail in error.errors() if detail["type"] != "default_factory_not_called"]
        raise WrongValueError(" ".join(_sentence(detail, given) for detail in found)) from error


def _sentence(detail: ErrorDetails, given: Collection[str]) -> str:
    """What is wrong with one value, under the name by which the user gave it."""
    place = str(detail["loc"][0])
    flag = next(flag for flag in flags() if place in {flag.field, flag.variable})
    name = flag.name if flag.field in given else flag.variable
    if detail["type"] == "value_error":
        return f"{name}: {detail['ctx']['error']}."
    return f"{name} {detail['input']}: choose {_allowed(flag)}."


def _allowed(flag: Flag) -> str:
    if flag.boolean:
        return "true or false"
    if flag.choices:
        return f"one of {', '.join(flag.choices)}"
    if flag.metavar == "N":
        return "a whole number from 0 up"
    return "a whole number from 1 to 65535" if flag.field == "port" else f"another {flag.metavar.lower()}"
