"""Labels given in a list or in the flow, from the event of the browser to the history; no browser."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import ModelSpec, Passage, RerankRequest
from playground.ui.components import labels
from playground.ui.services import Services
from playground.ui.views.compare import shown as comparison
from playground.ui.views.compare import view as compare
from playground.ui.views.history import view as history
from playground.ui.views.ranking import view as ranking
from playground.ui.views.ranking.view import Visit
from playground.ui.views.threshold import labelling_tab
from playground.ui.views.threshold.labelled_set_in_view import Selection, open_set
from playground.ui.views.threshold.labelling_queue import LabellingQueue, borderline, shuffled
from playground.ui.wiring import Caller
from tests.ui.views.ranking.test_view import ASKED, rows, run

SPEC = ModelSpec("owner/one", None, "f" * 64, "reranker", "f", "a", "cpu", "fp32", 64, "only_second", 0)
LONG_AGO = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
KNOWN = (Passage("a", "blue whale", False), Passage("b", "a red panda eats bamboo", True), Passage("c", "red paint"))


def ran(services: Services, caller: Caller, **changes: Any) -> ranking.Shown:
    return run(services, caller, ASKED._replace(known=KNOWN, **changes))[-1].shown


def press(caller: Caller, request: RerankRequest | None, place: object, grade: object, **more: object) -> Caller:
    of = "" if request is None else labels.mark(request)
    return replace(caller, event={"of": of, "place": place, "grade": grade, "token": 1, **more})


def stored(services: Services, caller: Caller, text: str, query: str = "red panda") -> Label | None:
    return services.history.labels.find(caller.owner, query, [text])[0]


def said_of(shown: ranking.Shown) -> dict[str, tuple[object, object]]:
    return {row["text"]: (row["label"], row["said"]) for row in json.loads(shown.results["rows"])}


# ---- in a list ------------------------------------------------------------------------------------------------------


def test_a_label_is_stored_for_the_pair_at_that_place_and_the_page_is_told(services: Services, caller: Caller) -> None:
    visit = ran(services, caller).visit
    answer = ranking.on_label(services, press(caller, visit.result.request, 2, UNSURE), visit)
    assert (answer["token"], answer["label"]) == (1, [UNSURE, "human"])
    label = stored(services, caller, "red paint")
    assert label is not None
    assert (label.grade, label.source) == (UNSURE, "human")
    assert stored(services, caller, "blue whale") is None


def test_pressed_again_the_label_goes(services: Services, caller: Caller) -> None:
    visit = ran(services, caller).visit
    ranking.on_label(services, press(caller, visit.result.request, 0, 1), visit)
    answer = ranking.on_label(services, press(caller, visit.result.request, 0, None), visit)
    assert answer["label"] is None
    assert stored(services, caller, "blue whale") is None


def test_the_label_shows_wherever_the_pair_does_beside_what_the_input_said(services: Services, caller: Caller) -> None:
    visit = ran(services, caller).visit
    ranking.on_label(services, press(caller, visit.result.request, 0, 2), visit)
    again = ran(services, caller, max_length=20, text="a red panda eats bamboo\nblue whale\nred ink")
    assert said_of(again) == {
        "a red panda eats bamboo": (True, None),
        "blue whale": (False, [2, "human"]),
        "red ink": (None, None),
    }
    other = ran(services, caller, query="whale")
    assert said_of(other)["blue whale"] == (False, None)
    opened = history.on_open(services, replace(caller, event={"id": visit.run_id}), Visit())
    assert said_of(opened.shown)["blue whale"] == (False, [2, "human"])


def test_another_visitor_sees_the_inputs_labels_only(services: Services, caller: Caller) -> None:
    visit = ran(services, caller).visit
    ranking.on_label(services, press(caller, visit.result.request, 1, 0), visit)
    shown = ran(services, Caller(session="page", owner="visitor-two"))
    assert said_of(shown)["a red panda eats bamboo"] == (True, None)


@pytest.mark.parametrize("place", [-1, 3, 1.0, True, "1", None])
def test_a_place_that_is_none_is_refused(services: Services, caller: Caller, place: object) -> None:
    visit = ran(services, caller).visit
    with pytest.raises(InvalidInput, match="changed since"):
        ranking.on_label(services, press(caller, visit.result.request, place, 1), visit)


@pytest.mark.parametrize("grade", [4, -2, 1.0, True, "1", [1]])
def test_a_grade_that_is_none_is_refused(services: Services, caller: Caller, grade: object) -> None:
    visit = ran(services, caller).visit
    with pytest.raises(InvalidInput, match="from 0 to 3, or unsure"):
        ranking.on_label(services, press(caller, visit.result.request, 0, grade), visit)
    assert services.history.labels.count(caller.owner) == 0


def test_a_label_meant_for_the_list_before_is_refused(services: Services, caller: Caller) -> None:
    before = ran(services, caller).visit.result.request
    visit = ran(services, caller, text="red paint\nblue whale\na red panda eats bamboo").visit
    with pytest.raises(InvalidInput, match="changed since"):
        ranking.on_label(services, press(caller, before, 0, 1), visit)
    with pytest.raises(InvalidInput, match="changed since"):
        ranking.on_label(services, press(caller, None, 0, 1), Visit())


def test_rows_can_be_labelled_while_the_run_goes_on(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "SECONDS_BETWEEN_TABLES", 0.0)
    asked = ASKED._replace(text="\n".join(f"red line {n} " + "word " * 150 for n in range(200)))
    steps = ranking.on_rerank(services, caller, ran(services, caller).visit, *asked)
    step = next(step for step in steps if isinstance(step.shown.visit, Visit))
    assert step.shown.results["streaming"] is True
    visit, row = step.shown.visit, json.loads(step.shown.results["rows"])[0]
    now = replace(caller, event={"of": step.shown.results["of"], "place": row["index"], "grade": 1})
    ranking.on_label(services, now, visit)
    assert visit.result.request != visit.request
    last = list(steps)[-1]
    assert {each["index"]: each["said"] for each in rows(last)}[row["index"]] == [1, "human"]


def test_the_labels_of_the_list_can_be_asked_for_anew(services: Services, caller: Caller) -> None:
    visit = ran(services, caller).visit
    services.history.labels.put(caller.owner, "red panda", "red paint", 3)
    found = ranking.on_labels(services, caller, visit)
    assert found is not None
    assert found["labels"] == [None, None, [3, "human"]]
    assert found["of"] == labels.mark(visit.result.request)
    assert ranking.on_labels(services, caller, Visit()) is None


def test_a_result_is_shown_also_where_labels_cannot_be_read(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> Any:
        raise HistoryError("The disk that holds {path} is full. Free some space and try again.", path="/data/x.db")

    monkeypatch.setattr(services.history.labels, "find", broken)
    shown = ran(services, caller)
    assert said_of(shown)["blue whale"] == (False, None)
    assert next(said["en"] for said in shown.results["warnings"]).startswith("The disk that holds /data/x.db is full.")


def test_the_table_of_a_run_has_the_labels_that_hold(services: Services, caller: Caller) -> None:
    visit = ran(services, caller).visit
    for place, grade in ((0, 2), (1, UNSURE)):
        ranking.on_label(services, press(caller, visit.result.request, place, grade), visit)
    table = ranking.on_export(services, replace(caller, event={"format": "csv"}), visit).download["text"]
    found = {row["passage"]: row["label"] for row in csv.DictReader(io.StringIO(table))}
    assert found == {"blue whale": "1", "a red panda eats bamboo": "", "red paint": ""}


def test_a_list_is_not_named_as_one_with_its_texts_cut_elsewhere() -> None:
    one = RerankRequest("q", (Passage("1", "ab"), Passage("2", "c")))
    other = RerankRequest("q", (Passage("1", "a"), Passage("2", "bc")))
    assert labels.mark(one) != labels.mark(other)
    assert labels.mark(one) == labels.mark(replace(one, passages=(Passage("x", "ab"), Passage("y", "c", True))))


def test_compare_says_anew_which_model_puts_a_relevant_passage_first(services: Services, caller: Caller) -> None:
    rows = [{"model": "bm25", "precision": "auto", "kind": "auto"}]
    steps = compare.on_compare(services, replace(caller, event={"rows": rows}), comparison.Visit(), *ASKED)
    shown = list(steps)[-1].shown
    assert shown.results["right"] == []
    first = json.loads(shown.results["columns"][0]["scored"])[0][0]
    answer = compare.on_label(services, press(caller, shown.visit.comparison.request, first, 1), shown.visit)
    assert answer["right"][0]["key"] == "compare.first_relevant"
    found = compare.on_labels(services, caller, shown.visit)
    assert found is not None
    assert found["labels"][first] == [1, "human"]
    again = comparison.show(services, caller, shown.visit)
    assert json.loads(again.results["passages"])[first]["said"] == [1, "human"]
    assert again.results["right"] == answer["right"]


# ---- the flow -------------------------------------------------------------------------------------------------------


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
    assert set(pairs) == {"nonce", "of", "from", "total", "pairs", "near"}
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
    now = stored(services, caller, "passage 0 of 0", "query 0")
    assert now is not None
    assert (now.grade, now.source) == (0, "human")
    other = answered(services, caller, told.walk, 1 - n, UNSURE)
    assert other.answer["before"] is None


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
    (value,) = labelling_tab.show(services, caller, selection, in_view)
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
