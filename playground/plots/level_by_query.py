"""Where each query's scores lie, and where a threshold of its own would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout, safe, shorten
from playground.plots.palette import DROPPED, IRRELEVANT, RELEVANT
from playground.plots.score_distribution import bin_edges
from playground.plots.words import ENGLISH, Words, axis_title

if TYPE_CHECKING:
    from playground.analysis.by_query import QueryCut
    from playground.analysis.judged import Judged
    from playground.core.scales import Scale

MOST_ROWS = 30
PIXELS_PER_ROW = 24

_FRAME_PIXELS = 70
_LABEL_COLUMNS = 24
_HOVER_COLUMNS = 60
_HEIGHT_OF_KIND = 0.16
_GREY = "rgba(128,128,128,0.28)"


def draw(
    cuts: Sequence[QueryCut], judged: Judged, queries: Sequence[str], scale: Scale, *, words: Words = ENGLISH
) -> go.Figure:
    """One row for each query with relevant passages, the lowest level on top: a grey bar spans its own best
    thresholds, marks are its pairs (trace 1 not relevant, trace 2 relevant). Of more than 30 queries 30 are drawn,
    evenly from the lowest level to the highest, and the axis says so. The line is the page's own.

    Args:
        queries: texts, by number.
    """
    levels = sorted(
        (one for one in cuts if one.median_relevant is not None), key=lambda one: (one.median_relevant, one.query)
    )
    shown = [levels[int(at)] for at in np.unique(np.linspace(0, len(levels) - 1, MOST_ROWS).round())] if levels else []
    edges = bin_edges(judged.score.tolist(), "logit")
    ends = [edges[0] - (edges[1] - edges[0]), edges[-1] + (edges[1] - edges[0])]
    figure = go.Figure(
        [
            _bars(shown, ends, words),
            _marks(shown, judged, relevant=False, words=words),
            _marks(shown, judged, relevant=True, words=words),
        ],
        clear_layout(_FRAME_PIXELS + PIXELS_PER_ROW * max(1, len(shown))),
    )
    title = axis_title(scale, "logit", words)
    if len(shown) < len(levels):
        title += f" · {words.some_queries.format(n=len(shown), total=len(levels))}"
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 8, "b": 44},
        barmode="overlay",
        xaxis=axis(title={"text": title}, range=ends, zeroline=False),
        yaxis=axis(
            range=[len(shown) - 0.5, -0.5],
            tickvals=list(range(len(shown))),
            ticktext=[safe(shorten(queries[one.query], _LABEL_COLUMNS)) for one in shown],
            automargin=True,
            showgrid=False,
            zeroline=False,
        ),
    )
    return figure


def _bars(shown: Sequence[QueryCut], ends: Sequence[float], words: Words) -> go.Bar:
    spans = [(max(one.low, ends[0]), min(one.high, ends[1])) for one in shown]
    return go.Bar(
        orientation="h",
        base=[low for low, _ in spans],
        x=[max(0.0, high - low) for low, high in spans],
        y=list(range(len(shown))),
        width=0.72,
        marker={"color": _GREY, "line": {"color": DROPPED.mark, "width": 1}},
        hovertext=[words.own_best.format(low=f"{low:.3g}", high=f"{high:.3g}") for low, high in spans],
        hoverinfo="text",
    )


def _marks(shown: Sequence[QueryCut], judged: Judged, *, relevant: bool, words: Words) -> go.Scatter:
    rows = {one.query: row for row, one in enumerate(shown)}
    places = [at for at in np.flatnonzero(judged.relevant == relevant).tolist() if int(judged.query[at]) in rows]
    shift = -_HEIGHT_OF_KIND if relevant else _HEIGHT_OF_KIND
    return go.Scatter(
        x=judged.score[places].tolist(),
        y=[rows[int(judged.query[at])] + shift for at in places],
        mode="markers",
        marker={
            "color": (RELEVANT if relevant else IRRELEVANT).mark,
            "symbol": "circle" if relevant else "x-thin-open",
            "size": 8 if relevant else 7,
            "line": {"width": 0 if relevant else 1.5, "color": (RELEVANT if relevant else IRRELEVANT).mark},
        },
        hovertext=[f"{words.relevant if relevant else words.not_relevant} · {judged.score[at]:.3f}" for at in places],
        hoverinfo="text",
    )
