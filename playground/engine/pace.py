"""How fast batches of each size went through a model on this machine: read off the batches that were run anyway.

No forward pass is made for it. What is learned counts from the next start of the program: within one, the same request
makes the same batches.
"""

from __future__ import annotations

import statistics
import threading
from collections import defaultdict, deque
from collections.abc import Sequence

from playground.core.types import ModelSpec
from playground.engine.manifest import version_of
from playground.models import measured
from playground.models.backends import PLAIN
from playground.models.devices import name_of
from playground.models.named import split

TOPIC = "batch-tokens-1"
# The smallest budget within this share of the best is taken: Stop, progress and other requests come between batches.
WITHIN = 0.95
# Passes of one size, of which the median counts, and sizes, before anything is concluded.
LEAST_PASSES, LEAST_SIZES = 8, 3
MOST_PASSES = 64
LEAST_TOKENS = 512
MOST_TOKENS = {"cuda": 262_144, "mps": 65_536}
MOST_TOKENS_ON_CPU = 8_192
# A smaller model is as fast in any way.
LEAST_PARAMETERS = 1_000_000
# Conclusions are drawn, and written, once in so many passes.
EVERY = 64


class Paces:
    """Padded tokens in a second, by model as run and size of batch. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rates: dict[str, dict[int, deque[float]]] = {}
        self._n: defaultdict[str, int] = defaultdict(int)
        self._learned: dict[str, int | None] = {}

    def learned(self, spec: ModelSpec) -> int | None:
        """The budget that earlier starts of the program found; None where they found none. The same until the end."""
        if spec.n_parameters < LEAST_PARAMETERS:
            return None
        key = key_of(spec)
        with self._lock:
            if key not in self._learned:
                known = measured.get(TOPIC, key)
                most = MOST_TOKENS.get(spec.device, MOST_TOKENS_ON_CPU)
                self._learned[key] = known if isinstance(known, int) and LEAST_TOKENS <= known <= most else None
            return self._learned[key]

    def note(self, spec: ModelSpec, lengths: Sequence[int], n_read: int, seconds: float) -> None:
        """One forward pass.

        Args:
            lengths: tokens of each text.
            n_read: tokens that went through; a pass that skipped what was read before says nothing of the rest.
        """
        if spec.n_parameters < LEAST_PARAMETERS or n_read != sum(lengths) or n_read < 1 or seconds <= 0:
            return
        key = key_of(spec)
        with self._lock:
            rates = self._rates.setdefault(key, {})
            size = 1 << (n_read - 1).bit_length()
            rates.setdefault(size, deque(maxlen=MOST_PASSES)).append(n_read / seconds)
            self._n[key] += 1
            if self._n[key] % EVERY:
                return
            most = MOST_TOKENS.get(spec.device, MOST_TOKENS_ON_CPU)
            found = best({size: list(each) for size, each in rates.items()}, most)
            known = found is None or found == measured.get(TOPIC, key)
        if not known:
            measured.put(TOPIC, key, found)


def best(rates: dict[int, list[float]], most: int) -> int | None:
    """Tokens of the smallest batches that are about as fast as the fastest; None where too little was seen.

    Twice the largest size that was seen where that is the fastest by far: the next start tries it.

    Args:
        rates: tokens in a second of each pass, by size: a power of two that the pass did not exceed.
    """
    sizes = {size: statistics.median(each) for size, each in sorted(rates.items()) if len(each) >= LEAST_PASSES}
    if len(sizes) < LEAST_SIZES:
        return None
    enough = WITHIN * max(sizes.values())
    size = next(size for size, rate in sizes.items() if rate >= enough)
    if size == max(sizes):
        size *= 2
    return min(most, max(LEAST_TOKENS, size))


def key_of(spec: ModelSpec) -> str:
    """All that the pace of a model depends on."""
    backend = split(spec.model_id).backend or PLAIN
    kind = f"{spec.architecture}, {spec.n_parameters} parameters, {spec.precision}, {backend}"
    return f"{name_of(spec.device)}, {spec.device}, torch {version_of('torch')}, {kind}"
