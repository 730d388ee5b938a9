"""A comparison as figures, and figures as files. It stands above the rooms, as `tables` does.

>>> from playground import compare, figures
>>> comparison = compare(
...     "what is panda?",
...     ["hi", "The giant panda is a bear."],
...     models=["built-in/mini-reranker", "bm25"],
... )  # doctest: +SKIP
>>> figures.write(figures.rank_shift(comparison), "ranks.html", title=comparison.request.query)  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playground.core.types import Comparison, RerankResult
from playground.engine.comparison_record import comparable

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def rank_shift(comparison: Comparison) -> Figure:
    """One line for each passage over one column of ranks for each model that did not fail; the first is the baseline.

    Raises:
        InvalidInput: the models have no scored passage in common.
    """
    from playground.plots import rank_shift

    return rank_shift.draw(*_of(comparison))


def score_percentiles(comparison: Comparison) -> Figure:
    """One row for each passage and one mark for each model, at the percentile within that model's own run.

    Raw scores of two models never share an axis; a mark's tooltip has the raw value and its scale.

    Raises:
        InvalidInput: the models have no scored passage in common.
    """
    from playground.plots import score_percentiles

    return score_percentiles.draw(*_of(comparison))


def write(figure: Figure, path: Path | str, *, title: str = "") -> Path:
    """Writes a figure on white paper as .html (a page that needs no network), .png or .svg (with kaleido installed).

    Raises:
        InvalidInput: another end of the name, or a picture without kaleido.
        PlaygroundError: the picture could not be made or the file not written.
    """
    from playground.plots import files

    return files.write(figure, path, title)


def _of(comparison: Comparison) -> tuple[list[RerankResult]]:
    return ([result for place in comparable(comparison) if (result := comparison.runs[place].result) is not None],)
