"""The set in view scored behind the page: asked for, looked at, gone on with, refused; no browser, no weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import LabelledSet
from playground.core.limits import PUBLIC
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.views.threshold import scoring_requests, set_bar
from playground.ui.views.threshold.labelled_set_in_view import EXAMPLE, Selection
from playground.ui.wiring import Caller
from tests.ui import doubles
from tests.ui.views.threshold.test_set_bar import ASKED, EXAMPLE_SET, MODEL, N_PAIRS, said, strip

PATIENCE_SECONDS = 60.0


def score(
    services: Services, caller: Caller, selection: Selection, *models: str, asked: Asked = ASKED
) -> scoring_requests.Asking:
    asking = scoring_requests.on_score(services, said(caller, models=list(models)), selection, *asked)
    assert services.jobs.wait(caller.owner, PATIENCE_SECONDS)
    return asking


def test_a_set_is_scored_with_several_models_and_the_page_shows_it_once_each_is_over(
    services: Services, caller: Caller
) -> None:
    asking = score(services, caller, Selection(), MODEL, "bm25")
    assert asking.timer == gr.update(active=True)
    assert asking.seen == ()
    assert asking.strip["busy"] is True
    ticked = scoring_requests.on_tick(services, caller, (), 0)
    assert (ticked.ended, ticked.timer) == (1, gr.update(active=False))
    assert [line["said"]["key"] for line in ticked.jobs["lines"]] == ["labelled_set.job_done"] * 2
    assert scoring_requests.on_tick(services, caller, ticked.seen, 1).ended == gr.skip()
    shown = strip(services, caller, Selection())
    assert sorted((each["name"], each["n"]) for each in shown["scorers"]) == [
        ("BM25 (keywords)", N_PAIRS),
        (MODEL, N_PAIRS),
    ]
    assert shown["busy"] is False


def test_what_is_shown_does_not_change_when_another_model_finishes(services: Services, caller: Caller) -> None:
    score(services, caller, Selection(), MODEL)
    first = strip(services, caller, Selection())["scorer"]
    score(services, caller, Selection(), "bm25")
    assert strip(services, caller, Selection())["scorer"] == first
    line = scoring_requests.on_tick(services, caller, (), 0).jobs["lines"][1]
    selection = set_bar.on_show(services, said(caller, scorer=line["key"], set=EXAMPLE), Selection(), *ASKED).selection
    assert strip(services, caller, selection)["scorer"] == line["key"] != first


def test_continue_runs_the_model_as_it_ran_before(services: Services, caller: Caller) -> None:
    asked = ASKED._replace(max_length=40.0, reading="windows", window_tokens=16, window_by="first")
    score(services, caller, Selection(), MODEL, asked=asked)
    (row,) = strip(services, caller, Selection())["scorers"]
    assert row["windows"]["en"] == "windows of 16 tokens, overlap 2, first"
    query = EXAMPLE_SET.queries[0]
    larger = LabelledSet("larger", "Larger", (query, replace(query, id="more", query="another question")))
    selection = Selection(services.history.sets.save(caller.owner, larger))
    n = len(query.passages)
    assert [each["n"] for each in strip(services, caller, selection)["scorers"]] == [n]
    scoring_requests.on_continue(services, said(caller, scorer=row["key"]), selection, *ASKED)
    assert services.jobs.wait(caller.owner, PATIENCE_SECONDS)
    assert [(each["key"], each["n"]) for each in strip(services, caller, selection)["scorers"]] == [(row["key"], 2 * n)]


def test_a_folder_cannot_be_scored_with_on_a_public_page(tmp_path: Path, caller: Caller) -> None:
    settings = Settings(db=tmp_path / "history.db", offline=True, public=True)
    public = Services(settings, Engine(load_scorer=doubles.load(), limits=PUBLIC), HistoryStore(settings.db))
    with pytest.raises(InvalidInput, match="Folders of this machine"):
        scoring_requests.on_score(public, said(caller, models=[str(tmp_path)]), Selection(), *ASKED)
    with pytest.raises(InvalidInput, match="No model is chosen"):
        scoring_requests.on_score(public, said(caller, models=[]), Selection(), *ASKED)
