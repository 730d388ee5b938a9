"""The modes of bge-m3 in the embeddings, from the event of the button to what the page shows; no browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.views.embeddings import modes
from playground.ui.views.embeddings.payload import finished, payload
from playground.ui.views.embeddings.view import Arrangement, Visit
from playground.ui.wiring import Caller
from tests.checkpoints_apart import tiny_m3

TEXTS = ("The giant panda is a bear.", "大熊猫以竹子为食。", "what is panda?", "the train leaves at seven")
REQUEST = RerankRequest("what is panda?", tuple(Passage(str(n), text) for n, text in enumerate(TEXTS, 1)))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = Settings(db=tmp_path_factory.mktemp("history") / "history.db", offline=True)
    made = Services(settings, Engine(offline=True), HistoryStore(settings.db))
    yield made
    made.close()


@pytest.fixture(scope="module")
def visit(apart: Services, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    """The page after one embedding, without its background, which takes seconds to measure."""
    folder = tiny_m3(tmp_path_factory.mktemp("m3"))
    choice = ModelChoice(str(folder), kind="embedder", device="cpu", precision="fp32")
    *_, last = apart.engine.embed(REQUEST, choice, instruction="")
    assert last.result is not None
    return Visit((finished(str(folder), last.result, None, ()),), nonce="one")


def press(apart: Services, caller: Caller, visit: Visit, **event: object) -> list[Any]:
    sent: dict[str, object] = {"run": "one", "column": 0, "place": 0, "ranked": False, **event}
    return list(modes.on_modes(apart, replace(caller, event=sent), visit))


def test_the_page_learns_the_ranks_of_each_mode_and_what_it_sees_in_one_passage(
    apart: Services, caller: Caller, visit: Visit
) -> None:
    answers = press(apart, caller, visit, place=1)
    (ranked,) = [answer for answer in answers if "ranks" in answer]
    result = visit.columns[0].result
    assert result is not None
    for mode in ("dense", "sparse", "colbert"):
        choice = replace(modes.choice_of(result.spec), model_id=f"{result.spec.model_id}#mode={mode}")
        *_, last = apart.engine.rerank(REQUEST, choice)
        places = {each.index: f"{each.rank}=" if each.tied else str(each.rank) for each in last.result or ()}
        assert ranked["ranks"][mode] == [places[index] for index in range(len(TEXTS))]
    for language, name in (("en", "Dense"), ("zh", "稠密（dense）")):
        layout = json.loads(ranked["figure"][language])["layout"]
        assert (layout["meta"]["names"][0], layout["meta"]["passages"]) == (name, [0, 1, 2, 3])
    told = json.loads(answers[-1]["told"])
    dense = next(part for part in told["parts"] if part["mode"] == "dense")
    assert dense["score"] == pytest.approx(float(result.query_cosines()[1]), abs=1e-5)
    assert {(answer["run"], answer["column"], answer["place"]) for answer in answers} == {("one", 0, 1)}


def test_another_passage_of_the_same_run_needs_no_second_ranking(apart: Services, caller: Caller, visit: Visit) -> None:
    answers = press(apart, caller, visit, place=3, ranked=True)
    assert not any("ranks" in answer for answer in answers)
    assert "told" in answers[-1]


def test_the_part_is_there_for_models_with_modes_only(visit: Visit) -> None:
    shown: Any = payload(visit.columns, Arrangement(), "en", nonce="one")
    assert shown["columns"][0]["modes"] is True
    result = visit.columns[0].result
    assert result is not None
    other = replace(result, spec=replace(result.spec, passage_instruction="passage: "))
    assert finished("m", other, None, ()).modes is False
    assert finished("m", replace(result, spec=replace(result.spec, model_id="overlap")), None, ()).modes is False


def test_stop_and_results_that_changed_are_said(apart: Services, caller: Caller, visit: Visit) -> None:
    steps = modes.on_modes(apart, replace(caller, event={"run": "one", "column": 0, "place": 0}), visit)
    assert "said" in next(steps)
    modes.on_stop(apart, caller)
    assert [answer["failed"]["key"] for answer in steps if "failed" in answer] == ["modes.stopped"]
    for event in ({"run": "two"}, {"column": 1}, {"column": True}, {"place": 4}, {"place": "0"}, {"column": None}):
        (answer,) = press(apart, caller, visit, **event)
        assert answer["failed"]["en"].startswith("The results on the page have changed since.")
    (answer,) = press(apart, caller, replace(visit, columns=(replace(visit.columns[0], modes=False),)))
    assert "has one way to score" in answer["failed"]["en"]


def test_a_single_passage_has_ranks_and_no_plot(apart: Services, caller: Caller, visit: Visit) -> None:
    column = visit.columns[0]
    assert column.result is not None
    alone = replace(column.result, request=replace(REQUEST, passages=REQUEST.passages[:1]))
    answers = press(apart, caller, replace(visit, columns=(replace(column, result=alone),)))
    (ranked,) = [answer for answer in answers if "ranks" in answer]
    assert (ranked["figure"], ranked["ranks"]["sparse"]) == (None, ["1"])
