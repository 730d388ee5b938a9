"""A training as it goes: NDCG@10 of the dev queries, and under it the loss, over the steps."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from playground.core.training import TrainingPoint
from playground.plots.figure import axis, clear_layout, safe
from playground.plots.palette import DROPPED, KEPT
from playground.plots.words import ENGLISH, Words

HEIGHT = 300
FEW_STEPS = 8


def draw(points: Sequence[TrainingPoint], total: int, *, words: Words = ENGLISH) -> go.Figure:
    """Two figures over one axis of steps: they share no axis of values.

    Args:
        total: steps in all, so that what is still to come has its place; 0 takes the last step.
    """
    dev = [point for point in points if point.ndcg is not None]
    loss = [point for point in points if point.loss is not None]
    last = total or max((point.step for point in points), default=1)
    figure = go.Figure(
        [
            go.Scatter(
                x=[point.step for point in dev],
                y=[point.ndcg for point in dev],
                mode="lines+markers",
                line={"color": KEPT.mark, "width": 2.5},
                marker={"size": 8},
                hovertemplate="%{y:.3f}<extra></extra>",
                cliponaxis=False,
                name="NDCG@10",
            ),
            go.Scatter(
                x=[point.step for point in loss],
                y=[point.loss for point in loss],
                mode="lines",
                line={"color": DROPPED.mark, "width": 2},
                hovertemplate="%{y:.3f}<extra></extra>",
                name=safe(words.loss),
                yaxis="y2",
            ),
        ],
        clear_layout(HEIGHT),
    )
    # There is no half step.
    steps = {"dtick": 1} if last < FEW_STEPS else {}
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 12, "b": 44},
        xaxis=axis(title={"text": safe(words.step)}, range=[0, last], anchor="y2", zeroline=False, **steps),
        yaxis=axis(title={"text": safe(words.dev_ndcg)}, domain=[0.54, 1.0], automargin=True, zeroline=False, nticks=5),
        yaxis2=axis(title={"text": safe(words.loss)}, domain=[0.0, 0.44], automargin=True, zeroline=False, nticks=5),
    )
    return figure
