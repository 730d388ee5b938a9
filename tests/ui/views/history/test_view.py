"""The history view's handlers; no browser."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.core.corpora import WHOLE, Document
from playground.core.errors import HistoryError
from playground.core.limits import PUBLIC_MAX_KEPT_BYTES
from playground.core.types import ModelChoice
from playground.history.rows import Kept
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.views.history import view as history
from playground.ui.views.ranking.view import Visit
from playground.ui.wiring import Caller
from tests.history.labelled import labelled
from tests.history.records import manifest
from tests.history.test_thresholds import THRESHOLD
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


def full(services: Services, owner: str) -> None:
    services.history.save(owner, manifest())
    services.history.sets.save(owner, labelled({"q": {"p": 1, "other": 0}}))
    services.history.thresholds.save(owner, THRESHOLD)


def test_the_list_says_what_is_kept_and_what_came_with_a_file(
    services: Services, caller: Caller, tmp_path: Path
) -> None:
    full(services, "visitor-two")
    path = tmp_path / "export.jsonl.gz"
    path.write_bytes(services.history.export("visitor-two"))
    one_of_each = {"runs": 1, "labels": 2, "sets": 1, "scores": 0, "thresholds": 1}

    listed = history.on_import(services, caller, str(path), *FILTERS).runs
    assert listed["kept"] == one_of_each
    assert listed["done"] == {"verb": "imported", **one_of_each}
    assert listed["room"] is None

    again = history.on_import(services, caller, str(path), *FILTERS).runs
    assert again["kept"] == one_of_each
    assert again["done"] == {"verb": "imported", **dict.fromkeys(one_of_each, 0)}
    assert history.on_import(services, caller, None, *FILTERS).runs["done"] is None


def test_forgetting_ends_the_scoring_and_leaves_others_alone(services: Services, caller: Caller) -> None:
    for owner in (caller.owner, "visitor-two"):
        full(services, owner)
    (row,) = services.history.sets.list(caller.owner)
    services.jobs.start(caller.owner, services.history.sets.get(caller.owner, row.id), [ModelChoice("overlap")])

    listed = history.on_act(services, replace(caller, event={"verb": "forget"}), *FILTERS).runs

    assert listed["runs"] == []
    assert {name: n for name, n in listed["done"].items() if name != "scores"} == {
        "verb": "forgotten",
        "runs": 1,
        "labels": 2,
        "sets": 1,
        "thresholds": 1,
    }
    assert set(listed["kept"].values()) == {0}
    assert services.jobs.of(caller.owner) == ()
    assert services.history.count("visitor-two") == Kept(runs=1, labels=2, sets=1, scores=0, thresholds=1)


def test_forgetting_leaves_no_index_of_ones_own_texts(services: Services, caller: Caller) -> None:
    documents = [Document("secret", "", "the code word is kingfisher")]
    corpus = services.corpora.open(services.corpora.create("Own", documents, WHOLE, caller.owner).id, caller.owner)
    list(corpus.build_bm25())
    assert corpus.folder.is_dir()

    history.on_act(services, replace(caller, event={"verb": "forget"}), *FILTERS)

    assert not corpus.folder.exists()


def test_forgetting_ends_ones_own_runs_first(services: Services, caller: Caller, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "STOP_SECONDS", 0)
    full(services, caller.owner)
    other = replace(caller, session="p2", owner="visitor-two")
    with services.run(caller) as mine, services.run(other) as theirs:
        with pytest.raises(HistoryError, match="Something is still running"):
            history.on_act(services, replace(caller, event={"verb": "forget"}), *FILTERS)
        assert (mine.is_set(), theirs.is_set()) == (True, False)
        assert services.history.count(caller.owner).runs == 1
    assert history.on_act(services, replace(caller, event={"verb": "forget"}), *FILTERS).runs["runs"] == []


def test_nobody_forgets_for_somebody_else(services: Services, caller: Caller) -> None:
    full(services, caller.owner)
    for owner in ("visitor-two", ""):
        event = {"verb": "forget", "owner": caller.owner, "id": caller.owner}
        with suppress(HistoryError):
            history.on_act(services, Caller(session="p2", owner=owner, event=event), *FILTERS)
    assert services.history.count(caller.owner).runs == 1


def test_a_public_page_says_how_much_room_is_left_and_a_full_one_still_shows_the_result(
    services: Services, caller: Caller, tmp_path: Path
) -> None:
    small = HistoryStore(tmp_path / "small.db", public=True, most_bytes=1_000_000)
    public = Services(services.settings, services.engine, small)
    small.save(caller.owner, manifest(passages=["x" * 998_000]))

    room = history.on_list(public, caller, *FILTERS).runs["room"]
    assert room["most"] == 1.0
    assert 0.998 < room["used"] <= 1.0
    shown = run(public, caller)[-1].shown
    assert shown.visit.result is not None
    assert shown.visit.run_id is None
    assert small.count(caller.owner).runs == 1


def test_only_a_public_page_has_a_limit(tmp_path: Path) -> None:
    for public, most in ((True, PUBLIC_MAX_KEPT_BYTES), (False, None)):
        settings = Settings(db=tmp_path / "history.db", public=public)
        assert Services.from_settings(settings).history.most_bytes == most
