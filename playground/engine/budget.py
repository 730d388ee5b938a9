"""How many padded tokens go through a model at once, and what memory could be made free for it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from playground.core.types import ModelSpec
from playground.engine.pace import Paces
from playground.models.devices import default_batch_tokens

# Stop and progress come between two batches, so a batch stays short: on a CPU a base-sized model needs about a second
# for this share of what a small one gets.
LARGE_MODEL_PARAMETERS = 100_000_000
LARGE_MODEL_SHARE = 4


def default_budget(spec: ModelSpec) -> int:
    """Padded tokens for one forward pass where nothing was learned of this machine. Fixed by the spec."""
    tokens = default_batch_tokens(spec.device)
    large = spec.device == "cpu" and spec.n_parameters >= LARGE_MODEL_PARAMETERS
    return tokens // LARGE_MODEL_SHARE if large else tokens


class _Loaded(Protocol):
    @property
    def spec(self) -> ModelSpec: ...
    @property
    def memory_mib(self) -> float: ...
    @property
    def in_use(self) -> bool: ...


def idle_mib(loaded: Iterable[_Loaded], device: str) -> float:
    """What loaded models that nobody uses would give back on a device."""
    return sum(model.memory_mib for model in loaded if model.spec.device == device and not model.in_use)


class Budgets:
    """The budget that worked, per model as run. Safe from any thread."""

    def __init__(self) -> None:
        self.paces = Paces()
        self._worked: dict[tuple[str, str, str], int] = {}
        self._lock = threading.Lock()

    def get(self, spec: ModelSpec, asked: int | None) -> int:
        """What to try: what was asked for, what is fastest here or the default, but no more than is known to fit."""
        tokens = asked or self.paces.learned(spec) or default_budget(spec)
        with self._lock:
            return min(tokens, self._worked.get(_key(spec), tokens))

    def shrink(self, spec: ModelSpec, failed: int) -> int:
        """Half of what did not fit, remembered."""
        with self._lock:
            tokens = max(1, min(failed // 2, self._worked.get(_key(spec), failed)))
            self._worked[_key(spec)] = tokens
            return tokens


def _key(spec: ModelSpec) -> tuple[str, str, str]:
    return spec.fingerprint, spec.device, spec.precision
