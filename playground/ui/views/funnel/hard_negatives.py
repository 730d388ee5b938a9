"""Training rows of what stood high and is not labelled relevant."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from playground.analysis import hard_negatives
from playground.analysis.hard_negatives import Mining
from playground.core.errors import InvalidInput
from playground.core.funnel import FunnelResult, FunnelSet
from playground.corpus.corpora import Corpus
from playground.inputs.query_files import judged_ids

FIRST, N_NEGATIVES = 1, 7


def mined(asked: FunnelSet, results: Sequence[FunnelResult], corpus: Corpus, wanted: Mapping[str, object]) -> str:
    """Rows of `{"query", "pos", "neg"}`, one for each query with a relevant passage and a negative.

    Args:
        wanted: what the page asks for: ranks `first` to `last`, `n` negatives, `margin` of the last reranker's score
            under that of the lowest positive, as a part of it; and whether they are drawn at random.

    Raises:
        InvalidInput: settings that cannot be, no labels, or nothing is left.
    """
    if not asked.labelled:
        raise InvalidInput("There are no labels to measure by. Import queries with labels.")
    ran = list(zip(asked.queries, results, strict=False))
    texts = {one.passage.id: one.passage.text for _, result in ran for one in result.found}
    texts |= {each.id: each.indexed for each in corpus.known([id for id in judged_ids(asked) if id not in texts])}
    margin = _number(wanted.get("margin"), 0.0)
    found = hard_negatives.mine(
        {query.id: query.grades for query, _ in ran if query.grades},
        {query.id: {one.passage.id: -float(one.rank) for one in result.found} for query, result in ran},
        Mining(
            first=int(_number(wanted.get("first"), FIRST)),
            last=int(_number(wanted.get("last"), results[0].request.k)),
            n_negatives=int(_number(wanted.get("n"), N_NEGATIVES)),
            sampling="random" if wanted.get("random") is True else "top",
            relative_margin=margin or None,
        ),
        scores={query.id: _scores(result) for query, result in ran},
        texts=texts,
    )
    queries = {query.id: query.text for query, _ in ran}
    rows = [
        {
            "query": queries[one.query_id],
            "pos": [texts[id] for id in one.positives if id in texts],
            "neg": [texts[id] for id in one.negatives],
        }
        for one in found.queries
    ]
    rows = [row for row in rows if row["pos"]]
    if not rows:
        raise InvalidInput("Nothing is left that could be a hard negative. Take a wider range of ranks or no margin.")
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _scores(result: FunnelResult) -> dict[str, float]:
    """What the first reranker gave: it alone scored everything that was retrieved."""
    if result.scored:
        return {one.passage.id: one.logit for one in result.scored[0].scored}
    return {one.passage.id: one.score for one in result.found}


def _number(said: object, otherwise: float) -> float:
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else otherwise
