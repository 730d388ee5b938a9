"""Why a score is what it is, through the engine: the model is leased, read under its lock, and can be stopped."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from playground.core.errors import InvalidInput, ModelBroken, OutOfMemory
from playground.core.explanations import Explanation
from playground.core.types import ModelChoice, Passage, RerankRequest, RerankResult, Step
from playground.engine.engine import Engine
from playground.models.loading import load_scorer
from tests.checkpoints_apart import tiny_m3
from tests.engine.doubles import CHOICE, Shelf

MAKERS = "0.4dense+0.2sparse+0.4colbert"
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "The train leaves at seven. " * 40,
    "what is panda?",
)
REQUEST = RerankRequest("what is panda?", tuple(Passage(str(n), text) for n, text in enumerate(PASSAGES, 1)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_m3(tmp_path_factory.mktemp("m3"))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(offline=True)


def choice_of(folder: Path, mode: str = MAKERS, **settings: Any) -> ModelChoice:
    return ModelChoice(f"{folder}#mode={mode}", device="cpu", precision="fp32", **settings)


def explained(engine: Engine, choice: ModelChoice, index: int = 0) -> Explanation:
    *_, last = engine.explain(REQUEST, choice, index)
    assert last.phase == "done"
    assert last.result is not None
    return last.result


def ranked(engine: Engine, choice: ModelChoice) -> RerankResult:
    *_, last = engine.rerank(REQUEST, choice)
    assert last.result is not None
    return last.result


def test_the_parts_sum_to_the_score_that_the_ranking_shows(engine: Engine, folder: Path) -> None:
    choice = choice_of(folder, max_length=64)
    result = ranked(engine, choice)
    for scored in result:
        found = explained(engine, choice, scored.index)
        assert found.score == pytest.approx(scored.logit, abs=1e-5)
        assert found.spec == result.spec
        assert found.passage.n_cut == scored.n_cut
        assert found.passage.text == scored.passage.text[: scored.n_chars_read]


def test_an_instruction_of_the_request_is_read_too(engine: Engine, folder: Path) -> None:
    *_, last = engine.explain(RerankRequest("panda?", REQUEST.passages, "what is "), choice_of(folder), 0)
    assert last.result is not None
    assert (last.result.query.text, last.result.query.n_instruction) == ("what is panda?", 8)
    assert last.result.score == pytest.approx(explained(engine, choice_of(folder)).score, abs=1e-6)


def test_each_mode_ranks_as_it_does_alone(engine: Engine, folder: Path) -> None:
    steps: list[Step[tuple[RerankResult, ...]]] = list(engine.by_mode(REQUEST, choice_of(folder, batch_tokens=40)))
    assert [step.done for step in steps if step.phase == "score"] == [1, 2, 3, 4]
    found = steps[-1].result
    assert found is not None
    assert [result.spec.model_id for result in found] == [
        f"{folder}#mode={mode}" for mode in ("dense", "sparse", "colbert")
    ]
    for result in found:
        alone = ranked(engine, choice_of(folder, result.spec.model_id.partition("=")[2]))
        assert [scored.index for scored in result] == [scored.index for scored in alone]
        assert [scored.logit for scored in result] == pytest.approx([scored.logit for scored in alone], abs=1e-5)
        assert (result.scale, result.missing) == (alone.scale, ())


def test_a_model_that_was_unloaded_meanwhile_is_loaded_again(engine: Engine, folder: Path) -> None:
    before = explained(engine, choice_of(folder))
    engine.unload(before.spec.fingerprint)
    assert before.spec.fingerprint not in {model.spec.fingerprint for model in engine.loaded()}
    steps = list(engine.explain(REQUEST, choice_of(folder), 0))
    assert steps[0].phase in {"resolve", "load", "check"}
    assert steps[-1].result == before


def test_stop_ends_it_before_the_pass_and_the_model_is_free_again(engine: Engine, folder: Path) -> None:
    explained(engine, choice_of(folder))
    stop = threading.Event()
    steps = engine.explain(REQUEST, choice_of(folder), 0, stop=stop)
    assert next(steps) == Step("score", 0, 1)
    stop.set()
    assert list(steps) == [Step("stopped", 0, 1)]
    assert list(engine.explain(REQUEST, choice_of(folder), 0, stop=stop)) == [Step("stopped", 0, 1)]
    assert not any(model.in_use for model in engine.loaded())
    stop = threading.Event()
    modes = engine.by_mode(REQUEST, choice_of(folder, batch_tokens=40), stop=stop)
    assert next(modes) == Step("score", 1, 4)
    stop.set()
    assert [step.phase for step in modes] == ["stopped"]
    assert not any(model.in_use for model in engine.loaded())


def test_what_has_no_parts_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="overlap does not give words or tokens a weight of their own"):
        list(Engine(load_scorer=Shelf()).explain(REQUEST, CHOICE, 0))
    with pytest.raises(InvalidInput, match="BM25 does not give"):
        Engine().explain(REQUEST, ModelChoice("bm25"), 0)
    with pytest.raises(InvalidInput, match="overlap has one way to score"):
        Engine(load_scorer=Shelf()).by_mode(REQUEST, CHOICE)
    with pytest.raises(InvalidInput, match="The query is empty"):
        Engine().explain(RerankRequest(" ", REQUEST.passages), choice_of(folder), 0)


def test_what_does_not_fit_or_is_not_finite_is_said_in_a_sentence(folder: Path) -> None:
    loaded: list[Any] = []

    def load(choice: ModelChoice, *, offline: bool, on_progress: object) -> Any:
        loaded.append(load_scorer(choice, offline=offline, run_checks=False))
        return loaded[-1]

    def no_room(pairs: object) -> object:
        raise OutOfMemory("CUDA out of memory.")

    engine = Engine(load_scorer=load)
    explained(engine, choice_of(folder))
    model = loaded[0]
    model.compared, whole = no_room, model.compared
    with pytest.raises(OutOfMemory, match="Not even passage 1 alone"):
        explained(engine, choice_of(folder))
    model.compared = whole
    model._model.sparse_linear.bias.data.fill_(float("inf"))
    with pytest.raises(ModelBroken, match=r"gave (inf|nan) for passage 1, which cannot be ranked"):
        explained(engine, choice_of(folder))
