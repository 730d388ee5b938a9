"""A scorer without weights: real, deterministic, and quick, so that the page can be tried without a model."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace

from playground.core.scales import LOGIT, Scale
from playground.core.types import Check, EncodedPair, ModelChoice, ModelSpec, Phase
from playground.models.layers import Depth

WORD = re.compile(r"[^\W_]+|[^\w\s]", re.UNICODE)
DEFAULT_MAX_LENGTH = 64


class Gate:
    """Lets forward passes through one by one while it is closed, so that a test sees a run in the middle."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._permits = 0
        self.closed = False
        self.n_waiting = 0

    def wait(self) -> None:
        with self._changed:
            if not self.closed:
                return
            self.n_waiting += 1
            passed = self._changed.wait_for(lambda: not self.closed or self._permits, timeout=60)
            self.n_waiting -= 1
            self._permits -= bool(self.closed and passed)

    def let(self, n: int = 1) -> None:
        with self._changed:
            self._permits += n
            self._changed.notify_all()

    def open(self) -> None:
        with self._changed:
            self.closed, self._permits = False, 0
            self._changed.notify_all()


class OverlapScorer:
    """The log of shared words over unshared ones; reads `max_length` words of query and passage together."""

    query_instruction = ""

    def __init__(self, choice: ModelChoice, scale: Scale = LOGIT, gate: Gate | None = None) -> None:
        max_length = choice.max_length or DEFAULT_MAX_LENGTH
        self.scale = scale
        self.checks = (Check("same text over unrelated text", "passed", "3.00 over -3.00"),)
        self.memory_mib = 1.0
        self.gate = gate
        self.n_forwards = 0
        self.spec = ModelSpec(
            model_id=choice.model_id,
            revision=choice.revision,
            fingerprint="0" * 63 + "1",
            kind="reranker",
            family="layerwise" if "#layer=" in choice.model_id else "cross_encoder",
            architecture="OverlapScorer",
            device="cpu",
            precision="fp32",
            max_length=max_length,
            truncation=choice.truncation,
            n_parameters=0,
        )

    def view(self, choice: ModelChoice) -> OverlapScorer:
        """The same, with another length limit or layer."""
        other = copy(self)
        max_length = choice.max_length or DEFAULT_MAX_LENGTH
        other.spec = replace(self.spec, model_id=choice.model_id, max_length=max_length, truncation=choice.truncation)
        return other

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """One id per word; the id is a hash that is the same in every process."""
        asked = [_id(word) for word in WORD.findall(query)][: self.spec.max_length // 2]
        return [self._pair(asked, passage) for passage in passages]

    def _pair(self, asked: list[int], passage: str) -> EncodedPair:
        words = list(WORD.finditer(passage))
        room = self.spec.max_length - len(asked) - 1
        read = words[:room]
        ids = (*asked, 0, *(_id(word[0]) for word in read))
        n_chars = len(passage) if len(read) == len(words) else read[-1].end()
        return EncodedPair(ids, None, len(read), len(words) - len(read), n_chars)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The characters of each word."""
        return [word.span() for word in WORD.finditer(text)]

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """Waits at the gate, if there is one, so that a test can see a run in the middle."""
        if self.gate is not None:
            self.gate.wait()
        self.n_forwards += 1
        return [_logit(pair.input_ids) for pair in pairs]


class LayeredScorer(OverlapScorer):
    """The same after the layers 8 to 12: below layer 10 the wrong way round."""

    depths = tuple(Depth(layer, "") for layer in range(8, 13))

    def by_layer(self, pairs: Sequence[EncodedPair]) -> list[list[float]]:
        return [[logit if depth.layer >= 10 else -logit for depth in self.depths] for logit in self.logits(pairs)]


def load(scale: Scale = LOGIT, gate: Gate | None = None) -> Callable[..., OverlapScorer]:
    """A loader for `Engine(load_scorer=...)`."""

    def load_scorer(
        choice: ModelChoice,
        *,
        offline: bool = False,
        on_progress: Callable[[Phase, int, int], None] | None = None,
        weights_of: OverlapScorer | None = None,
    ) -> OverlapScorer:
        return (LayeredScorer if "#layer=" in choice.model_id else OverlapScorer)(choice, scale, gate)

    return load_scorer


def _id(word: str) -> int:
    return sum(ord(char) * 31**place for place, char in enumerate(word.lower())) % 1_000_003 + 1


def _logit(ids: tuple[int, ...]) -> float:
    cut = ids.index(0)
    asked, read = set(ids[:cut]), ids[cut + 1 :]
    shared = len(asked.intersection(read))
    return 8.0 * shared / max(1, len(asked)) - 4.0 + 0.5 / (1 + len(read))
