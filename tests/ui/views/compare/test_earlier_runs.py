"""Earlier comparisons: opened again, run again, and laid beside the one on the page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.engine.engine import Engine
from playground.ui.services import Services
from playground.ui.views.compare import view as compare
from playground.ui.views.compare.shown import NOTHING_NEW, Visit
from playground.ui.views.history import view as history
from playground.ui.views.ranking import view as ranking
from playground.ui.wiring import Caller
from tests.ui.views.compare.comparisons import ASKED, BM25, EMBEDDER, FIRST, columns, compared, keys, row


def test_a_comparison_opens_as_it_was_without_any_model(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, EMBEDDER, BM25, row("owner/gone"))

    def no_model(*args: object, **options: object) -> Any:
        raise AssertionError("a model was loaded")

    bare = replace(services, engine=Engine(load_scorer=no_model, load_embedder=no_model))
    page = history.on_open(bare, replace(caller, event={"id": shown.visit.run_id}), ranking.Visit())
    assert page.workspace.query == "red panda"
    assert page.workspace.model == FIRST
    assert page.tabs["selected"] == "compare"
    assert columns(page.compared) == columns(shown)
    assert page.compared.results["disagreement"] == shown.results["disagreement"]
    gone = {"model": "owner/gone", "precision": "auto", "kind": "reranker"}
    cut = {"reading": "cut", "windows": None}
    assert page.compared.models["rows"] == [each | cut for each in (EMBEDDER, BM25, gone)]
    # What ranks on the first tab is left alone.
    assert page.shown.results == ranking.NOTHING_NEW.results


def test_a_link_opens_a_comparison_and_a_run_of_one_model_in_its_own_view(services: Services, caller: Caller) -> None:
    run_id = compared(services, caller, BM25).visit.run_id
    page = history.on_link(services, replace(caller, link=run_id), ranking.Visit())
    assert page is not None
    assert page.tabs["selected"] == "compare"
    single = list(ranking.on_rerank(services, caller, ranking.Visit(), *ASKED))[-1]
    page = history.on_link(services, replace(caller, link=single.shown.visit.run_id), ranking.Visit())
    assert page is not None
    assert page.tabs["selected"] == "ranking"
    assert page.compared == NOTHING_NEW


def test_the_history_lists_a_comparison_under_all_its_models(services: Services, caller: Caller) -> None:
    compared(services, caller, EMBEDDER, BM25)
    (listed,) = history.on_list(services, caller, "", "", False, 30).runs["runs"]
    assert listed["model"] == "owner/reranker + Mini embedder (built in, English demo) + BM25 (keywords)"


def test_a_replay_runs_the_same_models_and_says_what_changed(services: Services, caller: Caller) -> None:
    run_id = compared(services, caller, row(FIRST, "bf16"), BM25).visit.run_id
    page = history.on_replay(services, replace(caller, event={"id": run_id}), ranking.Visit())
    assert page.compared.visit.replaying is not None
    last = list(compare.on_again(services, caller, page.compared.visit))[-1].shown
    assert last.visit.replaying is None
    assert last.visit.run_id != run_id
    assert keys(last.results["replay"][0]["said"]) == ["replay.nothing"]
    assert last.results["replay"][0]["name"] == ""


def test_only_the_view_that_was_opened_runs_again(services: Services, caller: Caller) -> None:
    run_id = compared(services, caller, BM25).visit.run_id
    page = history.on_replay(services, replace(caller, event={"id": run_id}), ranking.Visit(replaying={"schema": 1}))
    assert list(ranking.on_again(services, caller, page.shown.visit, *ASKED)) == []
    assert list(compare.on_again(services, caller, Visit())) == []


def test_an_earlier_run_is_laid_beside_with_what_differs(services: Services, caller: Caller) -> None:
    before = compared(services, caller, BM25, asked=ASKED._replace(query="red", max_length=10))
    compared(services, caller, asked=ASKED._replace(text="other\npassages\nhere"))
    now = compared(services, caller, BM25).visit
    sought = compare.on_seek(services, caller, now)
    assert [one["id"] for one in sought.details["earlier"]] == [before.visit.run_id]
    laid = compare.on_lay(services, replace(caller, event={"id": before.visit.run_id}), sought.visit)
    assert [one["earlier"] for one in columns(laid)] == [False, False, True, True]
    assert columns(laid)[2]["name"].startswith("reranker · ")
    assert len({one["name"] for one in columns(laid)}) == 4
    differences = {group["name"]: keys(group["said"]) for group in laid.details["differences"]}
    assert "Query: red → red panda." in differences[""]
    assert "Maximum length: 10 → 64." in differences["reranker"]
    # Cost and precisions are those of the newer one.
    assert len(laid.details["models"]) == 2
    alone = compare.on_lay(services, replace(caller, event={"id": ""}), laid.visit)
    assert len(columns(alone)) == 2


def test_what_holds_for_all_models_is_said_once_and_models_that_are_gone_are_named(
    services: Services, caller: Caller
) -> None:
    before = compared(services, caller, EMBEDDER, BM25, row("owner/same"), asked=ASKED._replace(query="red"))
    now = compared(services, caller, EMBEDDER, BM25).visit
    laid = compare.on_lay(services, replace(caller, event={"id": before.visit.run_id}), now)
    groups = laid.details["differences"]
    assert (groups[0]["name"], keys(groups[0]["said"])) == ("", ["Query: red → red panda."])
    assert groups[-1]["said"][0]["values"] == {"models": "same"}


def test_a_run_of_one_model_can_be_laid_beside_too(services: Services, caller: Caller) -> None:
    single = list(ranking.on_rerank(services, caller, ranking.Visit(), *ASKED))[-1].shown.visit.run_id
    now = compared(services, caller, BM25).visit
    laid = compare.on_lay(services, replace(caller, event={"id": single}), now)
    assert [one["scale"] for one in columns(laid)] == ["logit", "bm25", "logit"]


def test_runs_over_other_passages_are_not_laid_beside(services: Services, caller: Caller) -> None:
    other = compared(services, caller, asked=ASKED._replace(text="one\ntwo\nthree")).visit.run_id
    now = compared(services, caller, BM25).visit
    assert compare.on_seek(services, caller, now).details["earlier"] == []
    with pytest.raises(InvalidInput, match="different passages"):
        compare.on_lay(services, replace(caller, event={"id": other}), now)


def test_another_visitors_run_is_not_laid_beside(services: Services, caller: Caller) -> None:
    other = Caller(session="p2", owner="visitor-two")
    run_id = compared(services, other, BM25).visit.run_id
    now = compared(services, caller, BM25).visit
    with pytest.raises(HistoryError):
        compare.on_lay(services, replace(caller, event={"id": run_id}), now)
