"""How the scores of relevant and of not relevant pairs lie over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout
from playground.plots.palette import IRRELEVANT, RELEVANT
from playground.plots.score_distribution import bin_edges
from playground.plots.words import ENGLISH, Words, axis_title

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from playground.core.scales import Scale

HEIGHT = 300
# Above this many, single pairs would run into one stripe.
MOST_MARKS = 400

_MARGIN = {"l": 8, "r": 8, "t": 12, "b": 44}
_FILL = 0.28


def draw(score: ArrayLike, relevant: ArrayLike, scale: Scale, *, words: Words = ENGLISH) -> go.Figure:
    """Two filled outlines over equal bins: trace 0 is not relevant, trace 1 relevant. Each is the share of its own
    kind, since a set with ten wrong passages for a right one would hide the right ones.

    With few pairs, traces 2 and 3 mark every pair below the axis. `layout.meta` has `edges`, `n_not` and `n_relevant`
    (counts by bin). The line is the page's own.

    Args:
        score: (n,) raw outputs, finite; n > 0.
        relevant: (n,) whether the pair is relevant.
    """
    values, labels = np.asarray(score, dtype=np.float64), np.asarray(relevant, dtype=np.bool_)
    edges = bin_edges(values.tolist(), "logit")
    not_relevant, right = (np.histogram(values[labels == kind], edges)[0] for kind in (False, True))
    shares = [100 * each / max(1, each.sum()) for each in (not_relevant, right)]
    top = float(max(share.max() for share in shares)) or 1.0
    traces = [
        _outline(shares[0], not_relevant, edges, IRRELEVANT.mark, words.not_relevant, words),
        _outline(shares[1], right, edges, RELEVANT.mark, words.relevant, words),
    ]
    marked = len(values) <= MOST_MARKS
    if marked:
        traces += [
            _marks(values[~labels], -0.1 * top, IRRELEVANT.mark),
            _marks(values[labels], -0.045 * top, RELEVANT.mark),
        ]
    step = edges[1] - edges[0]
    figure = go.Figure(traces, clear_layout(HEIGHT))
    figure.update_layout(
        margin=_MARGIN,
        meta={"edges": edges, "n_not": not_relevant.tolist(), "n_relevant": right.tolist()},
        xaxis=axis(title={"text": axis_title(scale, "logit", words)}, range=[edges[0] - step, edges[-1] + step]),
        yaxis=axis(
            title={"text": words.share_of_kind},
            range=[-0.15 * top if marked else 0, 1.08 * top],
            automargin=True,
            ticksuffix=" %",
            nticks=4,
            tick0=0,
            zeroline=True,
        ),
    )
    return figure


def _outline(
    shares: NDArray[np.float64], counts: NDArray[np.int64], edges: list[float], colour: str, name: str, words: Words
) -> go.Scatter:
    step = edges[1] - edges[0]
    middles = [edges[0] - step / 2, *(edge + step / 2 for edge in edges[:-1]), edges[-1] + step / 2]
    total = int(counts.sum())
    said = [
        words.in_bin.format(n=int(n), total=total, kind=name, low=f"{low:g}", high=f"{high:g}")
        for n, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    return go.Scatter(
        x=middles,
        y=[0.0, *shares.tolist(), 0.0],
        mode="lines",
        name=name,
        line={"shape": "hvh", "color": colour, "width": 2},
        fill="tozeroy",
        fillcolor=_see_through(colour),
        hovertext=["", *said, ""],
        hoverinfo="text",
    )


def _marks(values: NDArray[np.float64], height: float, colour: str) -> go.Scatter:
    return go.Scatter(
        x=values.tolist(),
        y=[height] * len(values),
        mode="markers",
        marker={"symbol": "line-ns", "size": 8, "line": {"color": colour, "width": 1.5}},
        hoverinfo="x",
    )


def _see_through(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{_FILL})"
