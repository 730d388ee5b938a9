"""The forward pass as ZeroGPU wants it: a module-level function whose arguments and result can be pickled.

`spaces.GPU` runs the function in a forked worker. What it raises arrives there as a bare class name, so our errors
travel as values; and a model that was loaded after the worker was forked is not in it, so the worker loads it itself.
Off a ZeroGPU Space `spaces.GPU` returns the function unchanged, and without the package there is nothing to wrap.

This module imports `spaces`, which must come before torch: the engine imports it first of all.
Source: `spaces` 0.51.3, `zero/wrappers.py` and `zero/decorator.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal, cast

from playground.core.errors import PlaygroundError
from playground.core.protocols import Embedder, Explains, Scorer
from playground.core.types import EncodedPair, ModelChoice, Phase

# Seconds asked of ZeroGPU for one batch; a short lease gets a better place in the queue.
DURATION = 20

# What a forward pass is for: scores or vectors, or what scores are made of.
Task = Literal["scored", "compared"]
Forward = Callable[[str, ModelChoice, bool, Sequence[EncodedPair], Task], Any]

_models: dict[str, Scorer | Embedder] = {}
_numbers = itertools.count(1)


def register(model: Scorer | Embedder) -> str:
    """A key under which `forward` finds the model, also in a worker that is forked later."""
    key = str(next(_numbers))
    _models[key] = model
    return key


def unregister(key: str) -> None:
    _models.pop(key, None)


def forward(key: str, choice: ModelChoice, offline: bool, encoded: Sequence[EncodedPair], task: Task) -> Any:
    """One batch, through `spaces.GPU` where the model lives on a ZeroGPU.

    Returns:
        a list of logits for a choice of kind reranker, (len(encoded), dim) float32 vectors for an embedder; what
        `Explains.compared` returns where that is the task.

    Raises:
        PlaygroundError: what the model raised.
    """
    on_gpu = _models[key].spec.device == "cuda"
    answer = (_forward_on_gpu if on_gpu else _forward)(key, choice, offline, encoded, task)
    if isinstance(answer, PlaygroundError):
        raise answer
    return answer


def load(choice: ModelChoice, *, offline: bool, on_progress: Callable[[Phase, int, int], None] | None) -> Any:
    """The reranker or embedder that is chosen, from the Hub, a folder or the built-ins.

    Raises:
        PlaygroundError: it cannot be found or loaded.
    """
    # At the first load only: torch takes seconds to import, and the page is up before.
    loading = import_module("playground.models.loading")
    make = loading.load_embedder if choice.kind == "embedder" else loading.load_scorer
    return make(choice, offline=offline, on_progress=on_progress)


def _forward(
    key: str, choice: ModelChoice, offline: bool, encoded: Sequence[EncodedPair], task: Task = "scored"
) -> Any:
    try:
        if key not in _models:
            _models[key] = load(choice, offline=offline, on_progress=None)
        if choice.kind == "embedder":
            return cast(Embedder, _models[key]).vectors(encoded)
        if task == "compared":
            return cast(Explains, _models[key]).compared(encoded)
        return cast(Scorer, _models[key]).logits(encoded)
    except PlaygroundError as error:
        return error


def _wrapped(function: Forward) -> Forward:
    try:
        spaces = import_module("spaces")
    except ImportError:
        return function
    return cast(Forward, spaces.GPU(duration=DURATION)(function))


_forward_on_gpu = _wrapped(_forward)
