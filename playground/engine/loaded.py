"""What is in memory: weights, the ways in which they are read, and loads under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar, cast

from playground.core.errors import PlaygroundError
from playground.core.protocols import Embedder, Scorer
from playground.core.scales import COSINE, Scale
from playground.core.types import Check, ModelChoice, ModelSpec, Phase
from playground.engine.turns import Turns
from playground.models.named import split

OnProgress = Callable[[Phase, int, int], None]
Model = Scorer | Embedder
M = TypeVar("M", covariant=True)


class Load(Protocol[M]):
    """How a choice becomes a loaded model: `playground.models.loading`.

    Where the weights are in memory already, read in another way, it is given `weights_of=`, that model.
    """

    def __call__(self, choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> M: ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One line of the Models view.

    Attributes:
        spec, scale, checks: as the model was read last.
        others: how else it has been read, last used first.
        last_used: seconds since the epoch.
    """

    spec: ModelSpec
    scale: Scale
    checks: tuple[Check, ...]
    memory_mib: float
    in_use: bool
    last_used: float
    others: tuple[ModelSpec, ...] = ()


@dataclass(eq=False)
class Entry:
    """Weights in memory. The counters belong to the pool's lock.

    Attributes:
        model: them as they were read first.
        turns: of their device; a forward pass takes one.
    """

    model: Model
    worker_key: str
    turns: Turns
    n_users: int = 0
    unload_asked: bool = False
    last_used: float = field(default_factory=time.time)
    # monotonic order of use: the clock may stand still between two uses
    turn: int = 0


@dataclass(eq=False)
class View:
    """One way to read loaded weights, and what its check at load found."""

    entry: Entry
    spec: ModelSpec
    scale: Scale
    checks: tuple[Check, ...]
    turn: int = 0


@dataclass(eq=False)
class Loading:
    """One load under way, or over. Everyone who waits for it gets the model or the same error.

    Attributes:
        behind: another load of the same weights, which this one waits for.
        kept: goes on when nobody waits for it any more.
    """

    choice: ModelChoice
    behind: Loading | None = None
    kept: bool = False
    progress: tuple[Phase, int, int] = ("resolve", 0, 0)
    over: threading.Event = field(default_factory=threading.Event)
    n_waiting: int = 0
    view: View | None = None
    error: BaseException | None = None


def as_read(choice: ModelChoice) -> ModelChoice:
    """The part of a choice that decides the scores of the ids that are fed; the rest decides which ids."""
    return replace(choice, max_length=None, truncation="only_second", batch_tokens=None, windows=None)


def weights_of(choice: ModelChoice) -> ModelChoice:
    """The part of a choice that decides which weights are loaded, and how; the rest costs no load."""
    return replace(as_read(choice), model_id=split(choice.model_id).weights)


def line_of(views: Sequence[View]) -> LoadedModel:
    """Of all ways in which one entry has been read."""
    views = sorted(views, key=lambda view: -view.turn)
    # Two choices may come to one: `auto` and the device it settles on.
    fingerprints = [view.spec.fingerprint for view in views]
    last, *others = (view for place, view in enumerate(views) if view.spec.fingerprint not in fingerprints[:place])
    return LoadedModel(
        spec=last.spec,
        scale=last.scale,
        checks=last.checks,
        memory_mib=last.entry.model.memory_mib,
        in_use=last.entry.n_users > 0,
        last_used=last.entry.last_used,
        others=tuple(view.spec for view in others),
    )


def limited(model: Model, choice: ModelChoice) -> Model:
    """The model with the length limit of this choice."""
    same_length = choice.max_length in (None, model.spec.max_length)
    return model if same_length and choice.truncation == model.spec.truncation else model.view(choice)


def scale_of(model: Model) -> Scale:
    return COSINE if model.spec.kind == "embedder" else cast(Scorer, model).scale


def is_twin(one: Model, other: Model, choice: ModelChoice) -> bool:
    """Whether two models have the same weights, whatever was asked for: `auto` and the device it settles on are two
    choices of one model.

    Args:
        choice: as `other` is read.
    """
    if split(one.spec.model_id).weights != split(other.spec.model_id).weights:
        return False
    with suppress(PlaygroundError):
        return replace(one.view(choice).spec, replaced=()) == replace(other.spec, replaced=())
    return False
