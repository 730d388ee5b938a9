"""Labels given in a list of Ranking or Compare, from the event of the browser to the history; no browser."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import UNSURE, Label
from playground.core.types import Passage, RerankRequest
from playground.ui.components import labels
from playground.ui.services import Services
from playground.ui.views.compare import shown as comparison
from playground.ui.views.compare import view as compare
from playground.ui.views.history import view as history
from playground.ui.views.ranking import view as ranking
from playground.ui.views.ranking.view import Visit
from playground.ui.wiring import Caller
from tests.ui.views.ranking.test_view import ASKED, rows, run

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
