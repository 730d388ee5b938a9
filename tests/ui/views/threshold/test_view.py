"""The parts of the Threshold view: which is shown anew, which waits, and what becomes of one that fails; no browser."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE
from playground.ui.services import Services
from playground.ui.views.threshold import set_bar
from playground.ui.views.threshold import view as threshold
from playground.ui.views.threshold.labelled_set_in_view import READY, Parameters, Selection, SetInView, open_set
from playground.ui.wiring import Caller
from tests.ui.views.threshold.test_set_bar import EXAMPLE_SET


def test_a_set_is_opened_once_until_a_label_changes(services: Services, caller: Caller) -> None:
    in_view = open_set(services, caller, Selection())
    assert open_set(services, caller, Selection()) is in_view
    query = EXAMPLE_SET.queries[0]
    services.history.labels.put(caller.owner, query.query, query.passages[0].text, UNSURE)
    assert open_set(services, caller, Selection()) is not in_view
    assert open_set(services, replace(caller, owner="visitor-two"), Selection()).labelled.counts()[UNSURE] == 0


class Shows:
    """A part of the view with one component."""

    def __init__(self, value: object) -> None:
        self.value = value

    def show(
        self, services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
    ) -> tuple[Any, ...]:
        if isinstance(self.value, Exception):
            raise self.value
        return ((self.value, parameters) if parameters else self.value,)


def part(name: str, value: object) -> threshold.Part:
    widgets: Any = SimpleNamespace(shown=[None])
    trouble: Any = None
    return threshold.Part(name, Shows(value), widgets, trouble)


NONE: Parameters = {}
ASKED: Parameters = {"cost": 2.0}
WORKING = {
    "key": "labelled_set.working",
    "values": {"done": 0, "total": 0},
    "tone": "muted",
    "bar": {"done": 0, "total": 0},
}


def opened(
    services: Services, parts: list[threshold.Part], name: str, caller: Caller, parameters: Parameters = NONE
) -> list[Any]:
    """What is sent when a tab is opened, step by step."""
    return [fresh(each) for each in threshold.on_open(services, parts, name, caller, Selection(), parameters)]


def fresh(step: tuple[Any, ...]) -> list[Any]:
    return [each for each in step if each != gr.skip()]


def test_the_strip_and_the_open_tab_are_shown_and_the_others_once_they_are_opened(
    services: Services, caller: Caller
) -> None:
    parts = [part("data", "a"), part("panel", "b"), part("quality", "c")]
    steps = list(threshold.on_refresh(services, parts, caller, Selection(), ASKED))
    assert [fresh(step) for step in steps] == [[], [[], ("a", ASKED), [WORKING]], [[], ("b", ASKED)], []]
    assert {len(step) for step in steps} == {6}
    assert opened(services, parts, "quality", caller, ASKED) == [[[WORKING]], [[], ("c", ASKED)], []]
    assert opened(services, parts, "panel", caller, ASKED) == [[]]
    assert opened(services, parts, "quality", caller, ASKED) == [[]]
    steps = list(threshold.on_refresh(services, parts, caller, Selection(), ASKED))
    assert [fresh(step) for step in steps] == [[], [[], ("a", ASKED)], [[], ("c", ASKED)], []]
    assert opened(services, parts, "panel", caller, ASKED)[-2:] == [[[], ("b", ASKED)], []]


def test_a_tab_that_is_opened_before_anything_was_asked_for_waits(services: Services, caller: Caller) -> None:
    assert opened(services, [part("panel", "b")], "panel", caller) == [[]]


def test_a_part_that_asks_is_shown_though_the_click_on_its_tab_was_never_heard(
    services: Services, caller: Caller
) -> None:
    parts = [part("data", "a"), part("panel", "b"), part("quality", "c")]
    list(threshold.on_refresh(services, parts, caller, Selection(), NONE))
    asking = replace(caller, event={"tab": "quality"})
    steps = list(threshold.on_refresh(services, parts, asking, Selection(), NONE))
    assert [fresh(step) for step in steps] == [[], [[], "a"], [[], "c"], []]
    unknown = replace(caller, event={"tab": "nowhere"})
    steps = list(threshold.on_refresh(services, parts, unknown, Selection(), NONE))
    assert [fresh(step) for step in steps][2] == [[], "c"]


def test_a_visitor_who_was_quicker_than_the_page_sees_everything_once_there_is_an_id(
    services: Services, caller: Caller
) -> None:
    parts = [part("data", "a"), part("panel", "b")]
    early = replace(caller, owner="")
    assert [fresh(step) for step in threshold.on_arrived(services, parts, caller, Selection(), NONE)] == [[]]
    assert [fresh(step) for step in threshold.on_refresh(services, parts, early, Selection(), NONE)] == [[]]
    steps = list(threshold.on_arrived(services, parts, caller, Selection(), NONE))
    assert [fresh(step) for step in steps][1:] == [[[], "a", [WORKING]], [[], "b"], []]


def test_a_part_that_fails_says_so_in_its_place_and_the_others_are_shown(
    services: Services, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [part("data", ZeroDivisionError()), part("panel", InvalidInput("No.")), part("quality", "c")]
    steps = list(threshold.on_refresh(services, parts, caller, Selection(), NONE))
    assert [fresh(step) for step in steps] == [
        [],
        [[{"key": "app.unexpected", "values": {}, "tone": "bad"}], [WORKING]],
        [[{"en": "No.", "zh": "No.", "tone": "bad"}]],
        [],
    ]
    assert opened(services, parts, "quality", caller)[-2:] == [[[], "c"], []]
    assert "ZeroDivisionError" in caplog.text


def test_an_older_answer_ends_where_the_page_asked_again(services: Services, caller: Caller) -> None:
    older = threshold.on_refresh(services, [part("data", "a"), part("panel", "b")], caller, Selection(), NONE)
    assert len([next(older), next(older)]) == 2
    newer = threshold.on_refresh(
        services, [part("data", "c"), part("panel", "d")], caller, Selection(relevant_from=2), NONE
    )
    next(newer)
    # What came last is sent once more when a stream ends: that must not be the line over a part.
    assert [fresh(step) for step in older] == [[]]
    other_page = threshold.on_refresh(
        services, [part("data", "e"), part("panel", "f")], replace(caller, session="other"), Selection(), NONE
    )
    next(other_page)
    assert [fresh(step) for step in newer] == [[[], "c", [WORKING]], [[], "d"], []]


def test_a_tab_that_the_page_asked_for_anew_meanwhile_gets_no_line_over_it(services: Services, caller: Caller) -> None:
    parts = [part("data", "a"), part("panel", "b"), part("quality", "c")]
    list(threshold.on_refresh(services, parts, caller, Selection(), NONE))
    older = threshold.on_open(services, parts, "quality", caller, Selection(), NONE)
    assert fresh(next(older)) == [[WORKING]]
    newer = threshold.on_refresh(services, parts, caller, Selection(relevant_from=2), NONE)
    assert [fresh(step) for step in newer][-2:] == [[[], "c"], []]
    assert [fresh(step) for step in older] == [[]]


def test_a_tab_that_is_opened_while_the_page_asks_anew_keeps_no_line_over_it(
    services: Services, caller: Caller
) -> None:
    parts = [part("data", "a"), part("panel", "b"), part("quality", "c")]
    asked = threshold.on_refresh(services, parts, caller, Selection(), NONE)
    assert fresh(next(asked)) == []
    assert opened(services, parts, "quality", caller) == [[[WORKING]], [[], "c"], []]
    assert [fresh(step) for step in asked] == [[[], "a"], []]


def test_a_set_that_is_gone_leaves_the_others_to_choose_from(services: Services, caller: Caller) -> None:
    data = threshold.Part("data", set_bar, SimpleNamespace(shown=[None] * 4), None)  # type: ignore[arg-type]
    _, (trouble, shown, *_), *_ = threshold.on_refresh(
        services, [data, part("panel", "b")], caller, Selection("nowhere"), NONE
    )
    assert trouble[0]["en"].startswith("There is no labelled set 'nowhere' of yours.")
    assert [each["id"] for each in shown["sets"]] == list(READY)
