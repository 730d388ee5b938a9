"""Cosines as colours: the query against passages, passages against each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from playground.analysis.background import percentiles_in
from playground.core.types import Passage
from playground.plots.figure import axis, clear_layout, hover_text, numbered, safe, says, shorten
from playground.plots.palette import SEQUENTIAL, THRESHOLD, readable_on
from playground.plots.words import ENGLISH, Words

Colours = Literal["fixed", "fitted"]

VALUES_UP_TO = 20
HOVERS_UP_TO = 40
LABELS_UP_TO = 45
MARKS_UP_TO = 200

_LABEL_COLUMNS = 26
_HOVER_LINES = 6
_MOST_PIXELS, _LEAST_PIXELS, _FRAME_PIXELS = 34, 2.2, 70


@dataclass(frozen=True, slots=True)
class _Map:
    """What is drawn: rows from the top, columns from the left; the input's places of each."""

    values: NDArray[np.float64]
    rows: Sequence[int]
    columns: Sequence[int]
    row_texts: Sequence[str]
    column_texts: Sequence[str]
    row_labels: Sequence[str]
    column_labels: Sequence[str]


def draw_query(
    cosines: ArrayLike,
    query: str,
    passages: Sequence[Passage],
    *,
    order: Sequence[int] | None = None,
    colours: Colours = "fixed",
    background: ArrayLike | None = None,
    words: Words = ENGLISH,
) -> go.Figure:
    """One row for each passage, in one column for the query.

    Args:
        cosines: (n,), of the query with each passage, in input order.
        order: input places from top to bottom; None keeps the input's order.
        colours: `fixed` from -1 to 1; `fitted` from the lowest to the highest value shown, and the colour bar says so.
        background: cosines of unrelated query-passage pairs of this model, at least 20; None says nothing of them.
    Raises:
        InvalidInput: a background of too few pairs.
    """
    rows = _order(order, len(passages))
    if not rows:
        return says(words.empty)
    values = np.asarray(cosines, dtype=np.float64).reshape(len(passages), 1)[rows]
    texts = [passages[row].text for row in rows]
    labels = [numbered(row + 1, text, _LABEL_COLUMNS) for row, text in zip(rows, texts, strict=True)]
    column = f"{words.query} · {safe(shorten(query, _LABEL_COLUMNS))}"
    shown = _Map(values, rows, [0], texts, [query], labels, [column])
    return _draw(shown, "query", colours, background, (), words)


def draw_passages(
    matrix: ArrayLike,
    passages: Sequence[Passage],
    *,
    order: Sequence[int] | None = None,
    colours: Colours = "fixed",
    background: ArrayLike | None = None,
    duplicates: Collection[tuple[int, int]] = (),
    words: Words = ENGLISH,
) -> go.Figure:
    """Passages against passages; a passage against itself is left blank.

    Args:
        matrix: (n, n) cosines in input order.
        order: input places from top to bottom and left to right; None keeps the input's order.
        colours: as for `draw_query`.
        background: cosines of unrelated pairs of passages of this model, at least 20.
        duplicates: pairs of input places to outline, 200 at most.
    Raises:
        InvalidInput: a background of too few pairs.
    """
    places = _order(order, len(passages))
    if len(places) < 2:
        return says(words.needs_passages)
    values = np.array(matrix, dtype=np.float64)
    np.fill_diagonal(values, np.nan)
    texts = [passages[place].text for place in places]
    labels = [numbered(place + 1, text, _LABEL_COLUMNS) for place, text in zip(places, texts, strict=True)]
    numbers = [str(place + 1) for place in places]
    shown = _Map(values[np.ix_(places, places)], places, places, texts, texts, labels, numbers)
    return _draw(shown, "passages", colours, background, _outlines(duplicates, places), words)


def _draw(
    shown: _Map,
    kind: str,
    colours: Colours,
    background: ArrayLike | None,
    outlines: Sequence[dict[str, Any]],
    words: Words,
) -> go.Figure:
    low, high = _range(shown.values, colours)
    title = words.cosine if colours == "fixed" else words.fitted.format(low=f"{low:.2f}", high=f"{high:.2f}")
    percentiles = None if background is None else percentiles_in(np.nan_to_num(shown.values), background)
    n_rows, n_columns = shown.values.shape
    pixels = max(_LEAST_PIXELS, min(_MOST_PIXELS, 720 / n_rows))
    trace = go.Heatmap(
        x=list(shown.column_labels) if n_columns > LABELS_UP_TO else None,
        y=list(shown.row_labels) if n_rows > LABELS_UP_TO else None,
        z=_cells(shown.values),
        zmin=low,
        zmax=high,
        colorscale=[[n / (len(SEQUENTIAL) - 1), colour] for n, colour in enumerate(SEQUENTIAL)],
        colorbar={"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0},
        xgap=1 if n_columns <= LABELS_UP_TO else 0,
        ygap=1 if n_rows <= LABELS_UP_TO else 0,
        hoverongaps=False,
        **_hovers(shown, percentiles, background, words),
    )
    traces = [trace]
    if n_rows <= VALUES_UP_TO and n_columns <= VALUES_UP_TO:
        traces.append(_numbers(shown.values, low, high))
    figure = go.Figure(traces, clear_layout(round(_FRAME_PIXELS + pixels * n_rows), shapes=list(outlines)))
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 30, "b": 8},
        meta=_meta(shown, kind, colours, (low, high), percentiles),
        xaxis=_ticks(shown.column_labels, range=[-0.5, n_columns - 0.5], side="top"),
        yaxis=_ticks(shown.row_labels, range=[n_rows - 0.5, -0.5]),
    )
    return figure


def _numbers(values: NDArray[np.float64], low: float, high: float) -> go.Scatter:
    """The values as text, black or white by their cell: plotly's own choice is too pale on the middle of the scale."""
    rows, columns = np.nonzero(~np.isnan(values))
    found = values[rows, columns]
    return go.Scatter(
        x=columns.tolist(),
        y=rows.tolist(),
        mode="text",
        text=[f"{value:.2f}" for value in found],
        textfont={"color": [readable_on((value - low) / (high - low)) for value in found]},
        hoverinfo="skip",
    )


def _order(order: Sequence[int] | None, n: int) -> list[int]:
    return list(range(n)) if order is None else [int(place) for place in order]


def _range(values: NDArray[np.float64], colours: Colours) -> tuple[float, float]:
    """What the ends of the colours stand for; a range with some width where all values are equal."""
    if colours == "fixed":
        return -1.0, 1.0
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high - low > 1e-4 else (low - 0.005, high + 0.005)


def _cells(values: NDArray[np.float64]) -> list[list[float | None]]:
    """As JSON: four digits tell what a float32 cosine tells, and a blank is no number."""
    return [[None if np.isnan(value) else round(float(value), 4) for value in row] for row in values]


def _hovers(
    shown: _Map, percentiles: NDArray[np.float64] | None, background: ArrayLike | None, words: Words
) -> dict[str, Any]:
    """Full texts in every cell up to 40 rows; over that what the axes hold anyway, the row's beginning and numbers."""
    n_rows, n_columns = shown.values.shape
    if n_rows > HOVERS_UP_TO and n_columns > 1:
        return {"hovertemplate": "%{z:.4f}<br>%{y}<br>%{x}<extra></extra>"}
    rows = [
        f"<b>{n + 1}</b> · {hover_text(t, n_lines=_HOVER_LINES)}"
        for n, t in zip(shown.rows, shown.row_texts, strict=True)
    ]
    columns = [
        f"<b>{n + 1 if n_columns > 1 else safe(words.query)}</b> · {hover_text(t, n_lines=_HOVER_LINES)}"
        for n, t in zip(shown.columns, shown.column_texts, strict=True)
    ]
    pool = None if background is None else np.asarray(background, dtype=np.float64)
    texts = [
        [
            "" if np.isnan(value) else f"{_head(float(value), r, c, percentiles, pool, words)}<br>{row}<br>{column}"
            for c, (value, column) in enumerate(zip(values, columns, strict=True))
        ]
        for r, (values, row) in enumerate(zip(shown.values, rows, strict=True))
    ]
    return {"hovertext": texts, "hoverinfo": "text"}


def _head(
    value: float,
    row: int,
    column: int,
    percentiles: NDArray[np.float64] | None,
    pool: NDArray[np.float64] | None,
    words: Words,
) -> str:
    text = f"{safe(words.cosine)} {value:.4f}"
    if percentiles is None or pool is None:
        return text
    return f"{text} · {safe(beside_unrelated(value, float(percentiles[row, column]), pool, words))}"


def beside_unrelated(value: float, percentile: float, pool: NDArray[np.float64], words: Words) -> str:
    """Where a cosine stands among unrelated pairs, in words."""
    if value > pool.max():
        return words.above_unrelated.format(n=f"{pool.size:,}")
    if value < pool.min():
        return words.below_unrelated.format(n=f"{pool.size:,}")
    return words.like_unrelated.format(percentile=f"{percentile:.0f}")


def _ticks(labels: Sequence[str], **more: Any) -> dict[str, Any]:
    """A label at every row, or at some where there is no room for all: then the labels are the axis's own values, so
    that hovering names the rows between as well.
    """
    n = len(labels)
    few = {"tickvals": list(range(n)), "ticktext": list(labels)}
    many = {"type": "category", "tickmode": "linear", "dtick": -(-n // 20)}
    ticks = few if n <= LABELS_UP_TO else many
    return axis(**ticks, automargin=True, showgrid=False, zeroline=False, **more)


def _outlines(pairs: Collection[tuple[int, int]], places: Sequence[int]) -> list[dict[str, Any]]:
    at = {place: position for position, place in enumerate(places)}
    found = []
    for first, second in list(pairs)[:MARKS_UP_TO]:
        for row, column in ((at[first], at[second]), (at[second], at[first])):
            box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
            found.append(
                {"type": "rect", **box, "line": {"color": THRESHOLD.mark, "width": 2}, "name": "near-duplicate"}
            )
    return found


def _meta(
    shown: _Map,
    kind: str,
    colours: Colours,
    ends: tuple[float, float],
    percentiles: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """What the page's script needs to show a pair: cell [r][c] is passage rows[r] beside columns[c] (input places)."""
    one_column = None if percentiles is None or kind != "query" else [round(float(row[0]), 1) for row in percentiles]
    return {
        "kind": kind,
        "rows": list(shown.rows),
        "columns": list(shown.columns),
        "colours": colours,
        "range": list(ends),
        "percentiles": one_column,
    }
