"""The figures of the funnel."""

from __future__ import annotations

import pytest

from playground.analysis.funnel import sweep
from playground.core.types import ModelRun
from playground.plots import find
from playground.plots.palette import KEPT, THRESHOLD
from tests.analysis.test_funnel import CHOICE, asked, planted, relevant_last

NAMES = ("BM25", "Reranker <b>")


def test_lines_are_of_the_answer_and_of_what_was_lost() -> None:
    figure = find("funnel_lines")(planted(relevant_last(12, 12), keep=2), NAMES)
    by_id = {trace.name: trace for trace in figure.data}
    assert set(by_id) == {"p12", "p1", "p2"}
    assert list(by_id["p12"].y) == [12, 1]
    assert (by_id["p12"].line.color, by_id["p12"].line.width) == (KEPT.mark, 3)
    assert by_id["p1"].line.width == 1.5
    assert (by_id["p2"].line.color, by_id["p2"].line.dash) == (THRESHOLD.mark, "dot")
    assert figure.layout.meta["ids"] == ["p2", "p1", "p12"]
    assert figure.layout.xaxis.ticktext[1] == "Reranker &lt;b&gt;"
    assert figure.layout.yaxis.type == "log"


def test_without_a_reranker_that_scored_the_figure_says_so() -> None:
    result = planted([1.0, 2.0])
    failed = type(result)(result.request, result.retrieved, (ModelRun(CHOICE),))
    assert find("funnel_lines")(failed, NAMES).layout.meta["empty"] is True


def test_the_sweep_shows_quality_ceiling_time_and_where_more_does_not_pay() -> None:
    results = [planted(relevant_last(30, place)) for place in (3, 15, 25)]
    found = sweep(asked({"p3": 1}, {"p15": 1}, {"p25": 1}), results)
    figure = find("funnel_sweep")(found)
    named = {trace.name: trace for trace in figure.data}
    assert list(named["NDCG@10"].x) == [5, 10, 20, 30]
    assert list(named["NDCG@10"].y) == pytest.approx([each.mean for each in found.quality])
    assert list(named["recall of the retriever (ceiling)"].y) == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1])
    assert named["seconds per query"].yaxis == "y2"
    lines = {shape.name: shape for shape in figure.layout.shapes}
    assert lines["enough"].x0 == 30
    assert (lines["interval"].x0, lines["interval"].x1) == (found.enough_low, found.enough_high)


def test_a_sweep_of_one_query_without_labels_draws_neither_band_nor_ceiling() -> None:
    figure = find("funnel_sweep")(sweep(asked(None), [planted(relevant_last(12, 12), n_cached=3)]))
    assert [trace.name for trace in figure.data] == ["share of the deepest run's top list"]
    assert [shape.name for shape in figure.layout.shapes] == ["enough"]
