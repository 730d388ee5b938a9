"""The figures of NIST's trec_eval, from judgements and a run.

Order: score descending, ties by document id descending, the rank column of a run is never read. Scores are held in
single precision, as trec_eval holds them. Gain is linear, the ideal is made of all judged documents, and what nobody
judged is not relevant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ir_measures import Measure

Qrels = Mapping[str, Mapping[str, int]]
Run = Mapping[str, Mapping[str, float]]

COUNTS = ("num_ret", "num_rel", "num_rel_ret", "num_nonrel_judged_ret")
GEOMETRIC = ("gm_map", "gm_bpref")
NOT_NUMBERS = ("runid", "relstring")
# What trec_eval takes for zero in a geometric mean (trec_eval.h, MIN_GEO_MEAN).
LEAST = 0.00001
PATIENCE = 0.9
UNJUDGED_AT = (5, 10, 20)
RECALLS = tuple(level / 10 for level in range(11))


def by_query(qrels: Qrels, run: Run, measures: Iterable[Measure]) -> dict[str, dict[Any, float]]:
    """Each measure for each query that is in both, by pytrec_eval."""
    # Here, and not at the top: the page opens without either library.
    import ir_measures

    found: dict[str, dict[Any, float]] = {}
    for query_id, measure, value in ir_measures.pytrec_eval.iter_calc(list(measures), _plain(qrels), _plain(run)):
        found.setdefault(query_id, {})[measure] = float(value)
    return found


def figures(qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Every number that `trec_eval -q -m all_trec` prints, by query and by trec_eval's names; queries in both only.

    `summary` makes its last block of them.
    """
    import ir_measures
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(_plain(qrels), pytrec_eval.supported_measures - set(NOT_NUMBERS))
    found: dict[str, dict[str, float]] = {
        query_id: {name: float(value) for name, value in values.items()}
        for query_id, values in evaluator.evaluate(_plain(run)).items()
    }
    names = {name for values in found.values() for name in values}
    # As the quality of a model is counted, wherever ir-measures knows the figure.
    known = {name: parsed[0] for name in names if (parsed := _parsed(name, ir_measures))}
    for query_id, values in by_query(qrels, run, known.values()).items():
        found[query_id].update({name: values[measure] for name, measure in known.items() if measure in values})
        found[query_id].update(_own(qrels[query_id], run[query_id]))
    return found


def summary(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The line "all": counts are summed, gm_* are geometric means, the rest are means over the queries.

    Raises:
        ValueError: no query at all.
    """
    if not found:
        raise ValueError("no query is both judged and answered")
    rows = list(found.values())
    whole = {name: math.fsum(row[name] for row in rows) / len(rows) for name in rows[0]}
    whole |= {name: math.fsum(row[name] for row in rows) for name in COUNTS}
    whole |= {
        f"gm_{name}": math.exp(math.fsum(math.log(max(row[name], LEAST)) for row in rows) / len(rows))
        for name in ("map", "bpref")
    }
    return whole | {"num_q": float(len(rows))}


def _own(judged: Mapping[str, int], scores: Mapping[str, float]) -> dict[str, float]:
    """What trec_eval 10 counts otherwise than the older one inside pytrec_eval, or what that one lacks.

    Interpolated precision looks from the first rank where `recall * relevant`, rounded half up, are found; rank-biased
    precision has a patience of 0.9, and its residual is the weight of what nobody judged and of all that was not
    returned.
    """
    import numpy as np

    ids = sorted(scores, key=lambda id: (np.float32(scores[id]), id.encode()), reverse=True)
    grades = [judged.get(id) for id in ids]
    relevant = np.array([grade is not None and grade > 0 for grade in grades], dtype=np.float64)
    unjudged = np.array([grade is None for grade in grades], dtype=np.float64)
    total = sum(grade > 0 for grade in judged.values())
    reached = np.cumsum(relevant)
    precision = reached / np.arange(1, len(ids) + 1)
    best = [_best_from(precision, reached >= math.floor(recall * total + 0.5)) for recall in RECALLS]
    weights = (1 - PATIENCE) * PATIENCE ** np.arange(len(ids))
    return {
        **{f"iprec_at_recall_{recall:.2f}": value for recall, value in zip(RECALLS, best, strict=True)},
        "11pt_avg": math.fsum(best) / len(best),
        "rbp": float(weights @ relevant),
        "rbp_resid": float(weights @ unjudged) + PATIENCE ** len(ids),
        **{f"unj_{k}": float(unjudged[:k].sum()) / k for k in UNJUDGED_AT},
    }


def _best_from(precision: Any, reached: Any) -> float:
    return float(precision[reached].max()) if reached.any() else 0.0


def _parsed(name: str, ir_measures: Any) -> Sequence[Any]:
    if name in (*COUNTS, *GEOMETRIC):
        return ()
    try:
        return list(ir_measures.parse_trec_measure(name))
    except ValueError:
        return ()


def _plain(nested: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Plain dicts: pytrec_eval is written in C and takes nothing else."""
    return {outer: dict(inner) for outer, inner in nested.items()}
