"""Why a row has its score, from the event of its button to what the row shows; no browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.core.errors import InvalidInput
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.views.ranking import depth, why
from playground.ui.views.ranking import view as ranking
from playground.ui.views.ranking.view import Visit
from playground.ui.wiring import Caller
from tests.checkpoints_apart import tiny_m3
from tests.ui.views.ranking.test_view import ASKED as OTHER

MODE = "0.4dense+0.2sparse+0.4colbert"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_m3(tmp_path_factory.mktemp("m3"))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = Settings(db=tmp_path_factory.mktemp("history") / "history.db", offline=True)
    made = Services(settings, Engine(offline=True), HistoryStore(settings.db))
    yield made
    made.close()


@pytest.fixture
def asked(folder: Path) -> Asked:
    return OTHER._replace(model=f"{folder}#mode={MODE}", precision="fp32", device="cpu")


def ranked(services: Services, caller: Caller, asked: Asked) -> tuple[dict[str, Any], Visit]:
    last = list(ranking.on_rerank(services, caller, Visit(), *asked))[-1]
    return last.shown.results, last.shown.visit


def press(services: Services, caller: Caller, shown: Any, visit: Visit, index: object, **event: object) -> list[Any]:
    sent = {"of": shown["of"], "run": shown["nonce"], "index": index, **event}
    return list(why.on_why(services, replace(caller, event=sent), visit))


def test_a_row_is_told_its_parts_and_they_sum_to_its_score(apart: Services, caller: Caller, asked: Asked) -> None:
    shown, visit = ranked(apart, caller, asked)
    assert shown["explains"] is True
    for row in json.loads(shown["rows"]):
        *_, last = press(apart, caller, shown, visit, row["index"])
        assert (last["run"], last["index"]) == (shown["nonce"], row["index"])
        told = json.loads(last["told"])
        assert [part["mode"] for part in told["parts"]] == ["dense", "sparse", "colbert"]
        assert sum(part["adds"] for part in told["parts"]) == pytest.approx(row["logit"], abs=1e-5)
        assert told["precision"] == "fp32"


def test_of_a_passage_in_windows_the_best_one_is_told(apart: Services, caller: Caller, asked: Asked) -> None:
    long = " ".join(f"Train {n} leaves at {n * 7 % 24}." for n in range(40)) + " A red panda eats bamboo."
    windows = {"reading": "windows", "window_tokens": 32, "window_by": "mean", "window_top_k": 3}
    shown, visit = ranked(apart, caller, asked._replace(text=long, split="lines", **windows))
    (row,) = json.loads(shown["rows"])
    best = row["windows"]["all"][row["windows"]["best"][0]]
    assert best[2] > row["logit"]
    told = json.loads(press(apart, caller, shown, visit, 0)[-1]["told"])
    assert told["score"] == pytest.approx(best[2], abs=1e-5)
    assert told["passage"]["n_cut"] == 0


def test_a_stopped_row_says_so_and_another_row_goes_on(apart: Services, caller: Caller, asked: Asked) -> None:
    shown, visit = ranked(apart, caller, asked)
    event = {"of": shown["of"], "run": shown["nonce"]}
    steps = why.on_why(apart, replace(caller, event=event | {"index": 1}), visit)
    assert next(steps)["said"]["key"] == "explained.reading"
    why.on_stop(apart, replace(caller, event={"run": shown["nonce"], "index": 0}))
    why.on_stop(apart, replace(caller, event={"run": shown["nonce"], "index": 1}))
    assert [answer["failed"]["key"] for answer in steps] == ["explained.stopped"]
    assert "told" in press(apart, caller, shown, visit, 1)[-1]


def test_a_list_that_changed_and_nonsense_are_refused_in_the_row(apart: Services, caller: Caller, asked: Asked) -> None:
    shown, visit = ranked(apart, caller, asked)
    for index, event in ((0, {"of": "another list"}), (7, {}), (True, {}), ("0", {}), (None, {}), (-1, {})):
        (answer,) = press(apart, caller, shown, visit, index, **event)
        assert answer["failed"]["en"].startswith("The list on the page has changed since.")
        assert answer["failed"]["zh"].startswith("页面上的列表已经变了")
    (answer,) = press(apart, caller, shown, Visit(), 0)
    assert "told" not in answer


def test_a_run_of_a_folder_that_was_brought_to_a_public_page_opens_nothing_there(
    apart: Services, caller: Caller, asked: Asked, tmp_path: Path
) -> None:
    shown, visit = ranked(apart, caller, asked)
    public = Services.from_settings(Settings(db=tmp_path / "history.db", offline=True, public=True))
    closed = "Folders of this machine cannot be opened on a public page"
    assert closed in press(public, caller, shown, visit, 0)[-1]["failed"]["en"]
    with pytest.raises(InvalidInput, match=closed):
        list(depth.on_look(public, caller, visit))
    for library in ("", "transformers", "playground"):
        code = ranking.on_code(public, replace(caller, event={"library": library}), visit)
        assert (code["text"], closed in code["reason"]["en"]) == ("", True)
    public.close()


def test_other_weights_than_those_of_the_list_explain_nothing(apart: Services, caller: Caller, asked: Asked) -> None:
    shown, visit = ranked(apart, caller, asked)
    assert visit.result is not None
    other = replace(visit.result, spec=replace(visit.result.spec, fingerprint="another"))
    last = press(apart, caller, shown, replace(visit, result=other), 0)[-1]
    assert "are no longer those that made this list" in last["failed"]["en"]


def test_a_reranker_that_reads_both_texts_together_offers_no_explanation(services: Services, caller: Caller) -> None:
    shown, visit = ranked(services, caller, OTHER)
    assert shown["explains"] is False
    *_, last = press(services, caller, shown, visit, 0)
    assert "does not give words or tokens a weight of their own" in last["failed"]["en"]
