"""One copy of the weights for all ways to read a checkpoint: depths, modes, labels, tasks and prompts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.core.errors import InvalidInput, ModelBroken, PlaygroundError
from playground.core.types import ModelChoice, Passage, RerankRequest, RerankResult
from playground.engine import gpu_worker
from playground.engine.engine import Engine
from playground.models.loading import load_embedder, load_scorer
from playground.models.prompts import PROMPTS
from tests import checkpoints
from tests.checkpoints_apart import tiny_m3
from tests.embedder_checkpoints import tiny_bert_embedder
from tests.engine.doubles import CHOICE, OverlapScorer, Shelf, request_of, run
from tests.engine.test_pool import in_threads, wait_until
from tests.models.layerwise_checkpoints import tiny_cost_wise, tiny_minicpm

PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "hi",
    "大熊猫主要以竹子为食。",
    "A train leaves at seven.",
)
REQUEST = RerankRequest("what is panda?", tuple(Passage(str(n), text) for n, text in enumerate(PASSAGES)))


def nli(path: Path) -> Path:
    return checkpoints.tiny_deberta(path, labels=("contradiction", "entailment", "neutral"))


# (maker, ways to read it): the second way scores otherwise than the first.
FAMILIES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "minicpm-layerwise": (tiny_minicpm, ("#layer=2", "", "#layer=4")),
    "gemma2-lightweight": (tiny_cost_wise, ("#layer=6,ratio=2,at=1+4", "#layer=3", "#layer=5,ratio=1")),
    "m3": (tiny_m3, ("#mode=dense", "#mode=3dense+1sparse", "#mode=colbert")),
    "nli": (nli, ("#label=neutral", "", "#label=contradiction")),
    "qwen3-reranker": (checkpoints.tiny_qwen3, ("", "#prompt=qwen3-reranker")),
    "llm-embedder": (tiny_bert_embedder, ("#task=qa", "#task=chat", "#task=tool")),
}


class Counted:
    """The real loader, counting what it reads from disk and what it reads anew from memory."""

    def __init__(self) -> None:
        self.n_loads = self.n_views = 0

    def __call__(self, choice: ModelChoice, **settings: Any) -> Any:
        shares = "weights_of" in settings
        self.n_loads += not shares
        self.n_views += shares
        return (load_embedder if choice.kind == "embedder" else load_scorer)(choice, **settings)


def ranked(engine: Engine, choice: ModelChoice) -> RerankResult:
    last = list(engine.rerank(REQUEST, choice))[-1].result
    assert last is not None
    return last


def logits(result: RerankResult) -> list[float]:
    return [scored.logit for scored in sorted(result, key=lambda scored: scored.index)]


@pytest.mark.parametrize("family", FAMILIES)
def test_all_ways_to_read_a_checkpoint_share_its_weights_and_score_as_if_loaded_alone(
    family: str, tmp_path: Path
) -> None:
    make, options = FAMILIES[family]
    folder = make(tmp_path / family)
    kind = "embedder" if "task" in options[0] else "reranker"
    choices = [ModelChoice(f"{folder}{option}", kind=kind, device="cpu") for option in options]
    counted = Counted()
    engine = Engine(load_scorer=counted, load_embedder=counted)
    found = [ranked(engine, choice) for choice in choices]
    assert (counted.n_loads, counted.n_views) == (1, len(choices) - 1)
    (model,) = engine.loaded()
    assert model.spec.fingerprint == found[-1].spec.fingerprint
    assert {spec.fingerprint for spec in model.others} == {result.spec.fingerprint for result in found[:-1]} - {
        model.spec.fingerprint
    }
    for choice, result in zip(choices, found, strict=True):
        other = Engine(load_scorer=counted, load_embedder=counted)
        assert logits(result) == pytest.approx(logits(ranked(other, choice)), abs=1e-6)
        (alone,) = other.loaded()
        assert result.spec == replace(alone.spec, replaced=result.spec.replaced)
        assert model.memory_mib == alone.memory_mib
        other.close()
    again = [ranked(engine, choice) for choice in choices]
    assert [logits(result) for result in again] == [logits(result) for result in found]
    assert all(result.n_cached == len(PASSAGES) for result in again if kind == "reranker")
    engine.close()
    if family != "qwen3-reranker":
        assert logits(found[0]) != logits(found[1])
        assert len({result.spec.fingerprint for result in found}) == len(found)


def test_each_way_to_read_a_checkpoint_is_checked_once_and_the_row_says_what_was_found(tmp_path: Path) -> None:
    folder = tiny_minicpm(tmp_path / "bge-reranker-v2-minicpm-layerwise")
    engine = Engine()
    phases: dict[int, list[str]] = {}
    for layer in (6, 2, 6):
        choice = ModelChoice(f"{folder}#layer={layer}", device="cpu")
        phases[layer] = [step.phase for step in engine.rerank(REQUEST, choice)]
        assert engine.loaded()[0].spec.model_id.endswith(f"#layer={layer}")
    assert "load" not in phases[6]
    assert "load" not in phases[2]
    (model,) = engine.loaded()
    assert model.checks[0].name == "Finite"
    alone = {layer: load_scorer(ModelChoice(f"{folder}#layer={layer}", device="cpu")).checks for layer in (2, 6)}
    assert model.checks == alone[6]
    assert alone[2] != alone[6]
    ranked(engine, ModelChoice(f"{folder}#layer=2", device="cpu"))
    assert engine.loaded()[0].checks == alone[2]
    engine.unload(model.spec.fingerprint)
    assert engine.loaded() == ()


def test_what_the_model_does_not_allow_is_refused_and_the_weights_stay(tmp_path: Path) -> None:
    folder = tiny_minicpm(tmp_path / "m")
    engine = Engine()
    ranked(engine, ModelChoice(f"{folder}#layer=6", device="cpu"))
    with pytest.raises(InvalidInput, match="scores after the layers 2-6, and not after layer 9"):
        ranked(engine, ModelChoice(f"{folder}#layer=9", device="cpu"))
    assert engine.count("q", ["hi"], ModelChoice(f"{folder}#layer=3", device="cpu")) is not None
    (model,) = engine.loaded()
    assert not model.in_use
    checkpoints.edit_json(folder / "config.json", rms_norm_eps=0.1)
    with pytest.raises(ModelBroken, match=r"The files of .* have changed since they were loaded. Unload it"):
        ranked(engine, ModelChoice(f"{folder}#layer=4", device="cpu"))
    assert len(ranked(engine, ModelChoice(f"{folder}#layer=6", device="cpu"))) == len(PASSAGES)


def test_auto_and_what_it_settles_on_share_weights_whatever_the_layer(tmp_path: Path) -> None:
    folder = tiny_minicpm(tmp_path / "m")
    engine = Engine()
    ranked(engine, ModelChoice(f"{folder}#layer=6"))
    ranked(engine, ModelChoice(f"{folder}#layer=2", device=engine.loaded()[0].spec.device))  # type: ignore[arg-type]
    assert len(engine.loaded()) == 1


def test_who_asks_for_another_way_while_the_weights_are_on_their_way_waits_for_them() -> None:
    gate = threading.Event()
    shelf = Shelf(gate=gate)
    engine = Engine(load_scorer=shelf)
    threading.Thread(target=lambda: (wait_until(lambda: len(engine._pool._loading) == 4), gate.set())).start()
    answers = in_threads(4, lambda place: run(engine, request_of("red", "red"), ModelChoice(f"overlap#layer={place}")))
    assert sorted(answer.spec.model_id for answer in answers if isinstance(answer, RerankResult)) == [
        f"overlap#layer={place}" for place in range(4)
    ]
    assert (len(shelf.loads), len(shelf.views)) == (1, 3)
    assert not engine.loaded()[0].in_use
    engine.close()
    assert engine.loaded() == ()


def test_a_load_that_fails_for_its_own_option_fails_nobody_elses() -> None:
    shelf, started, go_on = Shelf(), threading.Event(), threading.Event()

    def load(choice: ModelChoice, **settings: Any) -> OverlapScorer:
        if choice.model_id.endswith("99"):
            started.set()
            assert go_on.wait(20)
            raise InvalidInput("No layer 99.")
        return shelf(choice, **settings)

    engine = Engine(load_scorer=load)

    def ask(place: int) -> RerankResult | PlaygroundError:
        if place:
            assert started.wait(20)
            threading.Thread(target=lambda: (wait_until(lambda: len(engine._pool._loading) == 2), go_on.set())).start()
        return run(engine, request_of("red", "red"), ModelChoice(f"overlap#layer={8 if place else 99}"))

    bad, good = in_threads(2, ask)
    assert str(bad) == "No layer 99."
    assert isinstance(good, RerankResult)
    assert len(shelf.loads) == 1


def test_a_slider_that_goes_far_keeps_few_views_and_forgets_them_with_the_model() -> None:
    engine = Engine(load_scorer=Shelf())
    for layer in range(gpu_worker.MAX_VIEWS + 9):
        run(engine, request_of("red", "red"), replace(CHOICE, model_id=f"overlap#layer={layer}"))
    assert len(gpu_worker._views) == gpu_worker.MAX_VIEWS
    assert len(engine.loaded()) == 1
    engine.close()
    assert gpu_worker._views == {}


def test_an_architecture_is_asked_with_one_prompt_so_that_all_views_share_its_answer() -> None:
    asked = [architecture for prompt in PROMPTS.values() for architecture in prompt.architectures]
    assert len(asked) == len(set(asked))
