"""Runs of models on small servers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from playground.core.types import ModelChoice, Passage, RerankRequest, RerankResult
from playground.engine.engine import Engine
from playground.remote.connect import NO_KEYS, Keys, Remotes
from playground.remote.transport import Patience

# Waits of milliseconds, so that a test that is tried again takes none.
HASTY = Patience(answer_seconds=5, attempts=3, first_wait_seconds=0.001, most_wait_seconds=0.01)
PASSAGES = ("panda", "the giant panda is a bear", "a train leaves at seven", "hi")


def engine(patience: Patience = HASTY) -> Engine:
    return Engine(remotes=Remotes(patience=patience))


def request(passages: Sequence[str] = PASSAGES, instruction: str | None = None) -> RerankRequest:
    named = tuple(Passage(str(at), text) for at, text in enumerate(passages, 1))
    return RerankRequest("what is panda?", named, instruction)


def ranked(
    model: str,
    of: Engine | None = None,
    passages: Sequence[str] = PASSAGES,
    instruction: str | None = None,
    keys: Keys = NO_KEYS,
    stop: threading.Event | None = None,
) -> RerankResult:
    steps = list((of or engine()).rerank(request(passages, instruction), ModelChoice(model), stop=stop, keys=keys))
    assert steps[-1].result is not None
    return steps[-1].result


def logits(result: RerankResult) -> list[float]:
    """In input order."""
    return [each.logit for each in sorted(result.scored, key=lambda each: each.index)]
