"""Where passages stand from stage to stage of a funnel: lines that end where a passage goes no further."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from playground.core.funnel import FunnelResult
from playground.plots.figure import axis, clear_layout, hover_text, lines, safe, says, shorten, wrap
from playground.plots.palette import KEPT, THRESHOLD
from playground.plots.words import ENGLISH, Words

MAX_LINES = 40
HEIGHT = 430
TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)

_LABEL_COLUMNS = 26
_NAME_COLUMNS = 18
_KEY_COLUMNS = 48


def draw(result: FunnelResult, names: Sequence[str], *, words: Words = ENGLISH) -> go.Figure:
    """One column for each stage that gave an order, one line for each passage of the answer and each that was lost.

    Ranks share the axis, scores of two stages would not; the axis is logarithmic, so that the first places have room.
    Passages of the answer are blue, thicker where they were rescued; lost ones are orange and end with a cross.

    Trace n is the passage `meta["ids"][n]`; its `customdata` repeats it.

    Args:
        names: of the stages, the retriever first.
    """
    if not result.scored or not result.found:
        return says(words.needs_reranker)
    ranks = [{one.passage.id: one.rank for one in result.found}]
    ranks += [{one.passage.id: one.rank for one in each.scored} for each in result.scored]
    lost = sorted(result.lost, key=ranks[0].__getitem__)
    shown = [*result.answer[:MAX_LINES], *lost[:MAX_LINES]]
    rescued, texts = result.rescued, {one.passage.id: one.passage.text for one in result.found}
    traces = []
    for id in reversed(shown):
        places = [column[id] for column in ranks if id in column]
        colour = THRESHOLD.mark if id in result.lost else KEPT.mark
        marks = ["circle"] * (len(places) - 1) + ["x" if id in result.lost else "circle"]
        said = [f"{safe(shorten(name, 40))}: {words.rank} {rank}" for name, rank in zip(names, places, strict=False)]
        traces.append(
            go.Scatter(
                x=list(range(len(places))),
                y=places,
                mode="lines+markers",
                line={
                    "color": colour,
                    "width": 3 if id in rescued else 1.5,
                    "dash": "dot" if id in result.lost else None,
                },
                marker={"color": colour, "size": 8, "symbol": marks, "opacity": 1},
                opacity=1 if id in rescued or id in result.lost else 0.6,
                customdata=[id] * len(places),
                hovertext="<br>".join([hover_text(texts[id], n_lines=4), *said]),
                hoverinfo="text",
                name=id,
            )
        )
    lowest = max(rank for trace in traces for rank in trace.y) if traces else 1
    figure = go.Figure(traces, clear_layout(HEIGHT))
    last = len(ranks) - 1
    ends = {id: ranks[last][id] for id in result.answer[:10] if id in ranks[last]}
    figure.update_layout(
        margin={"l": 8, "r": 24, "t": 46, "b": 64},
        meta={"ids": list(reversed(shown))},
        xaxis=axis(
            tickvals=list(range(len(ranks))),
            ticktext=["<br>".join(map(safe, wrap(name, _NAME_COLUMNS, 3))) for name in names[: len(ranks)]],
            range=[-0.15, last + 0.9],
            side="top",
            automargin=True,
            zeroline=False,
        ),
        yaxis=axis(
            type="log",
            autorange=False,
            range=[_log(lowest * 1.25), _log(0.85)],
            title={"text": safe(words.rank)},
            tickvals=[tick for tick in TICKS if tick <= lowest],
            automargin=True,
            zeroline=False,
        ),
    )
    for id, rank in ends.items():
        text = f"{rank} · {safe(shorten(texts[id], _LABEL_COLUMNS))}"
        spot = {"x": last, "y": _log(rank), "xanchor": "left", "xshift": 9, "font": {"size": 11}}
        figure.add_annotation(text=text, name="end", showarrow=False, align="left", **spot)
    at_the_foot = {"xref": "paper", "yref": "paper", "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "yshift": -8}
    figure.add_annotation(
        text=lines(words.funnel_key, _KEY_COLUMNS), name="key", showarrow=False, align="left", **at_the_foot
    )
    return figure


def _log(value: float) -> float:
    import math

    return math.log10(value)
