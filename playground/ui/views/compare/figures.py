"""The plots of a comparison, and what stands above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from playground.core.errors import PlaygroundError
from playground.plots import find
from playground.ui import texts
from playground.ui.components.figures import as_plot, words
from playground.ui.components.html_parts import html_part
from playground.ui.texts import Language
from playground.ui.views.compare.comparison_payload import Side

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Each figure and the id of the component that shows it.
FIGURES = {"rank_shift": "compare-shift", "score_percentiles": "compare-percentiles"}


def head(figure: str) -> gr.HTML:
    """The title of a figure, and the buttons that save it."""
    value = {"figure": figure, "plot": FIGURES[figure]}
    return html_part("compare/figure", '<div class="pg-figure-head"></div>', value, elem_id=f"compare-head-{figure}")


def plots(side: Side, language: Language) -> tuple[Any, ...]:
    """All figures as gradio takes them, in the order of `FIGURES`; skipped where no model scored anything."""
    if not side.results:
        return tuple(gr.skip() for _ in FIGURES)
    return tuple(as_plot(drawing(name, side, language)) for name in FIGURES)


def page(name: str, side: Side, language: Language) -> str:
    """A figure as a page of its own, under the query."""
    from playground.plots.files import to_html

    return to_html(drawing(name, side, language), side.comparison.request.query)


def drawing(name: str, side: Side, language: Language) -> Figure:
    """A figure; one that says why where there is nothing to draw."""
    try:
        return find(name)(side.results, names=side.compared_names, words=words(language))
    except PlaygroundError as error:
        from playground.plots.figure import says

        return says(texts.sentence(error, language))
