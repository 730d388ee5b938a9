"""How the scores lie: a histogram, kept over dropped, with the threshold line."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise

import plotly.graph_objects as go

from playground.core.types import RerankResult
from playground.plots.figure import Unit, axis, drawable, empty, is_kept, layout, meta, on_axis
from playground.plots.palette import DROPPED, KEPT
from playground.plots.words import ENGLISH, Words, axis_title

HEIGHT = 200

_FEWEST_BINS, _MOST_BINS = 8, 40
_SIGMOID_BINS = 20
_MOST_TICKS, _COUNT_TICKS = 8, 4


def draw(result: RerankResult, threshold: float | None, unit: Unit, *, words: Words = ENGLISH) -> go.Figure:
    """Counts of every scored passage in equal bins: trace 0 is dropped, trace 1 kept, stacked, so that the bin in which
    the threshold lies shows both.

    `layout.meta` has `values` (all scores, on the axis) and `edges` (bin n holds edges[n] <= value < edges[n + 1], the
    last one its upper edge too), from which a script counts again when the line moves. `layout.shapes[0]` is the line.

    Args:
        threshold: on the axis, so in `unit`. None keeps all.
    Raises:
        InvalidInput: `unit` is "sigmoid" on a scale whose sigmoid means nothing.
    """
    title = axis_title(result.scale, unit, words)
    values = [on_axis(scored.logit, unit) for scored in drawable(result)]
    if not values:
        return empty(words)
    edges = bin_edges(values, unit)
    dropped = counts([value for value in values if not is_kept(value, threshold)], edges)
    kept = counts([value for value in values if is_kept(value, threshold)], edges)
    # Left alone, plotly puts the ticks on the middles of few bars.
    dtick = round_step((edges[-1] - edges[0]) / _MOST_TICKS)
    bars = [_bars("dropped", dropped, edges, DROPPED.mark), _bars("kept", kept, edges, KEPT.mark)]
    return go.Figure(
        bars,
        layout(
            unit,
            threshold,
            HEIGHT,
            barmode="stack",
            bargap=0.05,
            meta={**meta(result, unit, threshold, len(values)), "edges": edges},
            xaxis=axis(title={"text": title}, range=_shown_range(edges, threshold), tick0=0, dtick=dtick),
            yaxis=axis(
                title={"text": words.n_passages},
                rangemode="tozero",
                automargin=True,
                tick0=0,
                dtick=max(1, round_step(max(map(sum, zip(dropped, kept, strict=True))) / _COUNT_TICKS)),
            ),
        ),
    )


def bin_edges(values: list[float], unit: Unit) -> list[float]:
    """Edges of equal bins on round numbers: twenty from 0 to 1 for a sigmoid, else about the root of the count."""
    if unit == "sigmoid":
        return [n / _SIGMOID_BINS for n in range(_SIGMOID_BINS + 1)]
    low, high = min(values), max(values)
    if high - low < 1e-6 * max(1.0, abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    n_bins = min(_MOST_BINS, max(_FEWEST_BINS, math.ceil(math.sqrt(len(values)))))
    step = round_step((high - low) / n_bins)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [n * step for n in range(first, last + 1)]


def round_step(step: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= step * (1 - 1e-9))


def counts(values: list[float], edges: list[float]) -> list[int]:
    """How many values lie in each bin; one on an edge belongs to the bin above, on the last edge to the last bin."""
    found = [0] * (len(edges) - 1)
    for value in values:
        found[min(max(bisect_right(edges, value) - 1, 0), len(found) - 1)] += 1
    return found


def _bars(name: str, heights: list[int], edges: list[float], colour: str) -> go.Bar:
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    return go.Bar(
        name=name,
        x=middles,
        y=heights,
        width=[high - low for low, high in pairwise(edges)],
        marker={"color": colour, "line": {"width": 0}},
        hoverinfo="x+y",
    )


def _shown_range(edges: list[float], threshold: float | None) -> list[float]:
    line = [threshold] if threshold is not None and math.isfinite(threshold) else []
    low, high = min([edges[0], *line]), max([edges[-1], *line])
    margin = (high - low) * 0.02
    return [low - margin, high + margin]
