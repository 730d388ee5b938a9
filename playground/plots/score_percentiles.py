"""Scores of different scales on one axis that says what it is: the percentile within each model's own run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from playground.analysis.alignment import Aligned, align
from playground.analysis.naming import names as names_of
from playground.analysis.percentiles import percentiles
from playground.core.types import RerankResult
from playground.plots.figure import axis, clear_layout, hover_text, lines, numbered, safe, says, shorten
from playground.plots.palette import SERIES
from playground.plots.words import ENGLISH, Words

MAX_ROWS = 40
PIXELS_PER_ROW = 28
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "triangle-down", "x")

_LABEL_COLUMNS = 26
_FRAME_PIXELS = 100


def draw(results: Sequence[RerankResult], *, names: Sequence[str] | None = None, words: Words = ENGLISH) -> go.Figure:
    """One row for each passage that every model scored, one mark for each model; the passage that stands highest over
    all models on top, 40 at most.

    Raw scores never share the axis: a mark's tooltip has the raw value and its scale. Trace n is model n; `customdata`
    holds the input place of each passage.
    """
    if not results:
        return says(words.needs_model)
    aligned = align(results)
    columns = list(names or names_of(results))
    found = np.array([percentiles(scores) for scores in aligned.scores])
    n_passages = len(aligned.passages)
    order = sorted(range(n_passages), key=lambda place: (-found[:, place].mean(), place))[:MAX_ROWS]
    marks = [
        _marks(aligned, row, result, columns[row], [(place, float(found[row][place])) for place in order], words)
        for row, result in enumerate(results)
    ]
    title = lines(words.percentile, 44)
    if len(order) < n_passages:
        title += f"<br>{safe(words.more.format(n=len(order), total=n_passages))}"
    figure = go.Figure(marks, clear_layout(_FRAME_PIXELS + PIXELS_PER_ROW * len(order)))
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False},
        margin={"l": 8, "r": 8, "t": 40, "b": 64},
        meta={"passages": [aligned.indexes[place] for place in order], "names": columns},
        xaxis=axis(title={"text": title}, range=[-2, 102], dtick=25, zeroline=False),
        yaxis=axis(
            range=[len(order) - 0.5, -0.5],
            tickvals=list(range(len(order))),
            ticktext=[
                numbered(aligned.indexes[place] + 1, aligned.passages[place].text, _LABEL_COLUMNS) for place in order
            ],
            automargin=True,
            zeroline=False,
        ),
    )
    return figure


def _marks(
    aligned: Aligned,
    row: int,
    result: RerankResult,
    name: str,
    shown: Sequence[tuple[int, float]],
    words: Words,
) -> go.Scatter:
    n_models = len(aligned.scores)
    # Marks of equal percentile stand below each other, one model's over the next's.
    shift = (row - (n_models - 1) / 2) * min(0.2, 0.7 / n_models)
    return go.Scatter(
        x=[percentile for _, percentile in shown],
        y=[height + shift for height in range(len(shown))],
        mode="markers",
        marker={"color": SERIES[row % len(SERIES)], "symbol": SYMBOLS[row % len(SYMBOLS)], "size": 11},
        name=safe(shorten(name, 30)),
        customdata=[aligned.indexes[place] for place, _ in shown],
        hovertext=[_hover(aligned, row, result, name, place, percentile, words) for place, percentile in shown],
        hoverinfo="text",
    )


def _hover(
    aligned: Aligned,
    row: int,
    result: RerankResult,
    name: str,
    place: int,
    percentile: float,
    words: Words,
) -> str:
    tie = "=" if aligned.tied[row][place] else ""
    head = [
        safe(shorten(name, 40)),
        f"{result.scale.name} {aligned.scores[row][place]:.4f}",
        f"{words.rank} {aligned.ranks[row][place]}{tie}",
        words.at_percentile.format(percentile=f"{percentile:.0f}"),
    ]
    return f"{' · '.join(head)}<br>{hover_text(aligned.passages[place].text)}"
