"""What both figures share: a see-through layout, the threshold line, the values on the axis, text made safe."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from playground.core.scales import sigmoid
from playground.core.types import RerankResult, ScoredPassage
from playground.plots.palette import DROPPED, KEPT, THRESHOLD
from playground.plots.words import Words

Unit = Literal["logit", "sigmoid"]

_CLEAR = "rgba(0,0,0,0)"
_GRID = "rgba(128,128,128,0.25)"
# They turn round the order of everything behind them, the plot's own words included.
_DIRECTIONS = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"))


def drawable(result: RerankResult) -> list[ScoredPassage]:
    """The scored passages, best first, without any that has no finite score."""
    return [scored for scored in result.scored if math.isfinite(scored.logit)]


def on_axis(logit: float, unit: Unit) -> float:
    """The raw output as the axis shows it."""
    return sigmoid(logit) if unit == "sigmoid" else logit


def is_kept(value: float, threshold: float | None) -> bool:
    """At or over the threshold; everything is kept where there is none."""
    return threshold is None or value >= threshold


def colour(value: float, threshold: float | None) -> str:
    return KEPT.mark if is_kept(value, threshold) else DROPPED.mark


def axis_range(values: list[float], threshold: float | None, unit: Unit, room: float = 0.0) -> tuple[float, float]:
    """From the lowest to the highest value, with zero and the threshold; `room` is the share left on both sides."""
    if unit == "sigmoid":
        return 0.0, 1.0 + room
    line = [threshold] if threshold is not None and math.isfinite(threshold) else []
    low, high = min([*values, *line, 0.0]), max([*values, *line, 0.0])
    margin = (high - low or 1.0) * max(room, 0.02)
    return (low - margin if low < 0 else low), (high + margin if high > 0 else high)


def layout(unit: Unit, threshold: float | None, height: int, **more: Any) -> go.Layout:
    """A layout without title or colours of its own text: CSS gives those, by theme."""
    return go.Layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 44},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        **{"shapes": [threshold_line(threshold)], **more},
    )


def threshold_line(threshold: float | None) -> dict[str, Any]:
    """A dotted line over the whole height; always there for a script to move, hidden without a threshold."""
    shown = threshold is not None and math.isfinite(threshold)
    place = threshold if shown else 0.0
    return {
        "type": "line",
        "name": "threshold",
        "visible": shown,
        "xref": "x",
        "yref": "paper",
        "x0": place,
        "x1": place,
        "y0": 0,
        "y1": 1,
        "line": {"color": THRESHOLD.mark, "width": 2, "dash": "dot"},
    }


def axis(**more: Any) -> dict[str, Any]:
    return {"gridcolor": _GRID, "zerolinecolor": _GRID, "zerolinewidth": 2, "fixedrange": True, **more}


def meta(result: RerankResult, unit: Unit, threshold: float | None, n_shown: int) -> dict[str, Any]:
    """What the page's script needs to recolour without asking the server. JSON only, so no infinity in it.

    `logits` and `values` (the logits as the axis shows them) are those of every scored passage, best first.
    """
    logits = [scored.logit for scored in drawable(result)]
    return {
        "unit": unit,
        "scale": result.scale.name,
        "threshold": threshold if threshold is not None and math.isfinite(threshold) else None,
        "logits": logits,
        "values": [on_axis(logit, unit) for logit in logits],
        "n_shown": n_shown,
        "n_total": len(logits),
        "kept_colour": KEPT.mark,
        "dropped_colour": DROPPED.mark,
    }


def empty(words: Words) -> go.Figure:
    """A figure that says what to do, for a result without scores."""
    figure = go.Figure(layout=layout("logit", None, 160, xaxis={"visible": False}, yaxis={"visible": False}))
    figure.update_layout(meta={"unit": "logit", "logits": [], "values": [], "n_shown": 0, "n_total": 0})
    figure.add_annotation(text=safe(words.empty), xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    return figure


def clear_layout(height: int, **more: Any) -> go.Layout:
    """As `layout`, for a figure without a threshold."""
    return layout("logit", None, height, **{"shapes": [], **more})


def says(sentence: str) -> go.Figure:
    """A figure that says what it needs; `meta["empty"]` is True."""
    hidden = {"visible": False, "fixedrange": True}
    figure = go.Figure(layout=clear_layout(160, xaxis=hidden, yaxis=hidden, meta={"empty": True}))
    figure.add_annotation(text=lines(sentence, 44), xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    return figure


def numbered(number: int, text: str, width: int) -> str:
    """The place of a passage, from 1, and its first words; safe."""
    return f"{number} · {safe(shorten(text, width))}"


def hover_text(text: str, width: int = 60, n_lines: int = 12) -> str:
    """The text in lines, safe; one longer than twelve lines is cut."""
    return lines(text, width, n_lines)


def lines(text: str, width: int, n_lines: int = 6) -> str:
    """The text as plotly shows it in lines of at most `width` columns."""
    return "<br>".join(map(safe, wrap(text, width, n_lines)))


def safe(text: str) -> str:
    """The text as plotly must get it to show it as it is: its markup, TeX and text directions have no effect."""
    one_line = " ".join(text.translate(_DIRECTIONS).split())
    escaped = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("$", "&#36;")


def shorten(text: str, width: int) -> str:
    """The beginning of the text on one line, at most `width` columns wide (a Chinese character takes two)."""
    one_line = " ".join(text.translate(_DIRECTIONS).split())
    used = 0
    for place, char in enumerate(one_line):
        used += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if used > width:
            return one_line[: max(place - 1, 1)].rstrip() + "…"
    return one_line


def wrap(text: str, width: int, n_lines: int) -> list[str]:
    """The text in lines of at most `width` columns, cut after `n_lines`."""
    rest = " ".join(text.translate(_DIRECTIONS).split())
    lines: list[str] = []
    while rest and len(lines) < n_lines:
        head = shorten(rest, width).removesuffix("…") if len(lines) < n_lines - 1 else shorten(rest, width)
        if len(head) < len(rest) and not head.endswith("…"):
            space = head.rfind(" ")
            head = head[:space] if space > len(head) // 2 else head
        lines.append(head)
        rest = rest[len(head) :].lstrip()
    return lines


def heights_of(columns: Iterable[Sequence[int]], shown: Sequence[int]) -> list[dict[int, int]]:
    """For each column of ranks the height of each passage drawn, from 0 at the top: by rank, then as in the column
    before."""
    found: list[dict[int, int]] = []
    before = {place: place for place in shown}
    for ranks in columns:
        order = sorted(shown, key=lambda place: (ranks[place], before[place]))
        before = {place: height for height, place in enumerate(order)}
        found.append(before)
    return found
