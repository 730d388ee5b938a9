"""Reranking behind a retriever: how deep it pays to go, and which queries gain and lose by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from playground.analysis.expected import Floats
from playground.analysis.paired import Contest, Estimate, compare, estimated, resampled_means, tails
from playground.analysis.retrieval import Retrieved, measure
from playground.core.errors import InvalidInput
from playground.core.funnel import FunnelResult, FunnelSet
from playground.core.types import RerankResult

DEPTHS = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000)
K = 10
MAIN = f"ndcg@{K}"
OVERLAP = "overlap"
# How far below the best depth a mean may lie and still be as good: a point of NDCG, a twentieth of the top list.
ENOUGH = {MAIN: 0.01, OVERLAP: 0.05}
RESAMPLES = 2_000
LEAST_QUERIES = 2


def depths_up_to(k: int) -> tuple[int, ...]:
    """The depths of a sweep whose deepest run is at k."""
    return (*(depth for depth in DEPTHS if depth < k), k)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Quality and time against the depth, from one run at the deepest. In step with `depths`.

    Attributes:
        key: what `quality` is: NDCG@10, or without labels the share of the deepest run's top list that is there.
        quality: means over the queries that count.
        first_stage: the same figure of the retriever's own order at the deepest; None without labels.
        ceiling: share of the relevant passages that the retriever brings at all; empty without labels.
        seconds: mean of a query, as its share of the tokens says; empty where no query was timed.
        n_queries: that count.
        n_timed: queries of which no score was known from before.
        enough: the smallest depth whose mean is within `ENOUGH` of the best.
        enough_low, enough_high: where 95 % of that depth lie when queries are drawn again; None for too few.
    """

    depths: tuple[int, ...]
    key: str
    quality: tuple[Estimate, ...]
    first_stage: Estimate | None
    ceiling: tuple[float, ...]
    seconds: tuple[float, ...]
    n_queries: int
    n_timed: int
    enough: int
    enough_low: int | None
    enough_high: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """The retriever's order and the reranked one on the same queries.

    Attributes:
        before, after: at the depth of the run; only queries with a relevant passage count.
        contest: of both, in this order.
    """

    before: Retrieved
    after: Retrieved
    contest: Contest


def sweep(asked: FunnelSet, results: Sequence[FunnelResult]) -> Sweep:
    """The sweep over the queries that ran.

    Raises:
        InvalidInput: none did, or none of them has a relevant passage though there are labels.
    """
    if not results:
        raise InvalidInput("No query has run yet. Run some first.")
    depths = depths_up_to(results[0].request.k)
    times = np.array([row for row in (_seconds(result, depths) for result in results) if row is not None])
    first_stage, ceiling, key = None, np.empty((0, len(depths))), OVERLAP
    if asked.labelled:
        key = MAIN
        runs = [_measured(asked, results, depth) for depth in depths]
        values = np.array([run.values(MAIN) for run in runs]).T
        ceiling = np.array([run.values(f"r@{depth}") for run, depth in zip(runs, depths, strict=True)]).T
        own = _measured(asked, results, depths[-1], reranked=False).values(MAIN)
        if not len(values):
            raise InvalidInput("None of these queries has a relevant passage, so there is nothing to measure.")
        first_stage = estimated(own, resampled_means(own, RESAMPLES, 0))
    else:
        values = np.array([[_overlap(result, depth) for depth in depths] for result in results])
    means = resampled_means(values, RESAMPLES, 0)
    knees = np.array([_enough(row, key) for row in means])
    low, high = _quantiles(knees, len(values))
    return Sweep(
        depths=depths,
        key=key,
        quality=tuple(estimated(values[:, at], means[:, at]) for at in range(len(depths))),
        first_stage=first_stage,
        ceiling=tuple(ceiling.mean(axis=0).tolist()) if len(ceiling) else (),
        seconds=tuple(times.mean(axis=0).tolist()) if len(times) else (),
        n_queries=len(values),
        n_timed=len(times),
        enough=depths[_enough(values.mean(axis=0), key)],
        enough_low=None if low is None else depths[low],
        enough_high=None if high is None else depths[high],
    )


def gains(asked: FunnelSet, results: Sequence[FunnelResult]) -> Gains:
    """What reranking changes in the figures, by query and in all.

    Raises:
        InvalidInput: no query with labels has run.
    """
    if not results or not asked.labelled:
        raise InvalidInput("There are no labels to measure by. Import queries with labels.")
    k = results[0].request.k
    before, after = (_measured(asked, results, k, reranked=reranked) for reranked in (False, True))
    return Gains(before, after, compare([before, after]))


def _measured(asked: FunnelSet, results: Sequence[FunnelResult], depth: int, *, reranked: bool = True) -> Retrieved:
    """The figures at a depth. The places decide: ties fell where the list was made."""
    judged = [(query, result) for query, result in zip(asked.queries, results, strict=False) if query.grades]
    orders = {query.id: result.ranking_at(depth) if reranked else result.order_at(depth)[0] for query, result in judged}
    run = {id: {passage: float(-place) for place, passage in enumerate(order)} for id, order in orders.items()}
    return measure({query.id: query.grades or {} for query, _ in judged}, run, k=K, recall_at=(depth,))


def _overlap(result: FunnelResult, depth: int) -> float:
    """Share of the deepest run's top list that is also in that of this depth; 1 where the deepest has none."""
    deepest = set(result.ranking_at(result.request.k)[: result.top_n])
    return len(deepest & set(result.ranking_at(depth)[: result.top_n])) / len(deepest) if deepest else 1.0


def _enough(means: Floats, key: str) -> int:
    """The place of the smallest depth that is as good as the best."""
    return int(np.flatnonzero(means >= means.max() - ENOUGH[key] - 1e-12)[0])


def _quantiles(places: Floats, n: int) -> tuple[int | None, int | None]:
    if n < LEAST_QUERIES:
        return None, None
    low, high = np.quantile(places, tails(n))
    return int(np.floor(low)), int(np.ceil(high))


def _seconds(result: FunnelResult, depths: Sequence[int]) -> list[float] | None:
    """Of the query at each depth; None where a score was known from before, since then the time was not spent."""
    first, scored = result.retrieved, result.scored
    if first is None or not scored or any(each.n_cached for each in scored):
        return None
    found = []
    for depth in depths:
        orders = result.order_at(depth)
        shares = (_share(each, set(order)) for each, order in zip(scored, orders, strict=False))
        found.append(first.seconds + sum(each.seconds * share for each, share in zip(scored, shares, strict=True)))
    return found


def _share(result: RerankResult, ids: set[str]) -> float:
    """The share of a stage's work that these passages are: by the tokens of each pair, else by their number."""
    lengths = {one.passage.id: one.n_tokens for one in result.scored}
    known = [n for n in lengths.values() if n is not None]
    if result.n_tokens is None or len(known) < len(lengths):
        return len(ids & lengths.keys()) / len(lengths)
    of_the_query = (result.n_tokens - sum(known)) / len(lengths)
    return sum((lengths[id] or 0) + of_the_query for id in ids & lengths.keys()) / result.n_tokens
