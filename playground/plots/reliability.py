"""What was predicted against what came true: the reliability diagram of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout
from playground.plots.palette import DROPPED, KEPT
from playground.plots.words import ENGLISH, Words

if TYPE_CHECKING:
    from playground.analysis.calibration import Bin

HEIGHT = 320

_LARGEST, _SMALLEST = 22, 7


def draw(bins: Sequence[Bin], *, words: Words = ENGLISH) -> go.Figure:
    """Trace 0 is the diagonal, trace 1 one mark for each bin that holds pairs: mean prediction (x), share that is
    relevant (y) with its 95 % band, and the number of pairs, which the size shows too.
    """
    shown = [one for one in bins if one.n]
    most = max((one.n for one in shown), default=1)
    marks = go.Scatter(
        x=[one.mean for one in shown],
        y=[one.share for one in shown],
        mode="markers+text",
        marker={
            "color": KEPT.mark,
            "size": [_SMALLEST + (_LARGEST - _SMALLEST) * (one.n / most) ** 0.5 for one in shown],
            "line": {"width": 0},
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [one.share_high - one.share for one in shown],
            "arrayminus": [one.share - one.share_low for one in shown],
            "color": KEPT.mark,
            "thickness": 1.5,
            "width": 4,
        },
        text=[f"n={one.n}" for one in shown],
        textposition=["middle right" if one.mean < 0.8 else "middle left" for one in shown],
        textfont={"size": 11},
        cliponaxis=False,
        hovertext=[
            words.bin_says.format(
                n=one.n, n_relevant=one.n_relevant, low=f"{one.low:.2f}", high=f"{one.high:.2f}", mean=f"{one.mean:.2f}"
            )
            for one in shown
        ],
        hoverinfo="text",
    )
    diagonal = go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": DROPPED.mark, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )
    figure = go.Figure([diagonal, marks], clear_layout(HEIGHT))
    frame = {"range": [-0.03, 1.05], "dtick": 0.25, "zeroline": False}
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 12, "b": 44},
        xaxis=axis(title={"text": words.predicted}, **frame),
        yaxis=axis(title={"text": words.came_true}, automargin=True, **frame),
    )
    return figure
