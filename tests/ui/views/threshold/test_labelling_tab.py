"""The labelling flow: which pairs it shows, and what becomes of an answer; no browser."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import ModelSpec, Passage
from playground.ui.services import Services
from playground.ui.views.threshold import labelling_tab
from playground.ui.views.threshold.labelled_set_in_view import Selection, open_set
from playground.ui.views.threshold.labelling_queue import LabellingQueue, borderline, shuffled
from playground.ui.wiring import Caller

SPEC = ModelSpec("owner/one", None, "f" * 64, "reranker", "f", "a", "cpu", "fp32", 64, "only_second", 0)
LONG_AGO = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)


def stored(services: Services, caller: Caller, text: str, query: str = "red panda") -> Label | None:
    return services.history.labels.find(caller.owner, query, [text])[0]


def labelled_set(grades: Sequence[Sequence[int | None]]) -> LabelledSet:
    """One query for each row; imported labels, None for pairs without one."""
    queries = []
    for at, row in enumerate(grades):
        passages = tuple(Passage(str(n), f"passage {n} of {at}") for n in range(len(row)))
        said = tuple(None if grade is None else Label(grade, "imported", LONG_AGO) for grade in row)
        queries.append(LabelledQuery(str(at), f"query {at}", passages, said))
    return LabelledSet("a set", "Mine", tuple(queries))


def saved(services: Services, caller: Caller, grades: Sequence[Sequence[int | None]]) -> Selection:
    return Selection(set_id=services.history.sets.save(caller.owner, labelled_set(grades)))


def score(services: Services, caller: Caller, selection: Selection, logit_of: Any) -> None:
    found = open_set(services, caller, selection).labelled.queries
    scores = [
        (query.query, passage.text, logit_of(at, n))
        for at, query in enumerate(found)
        for n, passage in enumerate(query.passages)
    ]
    services.history.sets.put_scores(caller.owner, SPEC, LOGIT, "", scores)


def begun(services: Services, caller: Caller, selection: Selection, **event: object) -> labelling_tab.Begun:
    return labelling_tab.on_begin(services, replace(caller, event=event), selection)


def answered(services: Services, caller: Caller, walk: LabellingQueue, n: int, grade: object) -> labelling_tab.Answered:
    event = {"of": walk.id, "n": n, "grade": grade, "token": 7}
    return labelling_tab.on_answer(services, replace(caller, event=event), walk)


def undone(services: Services, caller: Caller, walk: LabellingQueue, n: int) -> labelling_tab.Answered:
    return labelling_tab.on_undo(services, replace(caller, event={"of": walk.id, "n": n}), walk)


@pytest.mark.parametrize("order", ["shuffled", "borderline"])
def test_the_page_gets_nothing_but_texts(services: Services, caller: Caller, order: str) -> None:
    selection = saved(services, caller, [[1, 0, None]] * 3)
    score(services, caller, selection, lambda at, n: 1234.5 + at - n)
    pairs = begun(services, caller, selection, order=order, which="all", threshold=1234.25).pairs
    assert set(pairs) == {"to", "nonce", "of", "from", "total", "pairs", "near"}
    assert [set(pair) for pair in pairs["pairs"]] == [{"n", "query", "text"}] * 9
    assert [pair["n"] for pair in pairs["pairs"]] == list(range(9))
    assert "123" not in json.dumps({**pairs, "nonce": "", "of": ""})
    assert "score" not in json.dumps(labelling_tab.overview(selection, labelled_set([[1]]), scored=True)).replace(
        "scored", ""
    )


def test_the_shuffled_order_depends_on_the_visit_alone() -> None:
    plain, told = labelled_set([[None] * 10] * 10), labelled_set([[1] + [0] * 9] * 10)
    order = shuffled(plain, "visit", only_left=False).order
    assert shuffled(told, "visit", only_left=False).order == order
    assert shuffled(plain, "another", only_left=False).order != order
    assert sorted(order) == [(at, n) for at in range(10) for n in range(10)]
    # The relevant ones are first in the set; in the order each place is as likely as another.
    means = [mean_place(shuffled(told, str(seed), only_left=False)) for seed in range(200)]
    assert sum(means) / 200 == pytest.approx(49.5, abs=3)


def mean_place(walk: LabellingQueue) -> float:
    places = [place for place, (_, n) in enumerate(walk.order) if n == 0]
    return sum(places) / len(places)


def test_who_labels_what_is_left_meets_the_rest_in_the_order_of_before() -> None:
    whole = shuffled(labelled_set([[None] * 6] * 2), "visit", only_left=True).order
    some = labelled_set([[None, 0, None, UNSURE, None, None], [1] + [None] * 5])
    rest = shuffled(some, "visit", only_left=True).order
    assert rest == tuple(place for place in whole if place not in {(0, 1), (0, 3), (1, 0)})


def test_a_pair_that_the_set_holds_twice_is_asked_once() -> None:
    one = labelled_set([[None, None]]).queries[0]
    twice = LabelledSet("twice", "", (one, replace(one, id="again")))
    assert len(shuffled(twice, "visit", only_left=True).order) == 2


def test_borderline_pairs_come_by_their_distance_from_the_threshold(services: Services, caller: Caller) -> None:
    selection = saved(services, caller, [[None] * 8])
    logits = [-3.0, 4.0, 0.9, 2.5, 1.2, -1.0, 6.0, 1.0]
    score(services, caller, selection, lambda at, n: logits[n])
    walk = begun(services, caller, selection, order="borderline", which="left", threshold=1.0).walk
    assert [logits[n] for _, n in walk.order] == [1.0, 0.9, 1.2, 2.5, -1.0, 4.0, -3.0, 6.0]


def test_borderline_without_a_threshold_begins_at_the_middle_and_ends_with_pairs_without_a_score(
    services: Services, caller: Caller
) -> None:
    selection = saved(services, caller, [[None] * 6])
    query = open_set(services, caller, selection).labelled.queries[0]
    scores = [(query.query, query.passages[n].text, float(n)) for n in range(5)]
    services.history.sets.put_scores(caller.owner, SPEC, LOGIT, "", scores)
    for threshold in (None, "1", True, float("nan")):
        found = begun(services, caller, selection, order="borderline", which="left", threshold=threshold)
        assert found.pairs["near"] == "middle"
        assert [found.walk.order[0], found.walk.order[-1]] == [(0, 2), (0, 5)]


def test_of_equally_near_pairs_chance_decides_and_not_the_set() -> None:
    plain = labelled_set([[1] * 30 + [0] * 30])
    in_view = replace_scores(plain, [1.0] * 30 + [-1.0] * 30)
    order = borderline(plain, in_view, 0.0, "visit", only_left=False).order
    assert order == shuffled(plain, "visit", only_left=False).order


def replace_scores(labelled: LabelledSet, logits: Sequence[float]) -> Any:
    from playground.core.labels import SetScores

    return SetScores(SPEC, LOGIT, "", (tuple(logits),))


def test_borderline_pairs_need_scores(services: Services, caller: Caller) -> None:
    selection = saved(services, caller, [[None]])
    with pytest.raises(InvalidInput, match="No pair of this set has a score yet"):
        begun(services, caller, selection, order="borderline", which="left")


def test_pairs_are_sent_ahead_in_batches(services: Services, caller: Caller) -> None:
    selection = saved(services, caller, [[None] * 30])
    first = begun(services, caller, selection, order="shuffled", which="left")
    assert (len(first.pairs["pairs"]), first.pairs["total"]) == (25, 30)
    event = {"of": first.walk.id, "from": 25}
    more = labelling_tab.on_extend(services, replace(caller, event=event), first.walk)
    assert more is not None
    assert [pair["n"] for pair in more["pairs"]] == [25, 26, 27, 28, 29]
    for wrong in ({"from": 30}, {"from": "25"}, {"of": "older"}):
        assert labelling_tab.on_extend(services, replace(caller, event=event | wrong), first.walk) is None


def test_an_answer_is_stored_and_says_what_stood_there_before(services: Services, caller: Caller) -> None:
    selection = saved(services, caller, [[1, None]])
    walk = begun(services, caller, selection, order="shuffled", which="all").walk
    n = walk.order.index((0, 0))
    told = answered(services, caller, walk, n, 0)
    assert (told.answer["before"], told.answer["label"], told.answer["token"]) == ([1, "imported"], [0, "human"], 7)
    assert told.answer["n_labels"] == 1
    now = stored(services, caller, "passage 0 of 0", "query 0")
    assert now is not None
    assert (now.grade, now.source) == (0, "human")
    other = answered(services, caller, told.walk, 1 - n, UNSURE)
    assert (other.answer["before"], other.answer["n_labels"]) == (None, 2)
    assert undone(services, caller, other.walk, 1 - n).answer["n_labels"] == 1


def test_what_the_workspace_said_of_a_pair_counts_as_imported(services: Services, caller: Caller) -> None:
    selection = Selection(set_id="page", page=labelled_set([[1]]))
    walk = begun(services, caller, selection, order="shuffled", which="all").walk
    assert answered(services, caller, walk, 0, 0).answer["before"] == [1, "imported"]
    assert stored(services, caller, "passage 0 of 0", "query 0") is not None


def test_undo_restores_the_former_label_with_its_time_and_source(services: Services, caller: Caller) -> None:
    selection = saved(services, caller, [[2, None]])
    was = stored(services, caller, "passage 0 of 0", "query 0")
    assert was == Label(2, "imported", LONG_AGO)
    walk = begun(services, caller, selection, order="shuffled", which="all").walk
    n = walk.order.index((0, 0))
    walk = answered(services, caller, walk, n, 0).walk
    walk = answered(services, caller, walk, 1 - n, 1).walk
    told = undone(services, caller, walk, 1 - n)
    assert told.answer["label"] is None
    assert stored(services, caller, "passage 1 of 0", "query 0") is None
    told = undone(services, caller, told.walk, n)
    assert told.answer["label"] == [2, "imported"]
    assert stored(services, caller, "passage 0 of 0", "query 0") == was
    assert told.walk.answers == ()


def test_undo_goes_back_through_two_answers_to_one_pair(services: Services, caller: Caller) -> None:
    walk = begun(services, caller, saved(services, caller, [[None]]), order="shuffled", which="left").walk
    walk = answered(services, caller, walk, 0, 1).walk
    walk = answered(services, caller, walk, 0, 3).walk
    told = undone(services, caller, walk, 0)
    assert told.answer["label"] == [1, "human"]
    assert undone(services, caller, told.walk, 0).answer["label"] is None
    # Nothing stands any more: an answer that was refused has nothing to take back.
    assert "label" not in undone(services, caller, replace(walk, answers=()), 0).answer


@pytest.mark.parametrize("wrong", [{"of": "older"}, {"n": 1}, {"n": -1}, {"n": True}, {"n": "0"}, {"grade": None}])
def test_an_answer_that_belongs_to_no_pair_is_refused(
    services: Services, caller: Caller, wrong: dict[str, object]
) -> None:
    walk = begun(services, caller, saved(services, caller, [[None]]), order="shuffled", which="left").walk
    event = {"of": walk.id, "n": 0, "grade": 1} | wrong
    with pytest.raises(InvalidInput):
        labelling_tab.on_answer(services, replace(caller, event=event), walk)
    with pytest.raises(InvalidInput):
        labelling_tab.on_undo(services, replace(caller, event={"of": "", "n": 0}), LabellingQueue())
    assert services.history.labels.count(caller.owner) == 0


def test_the_overview_counts_and_a_refused_answer_says_no_more_than_that(services: Services, caller: Caller) -> None:
    selection = saved(services, caller, [[1, 0, None, UNSURE]])
    in_view = open_set(services, caller, selection)
    (value,) = labelling_tab.show(services, caller, selection, in_view, {})
    assert (value["n_pairs"], value["n_left"], value["scored"], value["set"]) == (4, 1, False, selection.set_id)
    assert labelling_tab.refused({}).answer["failed"] is True
    one, other = Selection(set_id="page"), Selection(set_id="page")
    sets = [labelling_tab.overview(each, in_view.labelled, scored=False)["set"] for each in (one, replace(one), other)]
    assert sets[0] == sets[1] != sets[2]


def test_a_large_set_begins_quickly_and_holds_every_pair_once() -> None:
    rng = random.Random(3)
    large = labelled_set([[rng.choice([None, 0, 1]) for _ in range(50)] for _ in range(200)])
    walk = shuffled(large, "visit", only_left=True)
    assert len(set(walk.order)) == len(walk.order) == large.counts()[None]
