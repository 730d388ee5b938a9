"""Where each passage stands with each model: lines over columns of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from playground.analysis.alignment import Aligned, align, orders_nothing
from playground.analysis.naming import names as names_of
from playground.core.types import RerankResult
from playground.plots.figure import axis, clear_layout, heights_of, hover_text, lines, safe, says, shorten, wrap
from playground.plots.palette import DROPPED, KEPT, ON_MARK, THRESHOLD
from playground.plots.words import ENGLISH, Words

MAX_LINES = 60
PIXELS_PER_LINE = 26

_LABEL_COLUMNS = 24
_NAME_COLUMNS = 18
_KEY_COLUMNS = 44
_WIDTH = 2.5
_FRAME_PIXELS = 100


def draw(results: Sequence[RerankResult], *, names: Sequence[str] | None = None, words: Words = ENGLISH) -> go.Figure:
    """One line for each passage that every model scored, one column for each model, the best on top.

    The first result is the baseline: lines that end higher than they start are blue, lower orange, level grey. Ranks
    are those among the passages that all scored. Tied passages share a rank and stand below each other within one
    bracket, in the order of the column before, so that a tie crosses no lines. Beyond 60 passages the best of any
    model are drawn, and the axis says so.

    Trace n is the passage of input place `meta["passages"][n]`; its `customdata` repeats it. A script isolates one by
    the opacity of the other traces. Brackets are shapes named "tie".
    """
    if len(results) < 2:
        return says(words.needs_two_models if results else words.needs_model)
    aligned = align(results)
    shown = _shown(aligned)
    columns = list(names or names_of(results))
    slots = heights_of(aligned.ranks, shown)
    traces = [_line(aligned, results, columns, place, [column[place] for column in slots], words) for place in shown]
    key = lines(words.shift_key, _KEY_COLUMNS)
    if len(shown) < len(aligned.passages):
        key = f"{safe(words.the_first.format(n=len(shown), total=len(aligned.passages)))}<br>{key}"
    figure = go.Figure(traces, clear_layout(_FRAME_PIXELS + PIXELS_PER_LINE * len(shown)))
    first = sorted(shown, key=lambda place: slots[0][place])
    figure.update_layout(
        margin={"l": 8, "r": 24, "t": 30, "b": 64},
        shapes=_brackets(aligned, shown, slots),
        meta={"passages": [aligned.indexes[place] for place in shown], "names": columns, "width": _WIDTH},
        xaxis=axis(
            tickvals=list(range(len(columns))),
            ticktext=["<br>".join(map(safe, wrap(name, _NAME_COLUMNS, 3))) for name in columns],
            range=[-0.15, len(columns) - 0.85],
            side="top",
            automargin=True,
            zeroline=False,
        ),
        yaxis=axis(
            range=[len(shown) - 0.4, -0.6],
            tickvals=[slots[0][place] for place in first],
            ticktext=[_label(aligned, place) for place in first],
            automargin=True,
            showgrid=False,
            zeroline=False,
        ),
    )
    at_the_foot = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0, "yanchor": "top", "yshift": -4}
    figure.add_annotation(text=key, showarrow=False, **at_the_foot)
    return figure


def _shown(aligned: Aligned) -> list[int]:
    """The passages drawn, in input order: those that some model ranks best."""
    best = aligned.ranks.min(axis=0)
    total = aligned.ranks.sum(axis=0)
    order = sorted(range(len(aligned.passages)), key=lambda place: (best[place], total[place], place))
    return sorted(order[:MAX_LINES])


def _line(
    aligned: Aligned,
    results: Sequence[RerankResult],
    names: Sequence[str],
    place: int,
    heights: Sequence[int],
    words: Words,
) -> go.Scatter:
    number = aligned.indexes[place] + 1
    colour = _colour(aligned, place)
    return go.Scatter(
        x=list(range(len(heights))),
        y=list(heights),
        mode="lines+markers+text",
        line={"color": colour, "width": _WIDTH},
        marker={"color": colour, "size": 19, "line": {"width": 0}, "opacity": 1},
        text=[str(number)] * len(heights),
        textfont={"color": ON_MARK, "size": 11},
        textposition="middle center",
        customdata=[aligned.indexes[place]] * len(heights),
        hovertext=_hover(aligned, results, names, place, words),
        hoverinfo="text",
        name=str(number),
    )


def _colour(aligned: Aligned, place: int) -> str:
    """By the way from the first column to the last; a model that scores all alike moves nothing."""
    first, last = aligned.ranks[0][place], aligned.ranks[-1][place]
    if first == last or orders_nothing(aligned.scores[0]) or orders_nothing(aligned.scores[-1]):
        return DROPPED.mark
    return KEPT.mark if last < first else THRESHOLD.mark


def _label(aligned: Aligned, place: int) -> str:
    tie = "=" if aligned.tied[0][place] else ""
    return f"{aligned.ranks[0][place]}{tie} · {safe(shorten(aligned.passages[place].text, _LABEL_COLUMNS))}"


def _hover(aligned: Aligned, results: Sequence[RerankResult], names: Sequence[str], place: int, words: Words) -> str:
    found = [f"<b>{aligned.indexes[place] + 1}</b> · {hover_text(aligned.passages[place].text)}"]
    for row, (name, result) in enumerate(zip(names, results, strict=True)):
        tie = "=" if aligned.tied[row][place] else ""
        score = f"{result.scale.name} {aligned.scores[row][place]:.4f}"
        found.append(f"{safe(shorten(name, 40))}: {words.rank} {aligned.ranks[row][place]}{tie} · {score}")
    return "<br>".join(found)


def _brackets(aligned: Aligned, shown: Sequence[int], slots: Sequence[dict[int, int]]) -> list[dict[str, Any]]:
    found = []
    for column, (ranks, heights) in enumerate(zip(aligned.ranks, slots, strict=True)):
        groups: dict[int, list[int]] = {}
        for place in shown:
            groups.setdefault(int(ranks[place]), []).append(heights[place])
        for group in groups.values():
            if len(group) > 1:
                found.append(_bracket(column, min(group), max(group)))
    return found


def _bracket(column: int, top: int, bottom: int) -> dict[str, Any]:
    """A broad bar behind the numbers of tied passages."""
    line = {"color": DROPPED.mark, "width": 26}
    ends = {"x0": column, "x1": column, "y0": top - 0.42, "y1": bottom + 0.42}
    return {"type": "line", "name": "tie", "layer": "below", "opacity": 0.4, "line": line, **ends}
