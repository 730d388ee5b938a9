"""Judged pairs made by hand or drawn from a known truth."""

from collections.abc import Sequence

import numpy as np

from playground.analysis.judged import Judged


def pairs(
    scores: Sequence[float], relevant: Sequence[object], query: Sequence[int] | None = None, **left_out: int
) -> Judged:
    """Pairs in this order; all of one query unless said otherwise."""
    which = np.zeros(len(scores), dtype=np.int64) if query is None else np.array(query, dtype=np.int64)
    order = np.argsort(which, kind="stable")
    passage = np.empty(len(which), dtype=np.int64)
    passage[order] = np.arange(len(which)) - np.searchsorted(which[order], which[order])
    yes = np.array([bool(one) for one in relevant], dtype=bool)
    return Judged(
        query=which,
        passage=passage,
        score=np.array(scores, dtype=np.float64),
        grade=yes.astype(np.int64),
        relevant=yes,
        n_queries=int(which.max()) + 1 if len(which) else 0,
        **left_out,
    )


def drawn(
    n_queries: int,
    n_relevant: int,
    n_not: int,
    *,
    apart: float = 2.0,
    drift: float = 0.0,
    hard: float = 0.0,
    seed: int = 0,
    places: int | None = None,
) -> Judged:
    """Normal scores of spread 1, the relevant ones `apart` higher.

    Args:
        drift: spread of a normal that moves all scores of a query.
        hard: spread of a normal that moves the not relevant ones of a query: some queries are harder than others.
        n_relevant, n_not: pairs of each query.
        places: rounds the scores, which ties them.
    """
    rng = np.random.default_rng(seed)
    each = n_relevant + n_not
    relevant = np.tile(np.arange(each) < n_relevant, n_queries)
    query = np.repeat(np.arange(n_queries), each)
    scores = rng.normal(size=len(query)) + apart * relevant + drift * rng.normal(size=n_queries)[query]
    scores += hard * rng.normal(size=n_queries)[query] * ~relevant
    return pairs(scores if places is None else np.round(scores, places), relevant, query.tolist())
