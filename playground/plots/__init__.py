"""Results become plotly figures. The registry holds strings, so that opening the app imports no plotly."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

PLOTS: dict[str, str] = {
    "ranking_bars": "playground.plots.ranking_bars:draw",
    "score_distribution": "playground.plots.score_distribution:draw",
    "query_heatmap": "playground.plots.heatmap:draw_query",
    "passage_heatmap": "playground.plots.heatmap:draw_passages",
    "rank_shift": "playground.plots.rank_shift:draw",
    "depth": "playground.plots.depth:draw",
    "score_percentiles": "playground.plots.score_percentiles:draw",
    "projection_map": "playground.plots.projection_map:draw",
    "background": "playground.plots.background:draw",
    "pair_distributions": "playground.plots.pair_distributions:draw",
    "precision_recall": "playground.plots.threshold_curves:draw_precision_recall",
    "roc": "playground.plots.threshold_curves:draw_roc",
    "first_relevant": "playground.plots.first_relevant:draw",
    "level_by_query": "playground.plots.level_by_query:draw",
    "reliability": "playground.plots.reliability:draw",
    "abstention": "playground.plots.abstention:draw",
    "speed": "playground.plots.speed:draw",
    "funnel_lines": "playground.plots.funnel_lines:draw",
    "funnel_sweep": "playground.plots.funnel_sweep:draw",
    "training_curves": "playground.plots.training_curves:draw",
}


def find(name: str) -> Callable[..., Any]:
    """The drawing function of that name.

    Raises:
        KeyError: no such plot.
    """
    module, function = PLOTS[name].split(":")
    drawing: Callable[..., Any] = getattr(import_module(module), function)
    return drawing
