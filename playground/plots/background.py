"""The cosines of unrelated pairs, with one pair's cosine among them."""

from __future__ import annotations

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from playground.analysis.background import check, percentiles_in
from playground.plots.figure import axis, clear_layout, safe, threshold_line
from playground.plots.heatmap import beside_unrelated
from playground.plots.palette import DROPPED
from playground.plots.score_distribution import bin_edges, counts
from playground.plots.words import ENGLISH, Words

HEIGHT = 200


def draw(background: ArrayLike, cosine: float | None = None, *, words: Words = ENGLISH) -> go.Figure:
    """Counts of unrelated pairs in equal bins; the dotted line `layout.shapes[0]` is the pair's cosine.

    `layout.meta` has `edges`, `cosine` and its `percentile` (0 to 100, None without a pair).

    Raises:
        InvalidInput: fewer than 20 pairs, or one that is no cosine.
    """
    pool = check(background)
    edges = bin_edges(pool.tolist(), "logit")
    found = counts(pool.tolist(), edges)
    step = edges[1] - edges[0]
    bars = go.Bar(
        x=[edge + step / 2 for edge in edges[:-1]],
        y=found,
        width=step,
        marker={"color": DROPPED.mark, "line": {"width": 0}},
        hoverinfo="x+y",
    )
    title, percentile = words.cosine, None
    if cosine is not None:
        percentile = float(percentiles_in(cosine, pool))
        title = f"{words.cosine} {cosine:.2f}: {beside_unrelated(cosine, percentile, pool, words)}"
    line = threshold_line(cosine) | {"name": "pair"}
    figure = go.Figure(bars, clear_layout(HEIGHT, shapes=[line], bargap=0.05))
    ends = [edges[0], edges[-1]] if cosine is None else [min(edges[0], cosine), max(edges[-1], cosine)]
    margin = 0.02 * (ends[1] - ends[0])
    figure.update_layout(
        meta={"edges": edges, "cosine": cosine, "percentile": percentile, "n_pairs": len(pool)},
        xaxis=axis(title={"text": safe(title)}, range=[ends[0] - margin, ends[1] + margin], zeroline=False),
        yaxis=axis(title={"text": words.unrelated_pairs}, rangemode="tozero", automargin=True, nticks=4),
    )
    return figure
