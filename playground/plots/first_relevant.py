"""How far down each query's first relevant passage stands, and how high it scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from playground.plots.figure import axis, clear_layout, safe, shorten
from playground.plots.palette import RELEVANT
from playground.plots.words import ENGLISH, Words, axis_title

if TYPE_CHECKING:
    from playground.analysis.curves import FirstRelevant
    from playground.core.scales import Scale

HEIGHT = 280
# Ranks beyond this share the last column.
LAST_RANK = 10
MOST_QUERIES = 1000

_SPREAD = 0.36
_QUERY_COLUMNS = 60


def draw(found: Sequence[FirstRelevant], queries: Sequence[str], scale: Scale, *, words: Words = ENGLISH) -> go.Figure:
    """One mark for each query that has a relevant passage: rank (x) and score (y) of the first one. `customdata` holds
    the number of the query. Marks of one rank stand beside each other, so that none hides another. Beyond 1,000 queries
    a part of them is drawn, evenly over the set, and the axis says so.

    Args:
        queries: texts, by number.
    """
    every = [one for one in found if one.rank is not None and one.score is not None]
    shown = every[:: -(-len(every) // MOST_QUERIES) or 1]
    used: Counter[int] = Counter()
    whole = Counter(min(one.rank or 0, LAST_RANK) for one in shown)
    x = []
    for one in shown:
        column = min(one.rank or 0, LAST_RANK)
        used[column] += 1
        x.append(column + _SPREAD * (2 * used[column] / (whole[column] + 1) - 1))
    marks = go.Scatter(
        x=x,
        y=[one.score for one in shown],
        mode="markers",
        marker={"color": RELEVANT.mark, "size": 8 if len(shown) <= 200 else 5, "opacity": 0.75, "line": {"width": 0}},
        customdata=[one.query for one in shown],
        hovertext=[
            f"{safe(shorten(queries[one.query], _QUERY_COLUMNS))}<br>{words.rank} {one.rank} · {one.score:.3f}"
            for one in shown
        ],
        hoverinfo="text",
    )
    last = max([*whole, 3])
    title = words.rank_of_first
    if len(shown) < len(every):
        title += f" · {words.of_queries.format(n=len(shown), total=len(every))}"
    figure = go.Figure(marks, clear_layout(HEIGHT))
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 12, "b": 44},
        xaxis=axis(
            title={"text": title},
            range=[0.4, last + 0.6],
            tickvals=list(range(1, last + 1)),
            ticktext=[f"{rank}+" if rank == LAST_RANK else str(rank) for rank in range(1, last + 1)],
            zeroline=False,
        ),
        yaxis=axis(title={"text": axis_title(scale, "logit", words)}, automargin=True, zeroline=False),
    )
    return figure
