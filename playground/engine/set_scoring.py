"""A labelled set through one model, in full batches over its queries; only the pairs that have no score yet."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.limits import Limits, validate
from playground.core.scales import Scale
from playground.core.types import ModelSpec, Passage, Phase, RerankRequest
from playground.engine.run import Stopwatch, until
from playground.engine.set_runs import SetRun
from playground.models import bm25
from playground.remote.backend import Read

Known = Callable[[ModelSpec, Scale, str], SetScores | None]
Pair = tuple[str, str]

MOST_CHARS_SHOWN = 60
# Planned into batches together: many times what goes through a model at once, and tokenised within a second or so.
GROUP_PAIRS = 4_096
GROUP_CHARS = 1_000_000
NOTHING: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SetStep:
    """Where the scoring of a set stands. The last step has the phase `done` or `stopped`.

    Attributes:
        done, total: bytes while downloading, pairs while scoring; pairs that had a score before count as done.
        seconds_left: from the pace of the pairs that really ran; None before it is known.
        spec, scale: None while the model is loading.
        instruction: what goes before the queries; empty where nothing does.
        scored: (query, passage, raw output) of pairs that are new in this step, each once, in the texts of the set.
        read: how much of each passage in `scored` the model read.
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
    read: tuple[Read, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One query of the set, as the set has it and as a model can be given it."""

    own: LabelledQuery
    request: RerankRequest


@dataclass(frozen=True, slots=True)
class Waiting:
    """One query of the set, and the places of its passages that have no score yet."""

    part: Part
    indexes: tuple[int, ...]

    @property
    def request(self) -> RerankRequest:
        """The query with these passages only."""
        request = self.part.request
        return replace(request, passages=tuple(request.passages[index] for index in self.indexes))

    @property
    def own_pairs(self) -> list[Pair]:
        """Their texts as the set has them: a cleaned text must not become a pair of its own."""
        own = self.part.own
        return [(own.query, own.passages[index].text) for index in self.indexes]


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that is loaded.

    Attributes:
        run: of some requests; these may lack passages that have a score.
        whole: scores of a query depend on all of its passages, so that it runs alone, and no known score is taken.
    """

    spec: ModelSpec
    scale: Scale
    instruction: str
    run: Callable[[Sequence[RerankRequest]], SetRun]
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
    """A step after every batch, with its scores; returns the last one.

    Args:
        known: scores that exist, in step with the queries of the set; those without passages are not in `parts`.

    Raises:
        PlaygroundError: the model failed; the sentence names the query where one is to blame.
    """
    total = sum(len(part.request.passages) for part in parts)
    rows = _rows(parts, ready, known)
    waiting = [Waiting(part, _unscored(part, logits)) for part, logits in zip(parts, rows, strict=True)]
    n_done = total - sum(len(each.indexes) for each in waiting)
    watch, n_ran = Stopwatch(), 0

    def step(phase: Phase, **new: Any) -> SetStep:
        left = 0.0 if n_done == total else (total - n_done) * watch.seconds / n_ran if n_ran else None
        said = SetStep(phase, n_done, total, left, ready.spec, ready.scale, ready.instruction, warnings=ready.warnings)
        return replace(said, **new)

    watch.pause()
    yield step("score")
    watch.go_on()
    for group in _groups(waiting, alone=ready.whole):
        run = ready.run([each.request for each in group])
        own = [pair for each in group for pair in each.own_pairs]
        n_before, n_after = n_ran, n_done + len(own)
        try:
            for fresh in chain((NOTHING for _ in until(stop, run.encode())), until(stop, run.score())):
                n_done += len(fresh)
                n_ran = n_before + run.n_ran
                watch.pause()
                each_once = _each_once(own, fresh)
                scored = tuple((*pair, fresh[place]) for pair, place in each_once.items())
                yield step("score", scored=scored, read=tuple(map(run.read, each_once.values())))
                watch.go_on()
        except PlaygroundError as error:
            raise error if run.failed_at is None else about(group[run.failed_at].part.own, error) from error
        if n_done < n_after:
            return step("stopped")
    return step("done")


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


def _groups(waiting: Sequence[Waiting], *, alone: bool) -> Iterator[list[Waiting]]:
    """Queries whose pairs are planned into batches together."""
    group: list[Waiting] = []
    n_pairs = n_chars = 0
    for each in waiting:
        if not each.indexes:
            continue
        group.append(each)
        n_pairs += len(each.indexes)
        n_chars += sum(len(passage.text) for passage in each.request.passages)
        if alone or n_pairs >= GROUP_PAIRS or n_chars >= GROUP_CHARS:
            yield group
            group, n_pairs, n_chars = [], 0, 0
    if group:
        yield group


def _rows(parts: Sequence[Part], ready: Ready, known: SetScores | None) -> list[tuple[float | None, ...]]:
    if known is None or ready.whole:
        return [(None,) * len(part.request.passages) for part in parts]
    return [row for row in known.logits if row]


def _unscored(part: Part, logits: Sequence[float | None]) -> tuple[int, ...]:
    """Places of the passages without a score."""
    if len(logits) != len(part.request.passages):
        raise ValueError(f"{len(logits)} known scores for {len(part.request.passages)} passages")
    return tuple(index for index, logit in enumerate(logits) if logit is None)


def _each_once(own: Sequence[Pair], fresh: Mapping[int, float]) -> dict[Pair, int]:
    """A place with a new score for each pair, in the order of the set."""
    return {own[place]: place for place in sorted(fresh)}
