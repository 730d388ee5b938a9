"""One query through the stages: the retriever first, then each reranker on what the stage before let through."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.funnel import (
    FirstStage,
    FunnelProgress,
    FunnelQuery,
    FunnelRequest,
    FunnelResult,
    ManyProgress,
    passages_of,
    union_at,
)
from playground.core.limits import LOCAL, Limits
from playground.core.types import ModelRun, Phase, Progress, RerankRequest
from playground.engine import threshold_files
from playground.engine.comparison_run import Rank, broken
from playground.models import bm25

log = logging.getLogger(__name__)

Retrieve = Callable[[str, int], FirstStage]
MOST_DEPTH = 1_000
MOST_RERANKERS = 2


def check(request: FunnelRequest, limits: Limits = LOCAL, n_queries: int = 1) -> None:
    """Whether these stages can stand behind each other.

    Raises:
        InvalidInput: an empty query, a depth that cannot be, or a stage that lets through more than it is given.
    """
    if not request.query.strip():
        raise InvalidInput("The query is empty. Write what you are looking for.")
    most = min(MOST_DEPTH, limits.passages)
    if not 1 <= request.k <= most:
        raise InvalidInput("The depth k is a whole number from 1 to {most}, not {k}.", most=most, k=request.k)
    if len(request.rerankers) > MOST_RERANKERS:
        raise InvalidInput("At most {n} rerankers stand behind each other.", n=MOST_RERANKERS)
    if any(choice.model_id == bm25.MODEL_ID for choice in request.rerankers):
        raise InvalidInput("BM25 is a retriever here. Choose a reranker or an embedder for the stages behind it.")
    if any(keep < 1 for keep in request.keep):
        raise InvalidInput("Each stage lets at least one passage through.")
    if len(request.keep) > 1 and request.keep[1] > request.keep[0]:
        raise InvalidInput(
            "The last stage cannot let {last} passages through when it is given {first}.",
            last=request.keep[1],
            first=request.keep[0],
        )
    if n_queries * request.k > limits.pairs:
        raise InvalidInput(
            "{n:,} queries at depth {k:,} are more than {limit:,} pairs. Take fewer queries or a smaller depth.",
            n=n_queries,
            k=request.k,
            limit=limits.pairs,
        )


def steps(
    rank: Rank,
    retrieve: Retrieve,
    request: FunnelRequest,
    stop: threading.Event,
    depths: Sequence[int] = (),
) -> Iterator[FunnelProgress]:
    """The progress of each stage in turn, with everything so far; the last one says `done` or `stopped`.

    Args:
        depths: smaller ones at which the result is to be cut later (`FunnelResult.order_at`): a second reranker then
            scores what the first one lets through at any of them.

    Raises:
        PlaygroundError: the retriever failed. A reranker that fails keeps its error in its stage, and ends the run.
    """
    result = FunnelResult(request, None, tuple(ModelRun(choice) for choice in request.rerankers))
    yield FunnelProgress(0, Progress("score", 0, 0), result)
    started = time.perf_counter()
    retrieved = retrieve(request.query, request.k)
    result = replace(result, retrieved=replace(retrieved, seconds=time.perf_counter() - started))
    yield FunnelProgress(0, Progress("done", len(retrieved.found), len(retrieved.found), None), result)
    for place, choice in enumerate(request.rerankers):
        candidates = union_at(result, (*depths, request.k))
        if stop.is_set() or not candidates:
            break
        asked = RerankRequest(request.query, tuple(passages_of(result, candidates)), request.instruction)
        try:
            for step in rank(asked, choice, stop=stop):
                result = _with(result, place, ModelRun(choice, step.result))
                yield FunnelProgress(place + 1, step, result)
        except PlaygroundError as error:
            result = _with(result, place, replace(result.stages[place], error=error))
            break
        except Exception as error:  # what the stages before found is worth more than an early end
            log.exception("%s failed in a funnel", choice.model_id)
            result = _with(result, place, replace(result.stages[place], error=broken(choice, error)))
            break
        if not result.scored or len(result.scored) <= place or not result.scored[place].complete:
            break
    result = replace(result, refused=refusal(result))
    whole = bool(result.found) and len(result.scored) == len(result.stages)
    whole = whole and all(each.complete for each in result.scored)
    yield FunnelProgress(
        len(result.stages) + 1, Progress("stopped" if stop.is_set() and not whole else "done", 1, 1), result
    )


def many(
    rank: Rank,
    retrieve: Retrieve,
    queries: Sequence[FunnelQuery],
    request: FunnelRequest,
    stop: threading.Event,
    depths: Sequence[int] = (),
) -> Iterator[ManyProgress]:
    """Each query through the same stages; the last step says `done` or `stopped`. Only whole results are kept.

    Raises:
        PlaygroundError: a stage failed; the sentence names the query. Steps before hold the results until then.
    """
    results: list[FunnelResult] = []
    for place, query in enumerate(queries):
        last = None
        for last in steps(rank, retrieve, replace(request, query=query.text), stop, depths):
            yield ManyProgress(place, last.step, tuple(results))
        assert last is not None
        for error in (run.error for run in last.result.stages if run.error is not None):
            raise error
        if last.step.phase == "stopped" or stop.is_set():
            break
        results.append(last.result)
    phase: Phase = "done" if len(results) == len(queries) else "stopped"
    yield ManyProgress(len(queries), Progress(phase, len(results), len(queries)), tuple(results))


def _with(result: FunnelResult, place: int, run: ModelRun) -> FunnelResult:
    return replace(result, stages=(*result.stages[:place], run, *result.stages[place + 1 :]))


def refusal(result: FunnelResult) -> PlaygroundError | None:
    """Why the threshold does not hold for what the last stage gave; None where there is none, or nothing to cut."""
    threshold = result.request.threshold
    if threshold is None or not result.scored or len(result.scored) < len(result.stages):
        return None
    last = result.scored[-1]
    return threshold_files.refusal(threshold, last.spec, last.scale)
