"""A comparison as pandas DataFrames. It stands above the rooms, because it asks engine and analysis alike.

>>> from playground import compare, tables
>>> comparison = compare(
...     "what is panda?",
...     ["hi", "The giant panda is a bear."],
...     models=["built-in/mini-reranker", "bm25"],
... )  # doctest: +SKIP
>>> tables.agreement(comparison)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playground.core.types import Comparison
from playground.engine.comparison import to_frame

if TYPE_CHECKING:
    import pandas as pd


def scores(comparison: Comparison) -> pd.DataFrame:
    """The long table: one row per model and passage, with rank, raw output and its scale, tokens and errors."""
    return to_frame(comparison)


def agreement(comparison: Comparison, k: int | None = None) -> pd.DataFrame:
    """How far each two models order the passages alike; one row per pair of models that have a result.

    Args:
        k: depth of the overlap; None takes the default of `analysis.agreement`.

    Raises:
        InvalidInput: fewer than two models have a result, or they share too few passages.
    """
    from playground.analysis.agreement import agreements, table
    from playground.analysis.naming import names

    return table(agreements(comparison.results, k), names(comparison.results))


def disagreement(comparison: Comparison) -> pd.DataFrame:
    """Each passage with its rank in every model, those that the models rank most differently first.

    Raises:
        InvalidInput: fewer than two models have a result.
    """
    from playground.analysis.disagreement import disagreements, table
    from playground.analysis.naming import names

    return table(disagreements(comparison.results), names(comparison.results))
