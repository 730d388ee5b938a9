"""The ranking after every layer: lines over layers, and from where on it stays."""

from __future__ import annotations

import json

import numpy as np
import pytest

from playground.analysis.depth import ranks_by_depth
from playground.core.depths import Depths
from playground.core.scales import LOGIT
from playground.core.types import Passage, RerankRequest
from playground.plots.depth import MAX_LINES, draw
from playground.plots.palette import DROPPED, KEPT, THRESHOLD
from tests.plots.results import SPEC


def depths_of(columns: list[list[float]], texts: tuple[str, ...] = (), chosen: int = 8) -> Depths:
    """Args: columns: raw outputs of all passages, by layer from 8 on."""
    logits = np.array(columns, dtype=np.float32).T
    n_passages, n_layers = logits.shape
    passages = tuple(Passage(str(n), texts[n] if texts else f"passage {n}") for n in range(n_passages))
    layers = tuple(range(8, 8 + n_layers))
    work = tuple(layer / layers[-1] for layer in layers)
    return Depths(RerankRequest("q", passages), SPEC, LOGIT, chosen, layers, logits, work, 0.1)


def test_the_layers_from_which_the_best_three_and_all_stay_are_found() -> None:
    last = [9.0, 8.0, 7.0, 6.0, 5.0]
    found = ranks_by_depth(depths_of([[1, 2, 3, 4, 5], [9, 8, 7, 1, 2], [5, 4, 3, 2, 1], last]))
    assert (found.top_from, found.order_from) == (9, 10)
    assert found.tau == pytest.approx((-1.0, 0.8, 1.0, 1.0))
    assert found.ranks[1].tolist() == [1, 2, 3, 5, 4]


def test_what_leaves_once_more_has_not_settled_before_and_a_tie_is_another_order() -> None:
    away = ranks_by_depth(depths_of([[3, 2, 1], [1, 2, 3], [3, 2, 1]]))
    assert (away.top_from, away.order_from) == (10, 10)
    tied = ranks_by_depth(depths_of([[3, 3, 1], [3, 2, 1]]))
    assert tied.top_from == 9
    assert tied.tied.tolist() == [[True, True, False], [False, False, False]]
    assert ranks_by_depth(depths_of([[1, 1], [2, 1]])).tau[0] is None


def test_each_passage_is_a_line_of_ranks_and_the_chosen_layer_is_marked() -> None:
    figure = draw(depths_of([[1.0, 2.0, 3.0, 0.0], [3.0, 1.0, 2.0, 0.0], [3.0, 2.0, 1.0, 0.0]], chosen=9))
    lines = {line.name: line for line in figure.data}
    assert [list(lines[name].y) for name in "1234"] == [[2, 0, 0], [1, 2, 1], [0, 1, 2], [3, 3, 3]]
    assert list(lines["1"].x) == [8, 9, 10]
    assert [lines[name].line.color == DROPPED.mark for name in "1234"] == [False, False, False, True]
    assert lines["1"].line.color == KEPT.mark
    assert THRESHOLD.mark not in {line.line.color for line in figure.data}
    (chosen,) = figure.layout.shapes
    assert (chosen.name, chosen.x0, chosen.x1) == ("chosen", 9, 9)
    assert list(figure.layout.yaxis.ticktext) == [f"{n + 1} · passage {n}" for n in range(4)]
    assert lines["2"].hovertext[1].endswith("layer 9: rank 3 · logit 1.0000")


def test_ties_share_a_rank_with_hollow_marks_and_cross_nothing() -> None:
    figure = draw(depths_of([[3.0, 2.0, 1.0], [5.0, 5.0, 0.0]]))
    lines = {line.name: line for line in figure.data}
    assert [list(lines[name].y) for name in "123"] == [[0, 0], [1, 1], [2, 2]]
    assert [list(lines[name].marker.symbol) for name in "12"] == [["circle", "circle-open"]] * 2
    assert list(figure.layout.yaxis.ticktext)[:2] == ["1= · passage 0", "1= · passage 1"]
    assert lines["1"].line.color == lines["2"].line.color


def test_beyond_sixty_passages_the_best_after_the_last_layer_are_drawn_and_texts_bring_no_markup() -> None:
    n = MAX_LINES + 9
    figure = draw(depths_of([[float(place) for place in range(n)]] * 2, ("<a href='x'>$x$</a>",) * n))
    assert len(figure.data) == MAX_LINES
    assert sorted(figure.layout.meta["passages"]) == list(range(9, n))
    assert f"the best {MAX_LINES} of {n}" in figure.layout.annotations[0].text
    assert "<a href" not in json.loads(f'"{json.dumps(figure.to_json())[1:-1]}"')
