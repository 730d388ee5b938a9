"""What stands in the workspace, as values: the request and the model that a run is made of."""

from __future__ import annotations

from typing import Any, NamedTuple

from playground.core.errors import InvalidInput
from playground.core.types import DeviceName, ModelChoice, Passage, PrecisionName, RerankRequest, Truncation
from playground.core.windows import TOP_K, By, Windows
from playground.inputs.keyed_items import Note
from playground.inputs.pasted_text import Parsed, as_text, parse_passages, remember
from playground.models.named import parse_choice, refuse_folder
from playground.remote.address import is_remote, kind_of
from playground.remote.connect import NO_KEYS, Keys
from playground.ui import texts
from playground.ui.services import Services
from playground.ui.texts import Phrase

# What becomes of passages that are too long.
CUT = "cut"
IN_WINDOWS = "windows"
USUAL_OVERLAP = "usual"


class Asked(NamedTuple):
    """What stands in the workspace."""

    query: str
    text: str
    split: str
    model: str
    device: DeviceName
    precision: PrecisionName
    max_length: float | None
    truncation: Truncation
    batch_tokens: float | None
    instruction: str
    known: tuple[Passage, ...]
    reading: str = CUT
    window_tokens: float | None = None
    window_overlap: str = USUAL_OVERLAP
    window_by: By = "max"
    window_top_k: float | None = None
    key: str = ""

    @property
    def keys(self) -> Keys:
        """The key that was typed, for servers of this model's kind. It stays out of all that is kept."""
        key, model = (self.key or "").strip(), self.model or ""
        return {kind_of(model): key} if key and is_remote(model) else NO_KEYS

    def parsed(self) -> Parsed:
        """The passages, with ids and labels where the text is still that of a file or an example.

        Raises:
            InvalidInput: the text cannot be split in the way chosen.
        """
        return remember(parse_passages(self.text or "", self.split), self.known or ())

    def read(self) -> tuple[str, Parsed]:
        """The query, which the text may bring where its own box is empty, and what `parsed` finds.

        Raises:
            InvalidInput: as `parsed`.
        """
        parsed = self.parsed()
        return self.query if (self.query or "").strip() else parsed.query or "", parsed

    def choice(self, services: Services) -> ModelChoice:
        """The model and its settings.

        Raises:
            PlaygroundError: no such way to name a model, a number that makes no sense, or a folder on a public page.
        """
        model_id, revision = parse_choice(self.model or "")
        refuse_folder(model_id, services.settings.folders)
        return ModelChoice(
            model_id,
            revision,
            device=self.device,
            precision=self.precision,
            max_length=_count("Maximum length", self.max_length),
            truncation=self.truncation,
            batch_tokens=_count("Tokens per batch", self.batch_tokens),
            windows=self.windows() if self.reading == IN_WINDOWS else None,
        )

    def windows(self) -> Windows:
        """What stands in the boxes of windows.

        Raises:
            InvalidInput: numbers that make no windows.
        """
        top_k = self.window_top_k
        return Windows(
            n_tokens=_count("Tokens per window", self.window_tokens),
            n_overlap=_overlap(str(self.window_overlap or USUAL_OVERLAP).strip()),
            by=self.window_by,
            top_k=TOP_K if top_k is None else int(top_k),
        )


class Restored(NamedTuple):
    """The workspace as it was when a run was made, in the order of `Widgets.restored`."""

    query: str
    passages: str
    split: str
    model: Any
    device: str
    precision: str
    max_length: int | None
    truncation: str
    batch_tokens: int | None
    instruction: str
    known: tuple[Passage, ...]
    reading: str
    window_tokens: int | None
    window_overlap: str
    window_by: str
    window_top_k: int


def restored(request: RerankRequest, choice: ModelChoice) -> Restored:
    """The workspace that gives this run again."""
    windows = choice.windows or Windows()
    name = f"{choice.model_id}@{choice.revision}" if choice.revision else choice.model_id
    return Restored(
        query=request.query,
        passages=as_text(request.passages, marks=False),
        split="auto",
        model=name,
        device=choice.device,
        precision=choice.precision,
        max_length=choice.max_length,
        truncation=choice.truncation,
        batch_tokens=choice.batch_tokens,
        instruction=request.instruction or "",
        known=request.passages,
        reading=CUT if choice.windows is None else IN_WINDOWS,
        window_tokens=windows.n_tokens,
        window_overlap=USUAL_OVERLAP if windows.n_overlap is None else str(windows.n_overlap),
        window_by=windows.by,
        window_top_k=windows.top_k,
    )


def note_phrase(note: str) -> Phrase:
    """A warning of the input room, in both languages."""
    if isinstance(note, Note):
        return {"template": note.template, "values": dict(note.values), "tone": "warn"}
    return texts.both(note)


def _overlap(text: str) -> int | None:
    if text == USUAL_OVERLAP:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput("The overlap of windows is a number of tokens, not {text!r}.", text=text[:40]) from error


def _count(name: str, value: float | None) -> int | None:
    """A number of tokens from a number box; None where it is empty or zero.

    Raises:
        InvalidInput: below zero.
    """
    if not value:
        return None
    if value < 0:
        raise InvalidInput("{name} cannot be below zero. Leave it empty for the model's own.", name=name)
    return int(value)
