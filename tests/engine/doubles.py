"""A real, small scorer: words are tokens, and a passage scores by the query words it holds. It counts its work."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from playground.core.errors import InvalidInput, OutOfMemory
from playground.core.scales import TRAINED_LOGIT, Scale
from playground.core.types import (
    Check,
    EncodedPair,
    ModelChoice,
    ModelSpec,
    Passage,
    Progress,
    RerankRequest,
    RerankResult,
)
from playground.engine.engine import Engine
from playground.engine.loaded import OnProgress

SEPARATOR = 0
LIMIT = 128
CHOICE = ModelChoice("overlap")


def token(word: str) -> int:
    return 1 + int.from_bytes(hashlib.blake2b(word.lower().encode(), digest_size=3).digest())


@dataclass
class OverlapScorer:
    """Logit: for each passage token +1 if the query has it, -1/8 if not. Exact in float32."""

    spec: ModelSpec
    scale: Scale = TRAINED_LOGIT
    checks: tuple[Check, ...] = ()
    memory_mib: float = 100.0
    query_instruction: str = ""
    fits_tokens: int | None = None
    logit_of: Callable[[float], float] = float
    before_forward: Callable[[], None] = lambda: None
    batches: list[int] = field(default_factory=list)
    n_running: int = 0
    most_running: int = 0

    @property
    def n_forwards(self) -> int:
        """Passages that went through."""
        return sum(self.batches)

    def view(self, choice: ModelChoice) -> OverlapScorer:
        if choice.max_length is not None and choice.max_length > LIMIT:
            raise InvalidInput("{model} reads at most {limit} tokens.", model=self.spec.model_id, limit=LIMIT)
        spec = replace(
            self.spec,
            model_id=choice.model_id,
            fingerprint=choice.model_id * 3,
            max_length=choice.max_length or SPEC.max_length,
            truncation=choice.truncation,
        )
        return replace(self, spec=spec)

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        words = [token(word) for word in f"{instruction or ''} {query}".split()]
        kept = words[: self.spec.max_length * 3 // 4]
        return [self._pair(kept, len(words) - len(kept), passage) for passage in passages]

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [word.span() for word in re.finditer(r"\S+", text)]

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        if self.fits_tokens is not None and len(pairs) * max(len(pair.input_ids) for pair in pairs) > self.fits_tokens:
            raise OutOfMemory("CUDA out of memory.")
        self.n_running += 1
        self.most_running = max(self.most_running, self.n_running)
        self.before_forward()
        self.batches.append(len(pairs))
        self.n_running -= 1
        return [self.logit_of(self._overlap(pair)) for pair in pairs]

    def _pair(self, query: list[int], n_query_cut: int, passage: str) -> EncodedPair:
        words = [token(word) for word in passage.split()]
        kept = words[: self.spec.max_length - len(query) - 1]
        n_cut = len(words) - len(kept)
        return EncodedPair(
            input_ids=(*query, SEPARATOR, *kept),
            token_type_ids=None,
            n_tokens=len(kept),
            n_cut=n_cut,
            n_chars_read=len(passage) if not n_cut else len(" ".join(passage.split()[: len(kept)])),
            n_query_cut=n_query_cut,
        )

    @staticmethod
    def _overlap(pair: EncodedPair) -> float:
        at = pair.input_ids.index(SEPARATOR)
        query = set(pair.input_ids[:at])
        return sum(1.0 if id in query else -0.125 for id in pair.input_ids[at + 1 :])


SPEC = ModelSpec(
    model_id="overlap",
    revision=None,
    fingerprint="f" * 16,
    kind="reranker",
    family="cross_encoder",
    architecture="Overlap",
    device="cpu",
    precision="fp32",
    max_length=64,
    truncation="only_second",
    n_parameters=1,
)


@dataclass
class Shelf:
    """Loads an `OverlapScorer` per model id, and remembers how often.

    Attributes:
        gate: what a load waits for.
        change: what a new scorer is given; a scorer of one id keeps its weights whatever the settings.
        views: what was read from weights in memory instead of being loaded.
    """

    change: dict[str, object] = field(default_factory=dict)
    gate: threading.Event | None = None
    error: Exception | None = None
    started: threading.Event = field(default_factory=threading.Event)
    loads: list[ModelChoice] = field(default_factory=list)
    scorers: dict[str, OverlapScorer] = field(default_factory=dict)
    views: list[str] = field(default_factory=list)

    def __call__(
        self,
        choice: ModelChoice,
        *,
        offline: bool,
        on_progress: OnProgress | None,
        weights_of: OverlapScorer | None = None,
    ) -> OverlapScorer:
        if weights_of is not None:
            self.views.append(choice.model_id)
            return weights_of.view(choice)
        self.loads.append(choice)
        if on_progress is not None:
            on_progress("load", 1, 2)
        self.started.set()
        if self.gate is not None:
            assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        spec = replace(
            SPEC,
            model_id=choice.model_id,
            fingerprint=choice.model_id * 3,
            device="cpu" if choice.device == "auto" else choice.device,
            precision="fp32" if choice.precision == "auto" else choice.precision,
        )
        scorer = OverlapScorer(spec)
        for name, value in self.change.items():
            setattr(scorer, name, value)
        self.scorers[choice.model_id] = scorer
        return scorer

    @property
    def scorer(self) -> OverlapScorer:
        return self.scorers["overlap"]


def request_of(query: str, *texts: str) -> RerankRequest:
    return RerankRequest(query, tuple(Passage(str(place), text) for place, text in enumerate(texts, 1)))


def run(engine: Engine, request: RerankRequest, choice: ModelChoice = CHOICE) -> RerankResult:
    """The final result of a run."""
    last = steps(engine, request, choice)[-1]
    assert last.result is not None
    return last.result


def steps(engine: Engine, request: RerankRequest, choice: ModelChoice = CHOICE) -> list[Progress]:
    return list(engine.rerank(request, choice))


def numbered(n: int, words: str = "red panda number") -> list[str]:
    return [f"{words} {place}" for place in range(n)]
