"""Precision against recall, and right ones kept against wrong ones kept, over all thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from playground.analysis.curves import thinned
from playground.plots.figure import axis, clear_layout
from playground.plots.palette import DROPPED, KEPT
from playground.plots.words import ENGLISH, Words

if TYPE_CHECKING:
    from playground.analysis.curves import Floats, Points

HEIGHT = 280
MOST_POINTS = 400

_MARGIN = {"l": 8, "r": 12, "t": 12, "b": 44}
_RANGE = [-0.02, 1.03]
_DASHED = {"color": DROPPED.mark, "width": 1.5, "dash": "dash"}


def draw_precision_recall(points: Points, *, words: Words = ENGLISH) -> go.Figure:
    """Trace 0 is recall (x) and precision (y) of every cut that keeps something, trace 1 what a random order
    would give.

    Args:
        points: of both classes.
    """
    shown = thinned(points, MOST_POINTS)
    keeps = shown.tp + shown.fp > 0
    curve = _curve(shown.recall[keeps], shown.precision[keeps], shown.threshold[keeps], words.cut_says, words)
    chance = points.n_relevant / (points.n_relevant + points.n_not)
    return _figure(curve, ([0, 1], [chance, chance]), (words.recall, words.precision))


def draw_roc(points: Points, *, words: Words = ENGLISH) -> go.Figure:
    """Trace 0 is the share of the not relevant (x) and of the relevant pairs (y) that a cut keeps, trace 1 what a
    random order would give.

    Args:
        points: of both classes.
    """
    shown = thinned(points, MOST_POINTS)
    curve = _curve(shown.fpr, shown.recall, shown.threshold, words.roc_says, words)
    return _figure(curve, ([0, 1], [0, 1]), (words.false_alarms, words.recall))


def _curve(x: Floats, y: Floats, threshold: Floats, says: str, words: Words) -> go.Scatter:
    ends = {-np.inf: words.keep_all, np.inf: words.drop_all}
    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines",
        line={"color": KEPT.mark, "width": 2.5},
        hovertext=[
            says.format(cut=ends.get(cut, f"{cut:g}"), x=f"{100 * one:.1f}", y=f"{100 * other:.1f}")
            for one, other, cut in zip(x, y, threshold.tolist(), strict=True)
        ],
        hoverinfo="text",
    )


def _figure(curve: go.Scatter, chance: tuple[list[float], list[float]], titles: tuple[str, str]) -> go.Figure:
    random = go.Scatter(x=chance[0], y=chance[1], mode="lines", line=_DASHED, hoverinfo="skip")
    figure = go.Figure([curve, random], clear_layout(HEIGHT))
    figure.update_layout(
        margin=_MARGIN,
        xaxis=axis(title={"text": titles[0]}, range=_RANGE, dtick=0.25, zeroline=False, tickformat=".0%"),
        yaxis=axis(
            title={"text": titles[1]}, range=_RANGE, dtick=0.25, zeroline=False, automargin=True, tickformat=".0%"
        ),
    )
    return figure
