"""Numbers about results: rank agreement, similarity, backgrounds. The registry holds strings, so that opening the app
imports neither scipy nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

METRICS: dict[str, str] = {
    "kendall_tau_b": "playground.analysis.agreement:kendall_tau_b",
    "spearman": "playground.analysis.agreement:spearman",
    "rbo_50": "playground.analysis.agreement:rbo_50",
    "rbo_90": "playground.analysis.agreement:rbo_90",
    "overlap": "playground.analysis.agreement:overlap",
    "same_top": "playground.analysis.agreement:same_top",
}


def find(name: str) -> Callable[..., Any]:
    """The metric of that name.

    Raises:
        KeyError: no such metric.
    """
    module, function = METRICS[name].split(":")
    metric: Callable[..., Any] = getattr(import_module(module), function)
    return metric
