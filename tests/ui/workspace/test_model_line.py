"""The line under the model box: what a model needs, and whether it fits here; no browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine
from playground.ui import texts
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.wiring import Caller
from playground.ui.workspace.choices import model_line
from playground.ui.workspace.model_settings import Known
from playground.ui.workspace.view import on_model
from tests.ui import doubles
from tests.ui.views.ranking.test_view import run


def with_free(services: Services, free_mib: float) -> Services:
    engine = Engine(load_scorer=doubles.load(), free_mib=lambda device: free_mib)
    return Services(services.settings, engine, services.history)


def told(line: list[Phrase]) -> dict[object, object]:
    return {said.get("key"): said.get("values") for said in line}


def test_the_line_says_what_a_model_needs_and_that_it_fits(services: Services) -> None:
    services = replace(services, settings=services.settings.model_copy(update={"offline": False}))
    line = model_line(with_free(services, 8000), "BAAI/bge-reranker-base", "cpu", "fp32")
    assert str(line[0]["en"]).startswith("278 M parameters · up to 512 tokens")
    assert told(line[1:]) == {
        "model.downloads": {"size": "1.0 GiB"},
        "model.needs": {"memory": "1.3 GiB", "precision": "fp32"},
        "model.fits": {},
    }
    assert line[-1]["tone"] == "good"


def test_what_would_have_to_come_says_so_where_nothing_can(services: Services) -> None:
    line = told(model_line(with_free(services, 8000), "BAAI/bge-reranker-base", "cpu", "fp32"))
    assert line["model.offline"] == {"size": "1.0 GiB"}


def test_a_model_that_does_not_fit_says_what_is_free_and_what_would_fit(services: Services) -> None:
    line = model_line(with_free(services, 1200), "Qwen/Qwen3-Reranker-4B", "cpu", "fp32")
    assert line[-1]["tone"] == "bad"
    assert line[-1]["values"] == {"free": "1.2 GiB", "instead": "castorini/monot5-base-msmarco-10k"}


def test_whether_it_fits_follows_the_room(services: Services) -> None:
    found = {}
    for free in (1400, 1200, 900):
        said = model_line(with_free(services, free), "BAAI/bge-reranker-base", "cpu", "fp32")[-1]
        assert isinstance(said["values"], dict)
        found[free] = (said["key"], texts.say(str(said["key"]), "zh", **said["values"])[:8])
    assert found == {
        1400: ("model.fits", "· 本机放得下"),
        1200: ("model.tight", "· 本机勉强放得"),
        900: ("model.too_large", "· 本机放不下："),
    }


def test_a_built_in_model_and_one_on_this_machine_download_nothing(services: Services, tiny_xlmr: Path) -> None:
    assert "model.is_built_in" in told(model_line(services, "built-in/mini-reranker", "cpu", "fp32"))
    own = told(model_line(with_free(services, 8000), str(tiny_xlmr), "cpu", "fp32"))
    assert list(own) == ["model.own", "model.is_here", "model.needs", "model.fits"]


def test_nothing_is_said_of_the_size_of_a_model_that_was_never_seen(services: Services) -> None:
    assert list(told(model_line(services, "owner/never-seen", "cpu", "fp32"))) == ["model.own"]
    assert list(told(model_line(services, "", "cpu", "fp32"))) == ["model.own"]


class Watched(Engine):
    """An engine that remembers what it loaded and what it was asked to load before a run."""

    def __init__(self, free_mib: float = 8000) -> None:
        self.loads: list[str] = []
        self.asked: list[str] = []
        super().__init__(load_scorer=self._load, free_mib=lambda device: free_mib)

    def _load(self, choice: ModelChoice, **how: Any) -> doubles.OverlapScorer:
        self.loads.append(choice.model_id)
        return doubles.load()(choice, **how)

    def preload(self, choice: ModelChoice) -> None:
        self.asked.append(choice.model_id)
        super().preload(choice)


def chosen(
    services: Services, caller: Caller, engine: Engine, model: str, *, typed: bool = False, **flags: Any
) -> None:
    page = Services(services.settings.model_copy(update=flags), engine, services.history)
    on_model(page, caller, Known(), model, "", "cpu", "fp32", typed=typed)


def test_a_chosen_model_is_loaded_once_before_its_first_run(
    services: Services, caller: Caller, tiny_xlmr: Path
) -> None:
    engine = Watched()
    for model in ("built-in/mini-reranker", str(tiny_xlmr), str(tiny_xlmr)):
        chosen(services, caller, engine, model)
        asked = RerankRequest("a query", (Passage("a", "a text"),))
        list(engine.rerank(asked, ModelChoice(model, device="cpu", precision="fp32", max_length=16)))
    assert engine.asked == ["built-in/mini-reranker", str(tiny_xlmr), str(tiny_xlmr)]
    assert engine.loads == ["built-in/mini-reranker", str(tiny_xlmr)]


def test_what_is_typed_or_not_here_or_does_not_fit_or_is_on_a_public_page_waits_for_its_run(
    services: Services, caller: Caller, tiny_xlmr: Path
) -> None:
    engine, small = Watched(), Watched(free_mib=1)
    chosen(services, caller, engine, str(tiny_xlmr), typed=True)
    chosen(services, caller, engine, str(tiny_xlmr), public=True)
    chosen(services, caller, engine, "BAAI/bge-reranker-base")
    chosen(services, caller, engine, "owner/never-seen")
    chosen(services, caller, engine, "")
    chosen(services, caller, small, "built-in/mini-reranker")
    assert engine.asked == small.asked == []


def test_the_room_counts_what_loaded_models_that_nobody_uses_would_give_back(
    services: Services, caller: Caller
) -> None:
    small = with_free(services, 300)
    before = small.room("cpu", "fp32")
    run(small, caller)
    after = small.room("cpu", "fp32")
    assert before is not None
    assert after is not None
    assert (before.device, before.precision, before.free_mib, after.free_mib) == ("cpu", "fp32", 300.0, 301.0)
