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
from playground.core.protocols import Embedder, Explains, Scorer, ScoresByLayer
from playground.core.types import EncodedPair, ModelChoice, Phase

# Seconds asked of ZeroGPU for one batch; a short lease gets a better place in the queue.
DURATION = 20

# What a forward pass is for: scores or vectors, what scores are made of, or the scores after every layer.
Task = Literal["scored", "compared", "by_layer"]
Forward = Callable[[str, ModelChoice, bool, Sequence[EncodedPair], Task], Any]

# A view is made again within milliseconds: enough for a slider that goes to and fro.
MAX_VIEWS = 64

Model = Scorer | Embedder

_models: dict[str, tuple[ModelChoice, Model]] = {}
_views: dict[tuple[str, ModelChoice], Model] = {}
_numbers = itertools.count(1)


def register(model: Model, choice: ModelChoice) -> str:
    """A key under which `forward` finds the model that came of this choice, also in a worker that is forked later."""
    key = str(next(_numbers))
    _models[key] = choice, model
    return key


def unregister(key: str) -> None:
    _models.pop(key, None)
    for view in [view for view in list(_views) if view[0] == key]:
        _views.pop(view, None)


def view(key: str, choice: ModelChoice) -> Model:
    """The registered model, read as this choice says.

    Raises:
        PlaygroundError: it cannot be read so.
    """
    loaded, model = _models[key]
    if choice == loaded:
        return model
    found = _views.pop((key, choice), None) or model.view(choice)
    _views[key, choice] = found
    # No lock: a worker that is forked while another thread holds it would wait for ever.
    for old in list(_views)[:-MAX_VIEWS]:
        _views.pop(old, None)
    return found


def forward(key: str, choice: ModelChoice, offline: bool, encoded: Sequence[EncodedPair], task: Task = "scored") -> Any:
    """One batch, through `spaces.GPU` where the model lives on a ZeroGPU.

    Args:
        choice: what the model was registered with, or another way to read the same weights.

    Returns:
        (the answer, how many tokens went through the model for it). The answer is
        a list of logits for a choice of kind reranker, (len(encoded), dim) float32 vectors for an embedder; what
        `Explains.compared` or `ScoresByLayer.by_layer` returns where that is the task.

    Raises:
        PlaygroundError: what the model raised.
    """
    on_gpu = _models[key][1].spec.device == "cuda"
    answer = (_forward_on_gpu if on_gpu else _forward)(key, choice, offline, encoded, task)
    if isinstance(answer, PlaygroundError):
        raise answer
    return cast("tuple[Any, int]", answer)


def load(
    choice: ModelChoice, *, offline: bool, on_progress: Callable[[Phase, int, int], None] | None, **options: Any
) -> Any:
    """The reranker or embedder that is chosen, from the Hub, a folder or the built-ins.

    Args:
        options: as `loading.load_scorer` has them.

    Raises:
        PlaygroundError: it cannot be found or loaded.
    """
    # At the first load only: torch takes seconds to import, and the page is up before.
    loading = import_module("playground.models.loading")
    make = loading.load_embedder if choice.kind == "embedder" else loading.load_scorer
    return make(choice, offline=offline, on_progress=on_progress, **options)


def _forward(
    key: str, choice: ModelChoice, offline: bool, encoded: Sequence[EncodedPair], task: Task = "scored"
) -> Any:
    try:
        if key not in _models:
            _models[key] = choice, load(choice, offline=offline, on_progress=None)
        model = view(key, choice)
        answer: Any
        if choice.kind == "embedder":
            answer = cast(Embedder, model).vectors(encoded)
        elif task == "by_layer":
            answer = cast(ScoresByLayer, model).by_layer(encoded)
        elif task == "compared":
            answer = cast(Explains, model).compared(encoded)
        else:
            answer = cast(Scorer, model).logits(encoded)
        n_read = getattr(model, "n_read", None) if task == "scored" else None
        return answer, sum(len(each.input_ids) for each in encoded) if n_read is None else n_read
    except PlaygroundError as error:
        return error


def runs_here(device: str) -> bool:
    """Whether a forward pass takes no longer than the model does; that of a ZeroGPU waits for its lease too."""
    return device != "cuda" or _forward_on_gpu is _forward


def _wrapped(function: Forward) -> Forward:
    try:
        spaces = import_module("spaces")
    except ImportError:
        return function
    return cast(Forward, spaces.GPU(duration=DURATION)(function))


_forward_on_gpu = _wrapped(_forward)
