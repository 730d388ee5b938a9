"""One bar per passage, best on top, with the threshold line."""

from __future__ import annotations

import plotly.graph_objects as go

from playground.core.types import RerankResult, ScoredPassage
from playground.plots.figure import (
    Unit,
    axis,
    axis_range,
    colour,
    drawable,
    empty,
    layout,
    meta,
    on_axis,
    safe,
    shorten,
    wrap,
)
from playground.plots.words import ENGLISH, Words, axis_title

MAX_BARS = 60
PIXELS_PER_BAR = 26

_FRAME_PIXELS = 60
_LABEL_COLUMNS = 22
_HOVER_COLUMNS = 60
_HOVER_LINES = 6


def draw(result: RerankResult, threshold: float | None, unit: Unit, *, words: Words = ENGLISH) -> go.Figure:
    """Horizontal bars of the best 60 passages; how many there are in all stands under the axis.

    `customdata` holds each passage's index in the input, `layout.shapes[0]` is the threshold line (hidden without one),
    `layout.meta` what a script needs to recolour the bars (see `figure.meta`; bar n shows `values[n]`).

    Args:
        threshold: on the axis, so in `unit`; bars at or over it are kept. None keeps all.
    Raises:
        InvalidInput: `unit` is "sigmoid" on a scale whose sigmoid means nothing.
    """
    title = axis_title(result.scale, unit, words)
    everything = drawable(result)
    if not everything:
        return empty(words)
    scored = everything[:MAX_BARS]
    if len(scored) < len(everything):
        title += f" · {words.more.format(n=len(scored), total=len(everything))}"
    values = [on_axis(one.logit, unit) for one in scored]
    bars = go.Bar(
        x=values,
        y=list(range(len(scored))),
        orientation="h",
        marker={"color": [colour(value, threshold) for value in values], "line": {"width": 0}},
        customdata=[one.index for one in scored],
        text=[_number(value, unit) for value in values],
        textposition="outside",
        cliponaxis=False,
        hovertext=[_hover(one, unit, words) for one in scored],
        hoverinfo="text",
    )
    # Given at once: an update of a layout takes plotly longer than all the rest.
    return go.Figure(
        bars,
        layout(
            unit,
            threshold,
            _FRAME_PIXELS + PIXELS_PER_BAR * len(scored),
            bargap=0.3,
            meta=meta(result, unit, threshold, len(scored)),
            xaxis=axis(title={"text": title}, range=list(axis_range(values, threshold, unit, room=0.2))),
            yaxis=axis(
                range=[len(scored) - 0.5, -0.5],
                tickvals=list(range(len(scored))),
                ticktext=[_label(one) for one in scored],
                automargin=True,
                showgrid=False,
                zeroline=False,
            ),
        ),
    )


def _label(scored: ScoredPassage) -> str:
    tie = "=" if scored.tied else ""
    return f"{scored.rank}{tie} · {safe(shorten(scored.passage.text, _LABEL_COLUMNS))}"


def _number(value: float, unit: Unit) -> str:
    # The minus sign of the axis.
    return f"{value:.{3 if unit == 'sigmoid' else 2}f}".replace("-", "−")


def _hover(scored: ScoredPassage, unit: Unit, words: Words) -> str:
    cut = f" · {scored.n_cut:,} {words.cut}" if scored.n_cut else ""
    shown = f" · sigmoid {on_axis(scored.logit, unit):.4f}" if unit == "sigmoid" else ""
    read = "" if scored.n_tokens is None else f" · {scored.n_tokens:,} {words.tokens}{cut}"
    head = f"{words.rank} {scored.rank} · {scored.logit:.4f}{shown}{read}"
    return "<br>".join([head, *map(safe, wrap(scored.passage.text, _HOVER_COLUMNS, _HOVER_LINES))])
