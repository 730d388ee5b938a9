"""How deep it pays to rerank: quality, what the retriever brings at all, and time, against the depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout, safe
from playground.plots.palette import CUT, DROPPED, KEPT, RELEVANT, THRESHOLD
from playground.plots.words import ENGLISH, Words

if TYPE_CHECKING:
    from playground.analysis.funnel import Sweep

HEIGHT = 380


def draw(found: Sweep, *, words: Words = ENGLISH) -> go.Figure:
    """Over the depth (logarithmic): quality with its band, the retriever's own level, its recall; seconds on the right.

    A dotted line named "enough" stands at the depth from which more does not pay, on a band named "interval".
    """
    depths = list(found.depths)
    name = words.overlap if found.key == "overlap" else found.key.upper()
    mean = [each.mean for each in found.quality]
    low, high = [each.low for each in found.quality], [each.high for each in found.quality]
    traces: list[go.Scatter] = []
    if found.n_queries > 1:
        band: dict[str, Any] = {"x": [*depths, *reversed(depths)], "y": [*high, *reversed(low)], "fill": "toself"}
        traces.append(
            go.Scatter(
                **band, mode="none", fillcolor=_faint(KEPT.mark), hoverinfo="skip", showlegend=False, name="band"
            )
        )
    traces.append(_line(depths, mean, name, KEPT.mark, "solid", found, words))
    if found.first_stage is not None:
        level = [found.first_stage.mean] * len(depths)
        traces.append(_line(depths, level, words.retriever_alone.format(key=name), DROPPED.mark, "dash", found, words))
    if found.ceiling:
        traces.append(_line(depths, list(found.ceiling), words.ceiling, RELEVANT.mark, "dash", found, words))
    if found.seconds:
        spent = _line(depths, list(found.seconds), words.seconds_per_query, CUT.mark, "dot", found, words)
        traces.append(spent.update(yaxis="y2"))
    figure = go.Figure(traces, clear_layout(HEIGHT))
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 70, "b": 44},
        shapes=_enough(found),
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.03,
            "yanchor": "bottom",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        meta={"key": found.key, "enough": found.enough},
        xaxis=axis(
            type="log",
            title={"text": safe(words.depth)},
            tickvals=depths
            if len(depths) < 10
            else [depth for depth in depths if depth in (5, 10, 20, 50, 100, 200, 500, 1000)],
            ticktext=None,
            zeroline=False,
        ),
        yaxis=axis(
            range=[0, 1.02], tickformat=".0%" if found.key == "overlap" else ".1f", zeroline=False, automargin=True
        ),
        yaxis2=axis(
            overlaying="y",
            side="right",
            rangemode="tozero",
            showgrid=False,
            zeroline=False,
            automargin=True,
            title={"text": safe(words.seconds_per_query)} if found.seconds else None,
            visible=bool(found.seconds),
        ),
    )
    return figure


def _line(x: list[int], y: list[float], name: str, colour: str, dash: str, found: Sweep, words: Words) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2.5, "dash": dash},
        marker={"color": colour, "size": 6},
        hovertext=[
            f"{safe(name)}<br>{safe(words.depth)} {depth}: {value:.3f}" for depth, value in zip(x, y, strict=True)
        ],
        hoverinfo="text",
    )


def _enough(found: Sweep) -> list[dict[str, Any]]:
    line = {"color": THRESHOLD.mark, "width": 2, "dash": "dot"}
    ends = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1}
    shapes = [{"type": "line", "name": "enough", "x0": found.enough, "x1": found.enough, "line": line, **ends}]
    if found.enough_low is not None and found.enough_high is not None:
        colour = {"fillcolor": _faint(THRESHOLD.mark), "line": {"width": 0}, "layer": "below"}
        shapes.append(
            {"type": "rect", "name": "interval", "x0": found.enough_low, "x1": found.enough_high, **colour, **ends}
        )
    return shapes


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
