"""What the commands of a terminal share: the options that name a model, and how each of them ends.

Imports neither torch nor gradio: `--help` and a wrong option answer at once.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Final, cast, get_type_hints

import typer

from playground import start
from playground.cli import WrongValueError, settings_of
from playground.core.errors import PlaygroundError
from playground.core.types import Kind, ModelChoice
from playground.core.windows import By, Windows
from playground.models.catalog import BUILT_IN_RERANKER
from playground.models.named import parse_choice
from playground.settings import Settings

FAILED, WRONG_USAGE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141

Device = Annotated[str | None, typer.Option(metavar="NAME", help="auto, cuda, mps or cpu.", show_default="auto")]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="auto, fp32, fp16, bf16 or int8.", show_default="auto")
]
MaxLength = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Tokens of query and passage together.", show_default="the model's"),
]
Instruction = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help='What goes before the query; "" for nothing.', show_default="the model's own, if any"
    ),
]
InWindows = Annotated[
    str | None,
    typer.Option(
        "--windows",
        metavar="N|auto",
        help="Read passages that are too long in windows of N tokens; auto: as long as fits.",
        show_default="they are cut",
    ),
]
Overlap = Annotated[
    int | None, typer.Option(metavar="N", help="Tokens that two windows share.", show_default="an eighth")
]
WindowsBy = Annotated[
    str | None,
    typer.Option(
        metavar="HOW", help="What of its windows' scores is a passage's: max, mean or first.", show_default="max"
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never reach for the network.")]

# typer has its own copy of click, and names only this child of the class.
_UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that say how a model runs, as they were given."""

    device: Device = None
    precision: Precision = None
    max_length: MaxLength = None
    instruction: Instruction = None
    windows: InWindows = None
    overlap: Overlap = None
    windows_by: WindowsBy = None
    offline: Offline = False

    def settings(self, **more: object) -> Settings:
        """These options and the variables, as `launch.py` reads them; the environment is prepared by them.

        Raises:
            WrongValueError: one of them cannot be used.
        """
        given: dict[str, Any] = {"device": self.device, "precision": self.precision, **more}
        given |= {"offline": True} if self.offline else {}
        settings = settings_of({name: value for name, value in given.items() if value is not None})
        start.prepare_environment(settings)
        start.start_log()
        return settings

    def named(self, model: str | None, settings: Settings) -> str:
        """The reranker that was named, or else the first model of the variable, or the built-in one."""
        return next(iter(settings.models), BUILT_IN_RERANKER) if model is None else model

    def choice(self, model: str, kind: Kind, settings: Settings) -> ModelChoice:
        """This model, run so.

        Raises:
            InvalidInput: no model, or windows that cannot be.
        """
        model_id, revision = parse_choice(model)
        return ModelChoice(
            model_id,
            revision,
            kind,
            settings.device,
            settings.precision,
            self.max_length,
            windows=self._windows(),
        )

    def _windows(self) -> Windows | None:
        if self.windows is None:
            for flag, value in (("--overlap", self.overlap), ("--windows-by", self.windows_by)):
                if value is not None:
                    raise WrongValueError(f"{flag} is of windows: give --windows too.")
            return None
        if self.windows != "auto" and not self.windows.isdecimal():
            raise WrongValueError(f"--windows {self.windows}: give a number of tokens, or auto.")
        n_tokens = None if self.windows == "auto" else int(self.windows)
        return Windows(n_tokens, self.overlap, cast(By, self.windows_by or "max"))


def with_options(*left_out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What makes of a command's parameter `asked` an option for each field of `Asked`, but for these."""

    def made(command: Callable[..., None]) -> Callable[..., None]:
        fields = {
            name: hint for name, hint in get_type_hints(Asked, include_extras=True).items() if name not in left_out
        }
        own = inspect.signature(command, eval_str=True).parameters
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(_NOTHING, name), annotation=hint)
            for name, hint in fields.items()
        ]

        @wraps(command)
        def run(**given: Any) -> None:
            command(asked=Asked(**{name: given.pop(name) for name in fields}), **given)

        parameters = [*(each for name, each in own.items() if name != "asked"), *options]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return made


_NOTHING: Final = Asked()


def run(app: typer.Typer, name: str, argv: Sequence[str] | None = None) -> int:
    """The exit status of a command: 0; 1 and a sentence on stderr where something cannot be done; 2 where it was asked
    for wrongly; 130 after Ctrl+C."""
    try:
        # Without the end that typer makes of it: there Ctrl+C says nothing, and a closed pipe is a failure.
        command = typer.main.get_command(app)
        with command.make_context(name, list(sys.argv[1:] if argv is None else argv)) as context:
            command.invoke(context)
        sys.stdout.flush()
        return 0
    except typer.Exit as ended:
        return ended.exit_code
    except (PlaygroundError, start.StartError) as error:
        return _said(name, str(error), FAILED)
    except WrongValueError as error:
        return _said(name, str(error), WRONG_USAGE)
    except _UsageError as error:
        usage = cast(Any, error)
        asked = name if usage.ctx is None else usage.ctx.command_path
        said = usage.format_message().rstrip(".")
        return _said(name, f"{said}. `{asked} --help` lists the options.", WRONG_USAGE)
    except KeyboardInterrupt:
        return _said(name, "Stopped.", INTERRUPTED)
    except BrokenPipeError:
        # What reads our output has seen enough. The interpreter would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def note(sentence: str) -> None:
    """A sentence for the person at the terminal, beside what goes into a file or a pipe."""
    print(f"note: {plain(sentence)}", file=sys.stderr)


def plain(text: str) -> str:
    """The text in one line, without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))


def _said(name: str, sentence: str, status: int) -> int:
    print(f"{name}: {plain(sentence)}", file=sys.stderr)
    return status
