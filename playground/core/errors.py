"""Every error that a user may cause or meet, as one tree.

A message is an English template plus its values, so that the page can show the same sentence in another language:
the translation is looked up by the template (`assets/shared/errors.toml`) and filled with the same values.
"""

from __future__ import annotations


class PlaygroundError(Exception):
    """Something that the user can act on: one sentence that says what happened and what to try.

    Args:
        template: the English sentence, with `{name}` for each value.
        values: what fills the template. Text from a user belongs here, never in the template.
    """

    def __init__(self, template: str, /, **values: object) -> None:
        self.template = template
        self.values = values
        super().__init__(template.format(**values) if values else template)


class InvalidInput(PlaygroundError):
    """A query, passages, a file or a setting that cannot be used."""


class Busy(PlaygroundError):
    """More at once, or within a minute, than one visitor may ask for."""


class SignInNeeded(PlaygroundError):
    """Only who has signed in may do this."""


class ModelError(PlaygroundError):
    """A model that cannot be found, loaded or run."""


class ModelNotFound(ModelError):
    """No such id or folder, or not on this machine while offline."""


class ModelUnsuitable(ModelError):
    """The model exists, but is of another kind than was asked for, or is not safe to load."""


class ModelBroken(ModelError):
    """Weights that are damaged or half there, non-finite output, or a failed check at load."""


class BackendError(ModelError):
    """A server that runs a model did not answer, or not as it should."""


class ModelEnded(ModelError):
    """The process that the models run in ended while one was at work."""


class ModelChanged(ModelError):
    """A model's files are no longer those that it was loaded from."""


class DeviceUnavailable(ModelError):
    """The device or precision asked for does not exist on this machine."""


class OutOfMemory(ModelError):
    """Not even one passage fits in memory."""


class NoRoom(OutOfMemory):
    """A model whose weights are larger than the memory that is free.

    Attributes:
        on: the device, as torch names it.
        missing_mib: what would have to be freed there.
    """

    def __init__(self, template: str, /, *, on: str = "", missing_mib: float = 0.0, **values: object) -> None:
        self.on = on
        self.missing_mib = missing_mib
        super().__init__(template, **values)


class DiskFull(ModelError):
    """A download that is larger than what is free on the disk."""


class HistoryError(PlaygroundError):
    """The database could not be read or written. What is on the screen stays there."""


class CorpusError(PlaygroundError):
    """An index of a corpus that is not there, or could not be read or written. What was made so far is kept."""


class Problems(tuple[PlaygroundError, ...]):
    """Several errors as one value of a sentence. Each keeps its own template, so that the page can translate it."""

    __slots__ = ()

    def __str__(self) -> str:
        return " ".join(map(str, self))
