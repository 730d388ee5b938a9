"""Where each passage stands after every layer at which a model may stop: lines over layers."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from playground.analysis.depth import TOP, DepthRanks, ranks_by_depth
from playground.core.depths import Depths
from playground.plots.figure import axis, clear_layout, heights_of, hover_text, lines, safe, shorten
from playground.plots.palette import DROPPED, SERIES, THRESHOLD
from playground.plots.words import ENGLISH, Words

MAX_LINES = 60

_LABEL_COLUMNS = 24
_KEY_COLUMNS = 48
_FRAME_PIXELS = 110
_FEW = 20
# Of the best after the last layer; the orange of the chosen layer is left out.
_BEST = tuple(colour for colour in SERIES if colour != THRESHOLD.mark)[:TOP]


def draw(depths: Depths, *, words: Words = ENGLISH) -> go.Figure:
    """One line for each passage over the layers, the best on top; the labels stand where the lines end.

    Ranks share the axis, scores of two layers would not. Tied passages share a rank and stand below each other, in the
    order of the layer before, with hollow marks. The best three after the last layer are coloured. The chosen layer is
    a dotted line named "chosen". Beyond 60 passages the best after the last layer are drawn, and the foot says so.

    Trace n is the passage of input place `meta["passages"][n]`; `meta["layers"]` are those of the axis.
    """
    found = ranks_by_depth(depths)
    total = found.ranks.shape[1]
    shown = sorted(range(total), key=lambda place: (found.ranks[-1][place], place))[:MAX_LINES]
    slots = heights_of(found.ranks, shown)
    end = sorted(shown, key=lambda place: slots[-1][place])
    key = lines(words.depth_key, _KEY_COLUMNS)
    if len(shown) < total:
        key = f"{safe(words.more.format(n=len(shown), total=total))}<br>{key}"
    figure = go.Figure(
        [_line(depths, found, place, [column[place] for column in slots], words) for place in reversed(end)],
        clear_layout(_FRAME_PIXELS + (26 if len(shown) <= _FEW else 15) * max(len(shown), 4)),
    )
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 40, "b": 70},
        meta={"passages": list(reversed(end)), "layers": list(depths.layers)},
        shapes=[_chosen(depths.chosen)],
        xaxis=axis(
            title={"text": safe(words.layer), "standoff": 4},
            range=[depths.layers[0] - 0.6, depths.layers[-1] + 0.6],
            side="top",
            zeroline=False,
            dtick=1 if len(depths.layers) <= 12 else None,
            tickformat="d",
        ),
        yaxis=axis(
            range=[len(shown) - 0.4, -0.6],
            tickvals=[slots[-1][place] for place in end],
            ticktext=[_label(depths, found, place) for place in end],
            tickfont={"size": 12 if len(shown) <= _FEW else 10},
            side="right",
            automargin=True,
            showgrid=False,
            zeroline=False,
        ),
    )
    at_the_foot = {"xref": "paper", "yref": "paper", "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "yshift": -6}
    figure.add_annotation(text=key, showarrow=False, align="left", **at_the_foot)
    return figure


def _line(depths: Depths, found: DepthRanks, place: int, heights: Sequence[int], words: Words) -> go.Scatter:
    rank = int(found.ranks[-1][place])
    best = rank <= TOP
    colour = _BEST[rank - 1] if best else DROPPED.mark
    symbols = ["circle-open" if tied else "circle" for tied in found.tied[:, place]]
    return go.Scatter(
        x=list(depths.layers),
        y=list(heights),
        mode="lines+markers",
        line={"color": colour, "width": 3 if best else 1.5},
        marker={"color": colour, "size": 9 if best else 6, "symbol": symbols, "opacity": 1},
        opacity=1 if best else 0.7 if len(found.ranks[0]) <= _FEW else 0.4,
        customdata=[place] * len(heights),
        hovertext=[
            f"<b>{place + 1}</b> · {hover_text(depths.request.passages[place].text, n_lines=4)}<br>"
            f"{safe(words.layer)} {layer}: {words.rank} {ranks[place]}{'=' if tied[place] else ''} · "
            f"{depths.scale.name} {logit:.4f}"
            for layer, ranks, tied, logit in zip(
                depths.layers, found.ranks, found.tied, depths.logits[place].tolist(), strict=True
            )
        ],
        hoverinfo="text",
        name=str(place + 1),
    )


def _label(depths: Depths, found: DepthRanks, place: int) -> str:
    tie = "=" if found.tied[-1][place] else ""
    return f"{found.ranks[-1][place]}{tie} · {safe(shorten(depths.request.passages[place].text, _LABEL_COLUMNS))}"


def _chosen(layer: int) -> dict[str, object]:
    line = {"color": THRESHOLD.mark, "width": 2, "dash": "dot"}
    ends = {"xref": "x", "yref": "paper", "x0": layer, "x1": layer, "y0": 0, "y1": 1}
    return {"type": "line", "name": "chosen", "layer": "below", "line": line, **ends}
