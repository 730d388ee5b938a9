"""Figures of a result as gradio takes them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components.plot import PlotData

from playground.core.scales import sigmoid
from playground.core.types import RerankResult
from playground.plots import find
from playground.plots.words import Words
from playground.ui.texts import LANGUAGES, Language, texts

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displayModeBar": False, "responsive": True}


# Gradio fetches plotly when a page first shows a plot of its own; our scripts draw with it.
EMPTY_PLOT = json.dumps({"data": [], "layout": {"height": 20, "width": 20}, "config": CONFIG})


def loader(elem_id: str) -> gr.Plot:
    """The unseen plot with which plotly comes, once it is `loaded`."""
    return gr.Plot(show_label=False, container=False, visible=False, elem_id=elem_id, elem_classes="pg-unseen")


def loaded() -> dict[str, Any]:
    """What makes the page fetch plotly."""
    update: dict[str, Any] = gr.update(visible=True, value=PlotData(type="plotly", plot=EMPTY_PLOT))
    return update


def figure(name: str, result: RerankResult, logit: float, unit: str, language: Language) -> PlotData:
    """One plot.

    Args:
        logit: the threshold as a raw output, whatever the unit of the axis.
    """
    threshold = sigmoid(logit) if unit == "sigmoid" else logit
    return as_plot(find(name)(result, threshold, unit, words=words(language)))


def as_plot(drawing: Figure) -> PlotData:
    """A plotly figure with the page's settings.

    Args:
        drawing: its `layout.meta` reaches the scripts of the page.
    """
    # Only in this form does gradio pass plotly's own settings on; its mode bar would cover the bars.
    plot: Any = {**json.loads(drawing.to_json()), "config": CONFIG}
    return PlotData(type="plotly", plot=json.dumps(plot))


def in_both(name: str, *values: Any) -> dict[str, str]:
    """A plot as plotly's JSON in each language, for our own scripts."""
    draw = find(name)
    return {language: str(draw(*values, words=words(language)).to_json(engine="json")) for language in LANGUAGES}


def words(language: Language) -> Words:
    """The words of the figures; those that the catalogue lacks stay English."""
    known = texts()
    found = {
        field.name: known[f"plot.{field.name}"][language]
        for field in dataclasses.fields(Words)
        if f"plot.{field.name}" in known
    }
    return Words(**found)
