"""Runs of a model on another machine: its scores are known here, and hardly anything else."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from playground.core.errors import PlaygroundError
from playground.core.types import ModelChoice, Progress, RerankRequest, RerankResult, ScoredPassage
from playground.engine import set_scoring
from playground.engine.cache import ScoreCache, text_key
from playground.engine.ranking import float32, ranked
from playground.engine.run import Latest, Stopwatch, scoring
from playground.engine.warnings import SETTINGS_LEFT_OUT, about_equal_scores, about_remote
from playground.remote.backend import Read
from playground.remote.connect import Keys, Remote, Remotes
from playground.remote.fleet import Dropped


class RemotePairs:
    """The pairs of some requests; a `set_runs.SetRun`. All requests are on their way together, up to the fleet's limit.

    Attributes:
        known: raw outputs by place, which counts over all requests.
        cached: places whose output came from the cache.
        reads: how much was read of a passage, by place, where the server says it.
        n_tokens: that the servers counted; None where one did not.
        left_out: why servers were.
        billed: by unit.
        instruction, warnings: as the servers say; a warning once.
    """

    def __init__(
        self, requests: Sequence[RerankRequest], remote: Remote, cache: ScoreCache, stop: threading.Event
    ) -> None:
        self.n_ran = 0
        self.failed_at: int | None = None
        self.known: dict[int, float] = {}
        self.cached: set[int] = set()
        self.reads: dict[int, Read] = {}
        self.instruction = ""
        self.warnings: dict[str, None] = {}
        self.n_tokens: int | None = 0
        self.left_out: list[PlaygroundError] = [each.error for each in remote.left_out]
        self.billed: Counter[str] = Counter()
        self._remote = remote
        self._cache = cache
        self._stop = stop
        self._requests = requests

    def encode(self) -> Iterator[None]:
        """Nothing: the server tokenises."""
        yield from ()

    def read(self, place: int) -> Read:
        """What the server said of the passage at a place, and of those that the cache knew nothing."""
        return self.reads.get(place, Read(None, None))

    def score(self) -> Iterator[Mapping[int, float]]:
        """The raw outputs that are new: of the cache, then of each answer. Copies are sent once.

        Raises:
            BackendError: no server is left.
        """
        copies: dict[bytes, list[int]] = {}
        batches, first = [], 0
        for request in self._requests:
            instruction = instruction_of(self._remote, request.instruction)
            fresh: dict[int, str] = {}
            for place, passage in enumerate(request.passages, first):
                key = text_key(self._remote.spec, request.query, passage.text, instruction)
                if key not in copies:
                    fresh[place] = passage.text
                copies.setdefault(key, []).append(place)
            first += len(request.passages)
            found = self._cache.get([key for key in copies if copies[key][0] in fresh])
            for place, logit in zip(list(fresh), found, strict=True):
                if logit is not None:
                    fresh.pop(place)
                    self.known[place] = logit
            batches += list(self._remote.batches(request.query, fresh, instruction))
        places = {own[0]: own for own in copies.values()}
        key_of = {own[0]: key for key, own in copies.items()}
        self.known = {place: logit for one, logit in self.known.items() for place in places[one]}
        self.cached = set(self.known)
        yield dict(self.known)
        for each in self._remote.scored(batches, self._stop) if batches else ():
            if isinstance(each, Dropped):
                self.left_out.append(each.error)
                continue
            answer = each.answer
            logits = dict(zip(each.job.places, map(float32, answer.scores), strict=True))
            new = {place: logit for one, logit in logits.items() for place in places[one]}
            self.known |= new
            self.n_ran += len(new)
            for one, read in zip(logits, answer.reads, strict=False):
                self.reads |= dict.fromkeys(places[one], read)
            self.instruction = answer.instruction or self.instruction
            self.warnings |= dict.fromkeys(answer.warnings)
            unknown = self.n_tokens is None or answer.n_tokens is None
            self.n_tokens = None if unknown else (self.n_tokens or 0) + (answer.n_tokens or 0)
            self.billed.update(answer.billed)
            self._cache.put((key_of[one], logit) for one, logit in logits.items())
            yield new


class RemoteRun:
    """The passages of one request."""

    def __init__(
        self,
        request: RerankRequest,
        choice: ModelChoice,
        remote: Remote,
        cache: ScoreCache,
        notes: tuple[str, ...],
        stop: threading.Event,
    ) -> None:
        self.request = request
        self.watch = Stopwatch()
        self._notes = notes + settings_left_out(choice, remote, request.instruction)
        self._remote = remote
        self._pairs = RemotePairs([request], remote, cache, stop)
        self._latest = Latest(self.result, self.watch, len(request.passages))

    def encode(self) -> Iterator[Progress]:
        """Nothing: the server tokenises."""
        yield from ()

    def score(self) -> Iterator[Progress]:
        """A step after the look into the cache and after each answer.

        Raises:
            BackendError: no server is left.
        """
        for _ in self._pairs.score():
            n = len(self._pairs.known)
            yield Progress("score", n, len(self.request.passages), self._latest.get() if n else None)

    def result(self) -> RerankResult:
        """Everything scored so far, best first."""
        pairs, remote, n = self._pairs, self._remote, len(self.request.passages)
        unread = ranked(self.request.passages, [None] * n, pairs.known, remote.scale, pairs.cached)
        scored = tuple(_with_read(one, pairs.reads[one.index]) if one.index in pairs.reads else one for one in unread)
        return RerankResult(
            request=self.request,
            spec=remote.spec,
            scale=remote.scale,
            scored=scored,
            missing=tuple(index for index in range(n) if index not in pairs.known),
            seconds=self.watch.seconds,
            n_tokens=pairs.n_tokens,
            n_cached=len(pairs.cached),
            warnings=self._notes + self._said() + about_equal_scores(n, scored),
            instruction=pairs.instruction or instruction_used(remote, self.request.instruction),
        )

    def _said(self) -> tuple[str, ...]:
        pairs = self._pairs
        return about_remote(self._remote, pairs.left_out, pairs.billed) + tuple(pairs.warnings)


def _with_read(scored: ScoredPassage, read: Read) -> ScoredPassage:
    n_chars = len(scored.passage.text) if read.n_cut == 0 else None
    return replace(scored, n_tokens=read.n_tokens, n_cut=read.n_cut, n_chars_read=n_chars)


def rank(
    remotes: Remotes,
    cache: ScoreCache,
    request: RerankRequest,
    choice: ModelChoice,
    notes: tuple[str, ...],
    keys: Keys,
    stop: threading.Event,
) -> Iterator[Progress]:
    """The steps of `Engine.rerank`."""
    yield Progress("resolve", 0, 0)
    remote = remotes.connect(choice.model_id, keys, stop)
    if remote is None:
        yield Progress("stopped", 0, len(request.passages))
        return
    yield (yield from scoring(RemoteRun(request, choice, remote, cache, notes, stop), stop))


def score_set(
    remotes: Remotes,
    cache: ScoreCache,
    parts: Sequence[set_scoring.Part],
    choice: ModelChoice,
    instruction: str | None,
    known: set_scoring.Known | None,
    keys: Keys,
    stop: threading.Event,
) -> Iterator[set_scoring.SetStep]:
    """The steps of `Engine.score_set`."""
    yield set_scoring.SetStep("resolve", 0, 0)
    remote = remotes.connect(choice.model_id, keys, stop)
    if remote is None:
        yield set_scoring.SetStep("stopped", 0, sum(len(part.request.passages) for part in parts))
        return
    said = settings_left_out(choice, remote, instruction)
    said += about_remote(remote, [each.error for each in remote.left_out], {})

    def run(requests: Sequence[RerankRequest]) -> RemotePairs:
        return RemotePairs(requests, remote, cache, stop)

    used = instruction_used(remote, instruction)
    ready = set_scoring.Ready(remote.spec, remote.scale, used, run, warnings=said)
    found = None if known is None else known(ready.spec, ready.scale, ready.instruction)
    yield (yield from set_scoring.steps(parts, ready, found, stop))


def instruction_of(remote: Remote, instruction: str | None) -> str | None:
    """What is sent of it."""
    return instruction if remote.backend.instructed else None


def instruction_used(remote: Remote, instruction: str | None) -> str:
    """What goes before the query; empty where nothing does, or nothing is said of it."""
    return remote.told.instruction if instruction is None else instruction_of(remote, instruction) or ""


def settings_left_out(choice: ModelChoice, remote: Remote, instruction: str | None) -> tuple[str, ...]:
    """Said where something was chosen that a server is not asked for."""
    asked = choice.max_length or choice.windows or (instruction and not remote.backend.instructed)
    return (SETTINGS_LEFT_OUT.format(at=remote.at),) if asked else ()
