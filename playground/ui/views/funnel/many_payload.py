"""Many queries' way through the funnel, as plain values that the page's scripts draw."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from playground.analysis.funnel import MAIN, OVERLAP, Gains, Sweep, gains, sweep
from playground.analysis.paired import Estimate
from playground.core.errors import InvalidInput
from playground.core.funnel import FunnelResult, FunnelSet
from playground.ui import texts
from playground.ui.components.figures import in_both
from playground.ui.components.html_parts import packed
from playground.ui.texts import Phrase, phrase

SHOWN = ("ndcg@10", "mrr@10", "map")


def payload(asked: FunnelSet, results: Sequence[FunnelResult], *, running: bool = False) -> dict[str, object]:
    """Everything of the queries that ran."""
    try:
        found: Sweep | None = sweep(asked, results)
        warnings: list[Phrase] = []
    except InvalidInput as error:
        found, warnings = None, [texts.of_error(error, "warn")]
    measured = gains(asked, results) if asked.labelled and found is not None else None
    if asked.unknown:
        warnings.append(phrase("funnel.unknown_ids", "warn", n=asked.unknown))
    k = results[0].request.k
    return {
        "nonce": secrets.token_hex(4),
        "running": running,
        "n": len(results),
        "total": len(asked.queries),
        "k": k,
        "labelled": asked.labelled,
        "figure": None if found is None else in_both("funnel_sweep", found),
        "said": [] if found is None else _sentences(found),
        "figures": None if measured is None else _figures(measured, k),
        "queries": packed(_queries(asked, results, measured)),
        "warnings": warnings,
    }


def _sentences(found: Sweep) -> list[Phrase]:
    """The point from which more depth does not pay, the ceiling, and the time."""
    said: list[Phrase] = []
    kind = "overlap" if found.key == OVERLAP else "quality"
    deepest = found.depths[-1]
    if found.enough == deepest:
        said.append(phrase("funnel.enough_never", k=deepest))
    elif found.enough_low is not None and found.enough_high is not None:
        low, high = found.enough_low, found.enough_high
        said.append(phrase(f"funnel.enough_{kind}", k=found.enough, low=low, high=high, n=found.n_queries))
    else:
        said.append(phrase(f"funnel.enough_{kind}_alone", k=found.enough))
    if found.ceiling:
        share, most = (round(100 * found.ceiling[place]) for place in (0, -1))
        said.append(phrase("funnel.ceiling", k=found.depths[0], percent=share, deepest=deepest, most=most))
    if found.seconds:
        spent, longest = (f"{found.seconds[place]:.2f}" for place in (0, -1))
        first, n = found.depths[0], found.n_timed
        said.append(phrase("funnel.time", k=first, seconds=spent, deepest=deepest, most=longest, n=n))
    else:
        said.append(phrase("funnel.no_time", "muted"))
    return said


def _figures(found: Gains, k: int) -> list[dict[str, object]]:
    """Each figure of both orders with its interval, and the difference."""
    rows: list[dict[str, object]] = []
    if not found.contest.queries:
        return rows
    before, after = found.contest.estimates
    for key in (*SHOWN, "r@10", f"r@{k}"):
        if key in before and key not in [row["key"] for row in rows]:
            difference = found.contest.differences[1, 0, key]
            rows.append(
                {
                    "key": key,
                    "before": _interval(before[key]),
                    "after": _interval(after[key]),
                    "difference": _interval(difference.estimate),
                    "verdict": difference.verdict,
                    "counts": [difference.wins, difference.ties, difference.losses],
                }
            )
    return rows


def _interval(estimate: Estimate) -> list[float | None]:
    return [estimate.mean, *((estimate.low, estimate.high) if estimate.spread else (None, None))]


def _queries(asked: FunnelSet, results: Sequence[FunnelResult], measured: Gains | None) -> list[dict[str, object]]:
    """A row for each query that ran: what it gains, or what reranking rescued."""
    figures = {}
    if measured is not None:
        k = results[0].request.k
        pairs = zip(measured.before.queries, measured.after.queries, strict=True)
        figures = {
            one.id: {
                "before": one.values[MAIN],
                "after": other.values[MAIN],
                "mrr": other.values["mrr@10"],
                "map": other.values["map"],
                "recall": other.values.get(f"r@{k}", other.values["r@10"]),
            }
            for one, other in pairs
            if one.values and other.values
        }
    rows = []
    for query, result in zip(asked.queries, results, strict=False):
        seconds = sum(each.seconds for each in result.scored)
        own = {"id": query.id, "text": query.text, "rescued": len(result.rescued), "seconds": seconds}
        rows.append(own | {"figures": figures.get(query.id)})
    return rows
