"""A labelled set through one model, query by query; only the pairs that have no score yet."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.limits import Limits, validate
from playground.core.scales import Scale
from playground.core.types import ModelSpec, Passage, Phase, Progress, RerankRequest, RerankResult
from playground.engine.run import Stopwatch, until
from playground.models import bm25

Known = Callable[[ModelSpec, Scale, str], SetScores | None]
Pair = tuple[str, str]

MOST_CHARS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class SetStep:
    """Where the scoring of a set stands. The last step has the phase `done` or `stopped`.

    Attributes:
        done, total: bytes while downloading, pairs while scoring; pairs that had a score before count as done.
        seconds_left: from the pace of the pairs that really ran; None before it is known.
        spec, scale: None while the model is loading.
        instruction: what goes before the queries; empty where nothing does.
        scored: (query, passage, raw output) of pairs that are new in this step, each once, in the texts of the set.
        warnings: lasting warnings on the model in plain sentences (a replaced device, a check at load that is off).
    """

    phase: Phase
    done: int
    total: int
    seconds_left: float | None = None
    spec: ModelSpec | None = None
    scale: Scale | None = None
    instruction: str = ""
    scored: tuple[tuple[str, str, float], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One query of the set, as the set has it and as a model can be given it."""

    own: LabelledQuery
    request: RerankRequest


class AnyRun(Protocol):
    """What a set needs of the run of one query."""

    @property
    def request(self) -> RerankRequest: ...

    @property
    def watch(self) -> Stopwatch: ...

    def encode(self) -> Iterator[Progress]: ...

    def score(self) -> Iterator[Progress]: ...

    def result(self) -> RerankResult: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that is loaded.

    Attributes:
        run: of one request; the request may lack passages that have a score.
        whole: scores of a query depend on all of its passages, so that no known one is taken.
    """

    spec: ModelSpec
    scale: Scale
    instruction: str
    run: Callable[[RerankRequest], AnyRun]
    whole: bool = False
    warnings: tuple[str, ...] = ()


def parts(labelled: LabelledSet, instruction: str | None, limits: Limits) -> tuple[Part, ...]:
    """The queries that have passages, cleaned and within the limits.

    Raises:
        InvalidInput: the set holds no pair or too many, or a query cannot be run; the sentence names the query.
    """
    if not labelled.n_pairs:
        raise InvalidInput("This set holds no pairs. Add queries with passages first.")
    if labelled.n_pairs > limits.pairs:
        raise InvalidInput("A labelled set may hold {limit:,} pairs; this one holds more.", limit=limits.pairs)
    made = []
    for query in labelled.queries:
        if query.passages:
            with_ids = tuple(Passage(passage.id, passage.text) for passage in query.passages)
            try:
                request = validate(RerankRequest(query.query, with_ids, instruction), limits).request
            except InvalidInput as error:
                raise about(query, error) from error
            made.append(Part(query, request))
    return tuple(made)


def about(query: LabelledQuery, error: PlaygroundError) -> PlaygroundError:
    """The error with the query that it is about."""
    shown = query.query if len(query.query) <= MOST_CHARS_SHOWN else query.query[:MOST_CHARS_SHOWN] + "…"
    return type(error)("Query {id} ({query!r}): {reason}", id=query.id, query=shown, reason=error)


def keyword_spec(parts: Sequence[Part]) -> ModelSpec:
    """BM25 over these very lists. Its scores depend on all passages of a query, so those of another set are not its."""
    spec = bm25.spec()
    digest = hashlib.sha256(spec.fingerprint.encode())
    for part in parts:
        texts = (part.request.query, *(passage.text for passage in part.request.passages))
        digest.update(json.dumps(texts).encode())
    return replace(spec, fingerprint=digest.hexdigest())


def steps(
    parts: Sequence[Part], ready: Ready, known: SetScores | None, stop: threading.Event
) -> Generator[SetStep, None, SetStep]:
    """A step after every batch, with the new scores after every query; returns the last one.

    Args:
        known: scores that exist, in step with the queries of the set; those without passages are not in `parts`.

    Raises:
        PlaygroundError: the model failed; the sentence names the query.
    """
    total = sum(len(part.request.passages) for part in parts)
    waiting = [(part, _waiting(part, logits)) for part, logits in zip(parts, _rows(parts, ready, known), strict=True)]
    n_done = total - sum(len(indexes) for _, indexes in waiting)
    pace = _Pace()

    def step(phase: Phase, done: int, scored: tuple[tuple[str, str, float], ...] = ()) -> SetStep:
        left = 0.0 if done == total else pace.left(total - done)
        return SetStep(phase, done, total, left, ready.spec, ready.scale, ready.instruction, scored, ready.warnings)

    yield step("score", n_done)
    for part, indexes in waiting:
        if stop.is_set():
            return step("stopped", n_done)
        if not indexes:
            continue
        run = ready.run(_only(part.request, indexes))
        try:
            for progress in _progress(run, stop):
                yield step("score", n_done + (progress.done if progress.phase == "score" else 0))
            result = run.result()
        except PlaygroundError as error:
            raise about(part.own, error) from error
        n_done += len(result)
        pace.took(run.watch.seconds, len(result) - result.n_cached)
        scored = _new(part, indexes, result)
        if not result.complete:
            return step("stopped", n_done, scored)
        yield step("score", n_done, scored)
    return step("done", n_done)


def collected(labelled: LabelledSet, steps: Iterator[SetStep]) -> SetScores | None:
    """All scores that the steps bring, in step with the set; None where they ended before the model was loaded."""
    found: dict[Pair, float] = {}
    last = None
    for last in steps:
        found |= {(query, text): logit for query, text, logit in last.scored}
    if last is None or last.spec is None or last.scale is None:
        return None
    return SetScores(last.spec, last.scale, last.instruction, in_step(labelled, found))


def in_step(labelled: LabelledSet, found: Mapping[Pair, float]) -> tuple[tuple[float | None, ...], ...]:
    """Scores by (query, passage) text as rows in step with the set."""
    return tuple(
        tuple(found.get((query.query, passage.text)) for passage in query.passages) for query in labelled.queries
    )


class _Pace:
    """Seconds per pair, of those that went through the model."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._n_pairs = 0

    def took(self, seconds: float, n_pairs: int) -> None:
        if n_pairs:
            self._seconds += seconds
            self._n_pairs += n_pairs

    def left(self, n_pairs: int) -> float | None:
        return n_pairs * self._seconds / self._n_pairs if self._n_pairs else None


def _rows(parts: Sequence[Part], ready: Ready, known: SetScores | None) -> list[tuple[float | None, ...]]:
    if known is None or ready.whole:
        return [(None,) * len(part.request.passages) for part in parts]
    return [row for row in known.logits if row]


def _waiting(part: Part, logits: Sequence[float | None]) -> tuple[int, ...]:
    """Places of the passages without a score."""
    if len(logits) != len(part.request.passages):
        raise ValueError(f"{len(logits)} known scores for {len(part.request.passages)} passages")
    return tuple(index for index, logit in enumerate(logits) if logit is None)


def _only(request: RerankRequest, indexes: Sequence[int]) -> RerankRequest:
    if len(indexes) == len(request.passages):
        return request
    return RerankRequest(request.query, tuple(request.passages[index] for index in indexes), request.instruction)


def _progress(run: AnyRun, stop: threading.Event) -> Iterator[Progress]:
    for progress in chain.from_iterable(until(stop, steps) for steps in (run.encode(), run.score())):
        run.watch.pause()
        yield progress
        run.watch.go_on()


def _new(part: Part, indexes: Sequence[int], result: RerankResult) -> tuple[tuple[str, str, float], ...]:
    """The scores under the set's own texts: a cleaned text must not become a pair of its own."""
    own = part.own
    in_order = sorted(result.scored, key=lambda one: one.index)
    by_text = {own.passages[indexes[one.index]].text: one.logit for one in in_order}
    return tuple((own.query, text, logit) for text, logit in by_text.items())
