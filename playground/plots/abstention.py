"""What it costs and what it gains to give no answer where the best passage scores too low."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout
from playground.plots.palette import CUT, KEPT, RELEVANT
from playground.plots.words import ENGLISH, Words

if TYPE_CHECKING:
    from playground.analysis.abstention import Abstention
    from playground.analysis.curves import Floats
    from playground.core.scales import Scale

HEIGHT = 320
MOST_POINTS = 400


def draw(found: Abstention, scale: Scale, *, words: Words = ENGLISH) -> go.Figure:
    """Shares (y) over the least top score that is answered (x): trace 0 of all queries that are answered,
    traces 1 and 2 of those that have a relevant passage, and that have one on top. The line is the page's own.

    Args:
        found: with at least one cut.
    """
    threshold = np.asarray(found.threshold, dtype=np.float64)
    finite = np.flatnonzero(np.isfinite(threshold))
    places = finite[np.unique(np.linspace(0, len(finite) - 1, MOST_POINTS).astype(np.int64))]
    curves = (
        (found.answered, words.answered, KEPT.mark, "solid"),
        (found.with_relevant, words.answered_with, CUT.mark, "dot"),
        (found.top_relevant, words.answered_right, RELEVANT.mark, "dash"),
    )
    figure = go.Figure(
        [
            _curve(threshold[places], np.asarray(y)[places], name, colour, dash, words)
            for y, name, colour, dash in curves
        ],
        clear_layout(HEIGHT),
    )
    title = words.least_top_score.format(scale=scale.name)
    low, high = float(threshold[places[0]]), float(threshold[places[-1]])
    room = 0.04 * (high - low) or 0.5
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 36, "b": 44},
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        xaxis=axis(title={"text": title}, range=[low - room, high + room], zeroline=False),
        yaxis=axis(
            title={"text": words.share},
            range=[-0.02, 1.04],
            dtick=0.25,
            tickformat=".0%",
            zeroline=False,
            automargin=True,
        ),
    )
    return figure


def _curve(x: Floats, y: Floats, name: str, colour: str, dash: str, words: Words) -> go.Scatter:
    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines",
        name=name,
        line={"color": colour, "width": 2.5, "dash": dash, "shape": "hvh"},
        hovertext=[
            f"{name}<br>{words.abstention_says.format(cut=f'{cut:g}', share=f'{100 * share:.0f}')}"
            for cut, share in zip(x.tolist(), y.tolist(), strict=True)
        ],
        hoverinfo="text",
    )
