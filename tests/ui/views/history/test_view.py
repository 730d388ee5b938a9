"""The history view's handlers; no browser."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.errors import HistoryError
from playground.ui.services import Services
from playground.ui.views.history import view as history
from playground.ui.views.ranking.view import Visit
from playground.ui.wiring import Caller
from tests.ui.views.ranking.test_view import ASKED, run

FILTERS = ("", "", False, 30)


def test_runs_are_listed_newest_first_and_found_by_a_word_in_a_passage(services: Services, caller: Caller) -> None:
    run(services, caller)
    run(services, caller, ASKED._replace(query="green tea", text="a cup\na pot"))
    listed = history.on_list(services, caller, *FILTERS).runs
    assert [row["query"] for row in listed["runs"]] == ["green tea", "red panda"]
    found = history.on_list(services, caller, "bamboo", "", False, 30).runs
    assert [row["query"] for row in found["runs"]] == ["red panda"]


def test_star_note_delete_and_undo_go_through_one_event(services: Services, caller: Caller) -> None:
    run_id = run(services, caller)[-1].shown.visit.run_id

    def act(verb: str, value: object = None) -> dict[str, object]:
        event = {"verb": verb, "id": run_id, "value": value}
        return history.on_act(services, replace(caller, event=event), *FILTERS).runs

    assert act("star", True)["runs"][0]["starred"] is True
    assert act("note", "for Monday")["runs"][0]["note"] == "for Monday"
    gone = act("delete")
    assert gone["runs"] == []
    assert gone["deleted"] == {"id": run_id, "query": "red panda"}
    assert act("restore")["runs"][0]["note"] == "for Monday"


def test_another_visitor_can_neither_see_open_nor_delete_a_run(services: Services, caller: Caller) -> None:
    run_id = run(services, caller)[-1].shown.visit.run_id
    other = Caller(session="p2", owner="visitor-two", event={"verb": "delete", "id": run_id})
    assert history.on_list(services, other, *FILTERS).runs["runs"] == []
    with pytest.raises(HistoryError):
        history.on_open(services, other, Visit())
    with pytest.raises(HistoryError):
        history.on_act(services, other, *FILTERS)
    assert len(services.history.search(caller.owner)) == 1


def test_a_link_opens_a_run_and_no_link_opens_nothing(services: Services, caller: Caller) -> None:
    run_id = run(services, caller)[-1].shown.visit.run_id
    page = history.on_link(services, replace(caller, link=run_id), Visit())
    assert page is not None
    assert page.workspace.query == "red panda"
    assert history.on_link(services, caller, Visit()) is None
    with pytest.raises(HistoryError):
        history.on_link(services, replace(caller, link="no-such-run"), Visit())


def test_an_exported_file_comes_back_for_another_visitor(services: Services, caller: Caller, tmp_path: Path) -> None:
    run(services, caller)
    exported = history.on_export(services, caller)
    path = tmp_path / exported["name"]
    path.write_bytes(base64.b64decode(exported["base64"]))
    assert services.history.import_("visitor-two", path).runs == 1
    other = Caller(session="p2", owner="visitor-two")
    assert [row["query"] for row in history.on_list(services, other, *FILTERS).runs["runs"]] == ["red panda"]
