"""One request through several models, one after another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from playground.core.errors import InvalidInput, ModelBroken, PlaygroundError
from playground.core.limits import Limits
from playground.core.types import CompareProgress, Comparison, ModelChoice, ModelRun, Phase, Progress, RerankRequest
from playground.engine.loaded import LoadedModel

log = logging.getLogger(__name__)


class Rank(Protocol):
    """`Engine.rerank`."""

    def __call__(
        self, request: RerankRequest, choice: ModelChoice, *, stop: threading.Event | None = None
    ) -> Iterator[Progress]: ...


Loaded = Callable[[], tuple[LoadedModel, ...]]


def check(choices: Sequence[ModelChoice], limits: Limits) -> None:
    """Whether these models can stand beside each other.

    Raises:
        InvalidInput: none, too many, or one of them twice with the same settings.
    """
    if not choices:
        raise InvalidInput("Choose at least one model to compare.")
    if len(choices) > limits.models:
        raise InvalidInput(
            "{n} models are more than the limit of {limit}. Leave some out.", n=len(choices), limit=limits.models
        )
    for place, choice in enumerate(choices):
        if choice in choices[:place]:
            raise InvalidInput(
                "{model} stands in the comparison twice with the same settings. Give it another precision or length, "
                "or take it out once.",
                model=choice.model_id,
            )


def steps(
    rank: Rank, loaded: Loaded, request: RerankRequest, choices: Sequence[ModelChoice], stop: threading.Event
) -> Iterator[CompareProgress]:
    """The progress of each model in turn, with everything so far; the last one says `done` or `stopped`."""
    comparison = Comparison(request, tuple(ModelRun(choice) for choice in choices))
    for place, choice in enumerate(choices):
        if stop.is_set():
            break
        try:
            for step in rank(request, choice, stop=stop):
                run = ModelRun(choice, step.result, None, _memory_mib(loaded(), step))
                comparison = _with(comparison, place, run)
                yield CompareProgress(place, step, comparison)
        except PlaygroundError as error:
            comparison = _failed(comparison, place, error)
            yield CompareProgress(place, Progress("stopped", 0, len(request.passages)), comparison)
        except Exception as error:  # the other models' columns are worth more than an early end
            log.exception("%s failed in a comparison", choice.model_id)
            comparison = _failed(comparison, place, broken(choice, error))
            yield CompareProgress(place, Progress("stopped", 0, len(request.passages)), comparison)
    n_over = sum(run.error is not None or (run.result is not None and run.result.complete) for run in comparison.runs)
    phase: Phase = "done" if n_over == len(choices) else "stopped"
    yield CompareProgress(len(choices), Progress(phase, n_over, len(choices)), comparison)


def _with(comparison: Comparison, place: int, run: ModelRun) -> Comparison:
    return replace(comparison, runs=(*comparison.runs[:place], run, *comparison.runs[place + 1 :]))


def _failed(comparison: Comparison, place: int, error: PlaygroundError) -> Comparison:
    # What was scored before the failure stays in the run: it is true, and marked as incomplete.
    return _with(comparison, place, replace(comparison.runs[place], error=error))


def broken(choice: ModelChoice, error: Exception) -> ModelBroken:
    return ModelBroken(
        "{model} failed in an unforeseen way ({reason}). The log has the details; the other models went on.",
        model=choice.model_id,
        reason=f"{type(error).__name__}: {error}"[:200],
    )


def _memory_mib(loaded: Sequence[LoadedModel], step: Progress) -> float | None:
    """Of the weights that gave this result; None where another load has pushed them out since."""
    if step.result is None:
        return None
    wanted = step.result.spec
    for model in loaded:
        for have in (model.spec, *model.others):
            if (have.fingerprint, have.device, have.precision) == (wanted.fingerprint, wanted.device, wanted.precision):
                return model.memory_mib
    return None
