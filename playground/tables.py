"""A comparison, or the models of a labelled set, as pandas DataFrames.

It stands above the rooms, because it asks engine and analysis alike.

>>> from playground import compare, tables
>>> comparison = compare(
...     "what is panda?",
...     ["hi", "The giant panda is a bear."],
...     models=["built-in/mini-reranker", "bm25"],
... )  # doctest: +SKIP
>>> tables.agreement(comparison)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from playground.core.labels import LabelledSet, SetScores
from playground.core.types import Comparison
from playground.engine.comparison_record import to_frame

if TYPE_CHECKING:
    import pandas as pd

    from playground.analysis.definitions import Counting, Unscored


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


def quality(
    labelled: LabelledSet,
    scores: Mapping[str, SetScores],
    counting: Counting = "expected",
    *,
    k: int = 10,
    relevant_from: int = 1,
    judged_only: bool = False,
    unscored: Unscored = "query-left-out",
    baseline: str | None = None,
) -> pd.DataFrame:
    """How well each model orders a labelled set; one row per model and metric.

    `value` with `low` and `high` (95 %, bootstrap over queries) is over the queries that count for every model, which
    are `n_queries`; the bounds are empty where all of these have one value. `difference` and what follows it is against
    `baseline`, empty for itself. `definition` says how the figure is counted. The settings are those of
    `analysis.quality.measure`.

    Args:
        scores: of each model, by the name that it shall have in the table.
        baseline: one of these names; None takes the first.
    Raises:
        InvalidInput: no model, a baseline that is not among them, scores of another set, or a setting that cannot be.
    """
    from playground.analysis.paired import compare, table
    from playground.analysis.quality import measure

    qualities = [
        measure(labelled, one, counting, k=k, relevant_from=relevant_from, judged_only=judged_only, unscored=unscored)
        for one in scores.values()
    ]
    return table(qualities, compare(qualities), list(scores), baseline)
