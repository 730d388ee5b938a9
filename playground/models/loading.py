"""From what the user asked for to a model that has passed its check."""

from __future__ import annotations

import threading
from functools import partial
from importlib import import_module
from typing import Any, cast

from playground.core.protocols import Embedder, Scorer
from playground.core.types import ModelChoice, PrecisionName
from playground.models import BACKENDS, FAMILIES, auto, backends, checks, hub, memory, room
from playground.models.devices import settle
from playground.models.named import split
from playground.models.resolve import OnProgress, resolve

# transformers puts another module in its own place while it is imported: a second thread that imports it meanwhile
# keeps the first one, which has no classes, for the life of the process.
_importing = threading.Lock()


def load_scorer(
    choice: ModelChoice,
    *,
    offline: bool = False,
    on_progress: OnProgress | None = None,
    run_checks: bool = True,
    weights_of: Any = None,
    free: room.Free = memory.free_mib,
) -> Scorer:
    """A reranker ready to score.

    Args:
        weights_of: a loaded model of the same checkpoint: nothing is loaded, its weights are read as chosen now.
        on_progress: told the phase, and in phase "download" the bytes done and in total. What it raises ends the load.
        run_checks: False leaves out the canary, for a checkpoint of random weights.
        free: memory of a device that the model may take, in MiB. What is too large is refused before it is downloaded.

    Raises:
        ModelError: any of its kinds; see `resolve`, `settle`, the family's `load` and `checks.check_scorer`.
        InvalidInput: a maximum length that the model does not allow.
    """
    check = checks.check_scorer if run_checks else None
    return cast(Scorer, _checked(choice, offline, on_progress, free, weights_of, check))


def load_embedder(
    choice: ModelChoice,
    *,
    offline: bool = False,
    on_progress: OnProgress | None = None,
    run_checks: bool = True,
    weights_of: Any = None,
    free: room.Free = memory.free_mib,
) -> Embedder:
    """An embedder ready to make vectors. Arguments and errors as `load_scorer`."""
    check = checks.check_embedder if run_checks else None
    return cast(Embedder, _checked(choice, offline, on_progress, free, weights_of, check))


def _checked(
    choice: ModelChoice, offline: bool, on_progress: OnProgress | None, free: room.Free, weights_of: Any, check: Any
) -> Any:
    """Args: check: the canary of its kind; None leaves it out."""
    model = weights_of.view(choice) if weights_of is not None else _load(choice, offline, on_progress, free, check)
    if check is not None:
        _tell(on_progress, "check")
        # What decided the precision is a matter of the weights, however they are read.
        why = tuple(found for found in model.checks if found.name == auto.NAME)
        model.checks = check(model, model.resolved.entry) + why
    return model


def _load(choice: ModelChoice, offline: bool, on_progress: OnProgress | None, free: room.Free, check: Any) -> Any:
    backend = split(choice.model_id).backend
    if backend:
        backends.require_installed()
    device, precision, replaced = (backends.settle if backend else settle)(choice.device, choice.precision)

    def fits(n_parameters: int, n_bytes: int = 0) -> None:
        # int8 is made of fp32.
        loaded: PrecisionName = "fp32" if backend or precision == "int8" else precision
        room.require_memory(choice.model_id, choice.kind, n_parameters, device, loaded, free)
        room.require_disk(choice.model_id, choice.kind, n_bytes, hub.cache_folder())

    resolved = resolve(choice, offline=offline, on_progress=on_progress, before_download=fits)
    fits(resolved.n_parameters)
    _tell(on_progress, "load")
    if backend:
        return _imported(BACKENDS[backend]).load(
            resolved, choice, device, precision, replaced, on_progress=on_progress, free=free
        )
    make = partial(family(resolved.family).load, resolved, choice, device, replaced=replaced)
    exact = room.Room(device, "fp32", free(device))
    if choice.precision != "auto" or device != "cpu" or exact.fit(resolved.n_parameters) == "no":
        return make(precision)
    tell = partial(_tell, on_progress)
    model, why = auto.chosen(resolved, precision, make, tell, keeps=None if check is not None else True)
    model.checks = (why,)
    return model


def family(name: str) -> Any:
    """The class of a model family. Safe from any thread."""
    return _imported(FAMILIES[name])


def _imported(path: str) -> Any:
    module, _, attribute = path.partition(":")
    with _importing:
        return getattr(import_module(module), attribute)


def _tell(on_progress: OnProgress | None, phase: Any) -> None:
    if on_progress:
        on_progress(phase, 0, 0)
