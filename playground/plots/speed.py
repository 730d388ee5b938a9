"""Ways to run a model: how fast each is, and how far its outputs lie from fp32's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout, safe, shorten
from playground.plots.palette import DROPPED, KEPT
from playground.plots.words import ENGLISH, Words

if TYPE_CHECKING:
    from playground.analysis.fastest import SpeedRow

PIXELS_PER_ROW = 34
_FRAME_PIXELS = 64
_LABEL_COLUMNS = 30


def draw(rows: Sequence[SpeedRow], names: Sequence[str], *, words: Words = ENGLISH) -> go.Figure:
    """One bar for each that was timed: pairs per second, with its drift written on it. Grey bars do not keep the order
    of fp32.

    Args:
        names: of the rows.
    """
    shown = [(row, name) for row, name in zip(rows, names, strict=True) if row.pairs_per_second]
    bars = go.Bar(
        orientation="h",
        x=[row.pairs_per_second for row, _ in shown],
        y=list(range(len(shown))),
        marker={"color": [(KEPT if row.keeps_order else DROPPED).mark for row, _ in shown]},
        text=[_said(row, words) for row, _ in shown],
        textposition="auto",
        insidetextanchor="start",
        insidetextfont={"color": "#000000"},
        hoverinfo="skip",
        constraintext="none",
    )
    figure = go.Figure(bars, clear_layout(_FRAME_PIXELS + PIXELS_PER_ROW * max(1, len(shown))))
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 8, "b": 44},
        xaxis=axis(title={"text": words.pairs_per_second}, rangemode="tozero", zeroline=False),
        yaxis=axis(
            range=[len(shown) - 0.5, -0.5],
            tickvals=list(range(len(shown))),
            ticktext=[safe(shorten(name, _LABEL_COLUMNS)) for _, name in shown],
            automargin=True,
            showgrid=False,
            zeroline=False,
        ),
    )
    return figure


def _said(row: SpeedRow, words: Words) -> str:
    if row.drift is None:
        return f"{row.pairs_per_second:.3g}"
    return words.speed_says.format(pairs=f"{row.pairs_per_second:.3g}", drift=f"{row.drift:.2g}")
