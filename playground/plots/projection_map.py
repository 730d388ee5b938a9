"""Query and passages as points of a flat map."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from playground.analysis.projection import Projection
from playground.core.types import Passage
from playground.plots.figure import axis, clear_layout, hover_text, safe, says
from playground.plots.palette import KEPT, ON_MARK, THRESHOLD
from playground.plots.words import ENGLISH, Words

HEIGHT = 440
NUMBERS_UP_TO = 80


def draw(projection: Projection, query: str, passages: Sequence[Passage], *, words: Words = ENGLISH) -> go.Figure:
    """A star for the query, a numbered circle for each passage; both axes have one scale, and say how much of the
    variance they show.

    Trace 0 is the passages (`customdata` holds their input places), trace 1 the query (-1).

    Args:
        projection: of the query first and the passages in input order behind it.
    """
    if projection.reason:
        return says(projection.reason)
    first, rest = projection.points[0], projection.points[1:]
    n = len(passages)
    circles = go.Scatter(
        x=rest[:, 0].tolist(),
        y=rest[:, 1].tolist(),
        mode="markers+text" if n <= NUMBERS_UP_TO else "markers",
        marker={"color": KEPT.mark, "size": 19 if n <= NUMBERS_UP_TO else 8, "line": {"width": 0}},
        text=[str(place + 1) for place in range(n)],
        textfont={"color": ON_MARK, "size": 11},
        customdata=list(range(n)),
        hovertext=[f"<b>{place + 1}</b> · {hover_text(passage.text)}" for place, passage in enumerate(passages)],
        hoverinfo="text",
    )
    star = go.Scatter(
        x=[float(first[0])],
        y=[float(first[1])],
        mode="markers",
        marker={"color": THRESHOLD.mark, "size": 20, "symbol": "star", "line": {"width": 0}},
        customdata=[-1],
        hovertext=[f"<b>{safe(words.query)}</b> · {hover_text(query)}"],
        hoverinfo="text",
    )
    figure = go.Figure([circles, star], clear_layout(HEIGHT))
    titles = [
        words.explained.format(n=number, share=f"{100 * share:.0f}")
        for number, share in enumerate(projection.explained, start=1)
    ]
    figure.update_layout(
        meta={"explained": list(projection.explained), "n_passages": n},
        xaxis=axis(title={"text": titles[0]}, showticklabels=False),
        yaxis=axis(title={"text": titles[1]}, showticklabels=False, scaleanchor="x", automargin=True),
    )
    return figure
