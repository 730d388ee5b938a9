"""Several models on one request: one after another, each failure in its own column."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput, ModelNotFound
from playground.core.limits import Limits
from playground.core.types import CompareProgress, Comparison, ModelChoice, RerankRequest
from playground.engine.engine import Engine
from playground.engine.loaded import OnProgress
from tests.checkpoints_apart import tiny_m3
from tests.engine.doubles import CHOICE, OverlapScorer, Shelf, numbered, request_of
from tests.engine.embedders import EMBED, EmbedderShelf

BM25 = ModelChoice("bm25")
REQUEST = request_of("red panda", "blue sky", "a red panda eats", "red light")


class FussyShelf(Shelf):
    """Has no model `gone`, and one called `buggy` that breaks in its forward pass."""

    def __call__(self, choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> OverlapScorer:
        if choice.model_id == "gone":
            raise ModelNotFound("No model {id!r}.", id="gone")
        scorer = super().__call__(choice, offline=offline, on_progress=on_progress)
        if choice.model_id == "buggy":
            scorer.before_forward = lambda: [][0]
        return scorer


def engine_of(**settings: object) -> Engine:
    shelves = {"load_scorer": FussyShelf(), "load_embedder": EmbedderShelf()}
    return Engine(**(shelves | settings))  # type: ignore[arg-type]


def progress_of(engine: Engine, choices: list[ModelChoice], request: RerankRequest = REQUEST) -> list[CompareProgress]:
    return list(engine.compare(request, choices))


def compared(engine: Engine, choices: list[ModelChoice], request: RerankRequest = REQUEST) -> Comparison:
    return progress_of(engine, choices, request)[-1].comparison


def test_rerankers_embedders_and_bm25_stand_side_by_side_each_with_its_scale() -> None:
    said = progress_of(engine_of(), [CHOICE, EMBED, BM25])
    comparison = said[-1].comparison
    assert comparison.complete
    assert [result.scale.name for result in comparison.results] == ["logit", "cosine", "bm25"]
    assert [result.scored[0].index for result in comparison.results] == [1, 1, 1]
    assert [run.memory_mib for run in comparison.runs] == [100.0, 100.0, None]
    assert (said[-1].place, said[-1].step.phase, said[-1].step.done) == (3, "done", 3)
    assert sorted({one.place for one in said}) == [0, 1, 2, 3]
    halfway = next(one for one in said if one.place == 1)
    assert halfway.comparison.runs[0].result is not None
    assert halfway.comparison.runs[2] == replace(comparison.runs[2], result=None)


def test_a_model_that_fails_keeps_its_error_and_the_others_their_results(caplog: pytest.LogCaptureFixture) -> None:
    said = progress_of(engine_of(), [CHOICE, ModelChoice("gone"), ModelChoice("buggy"), BM25])
    runs = said[-1].comparison.runs
    assert [run.result is not None and run.result.complete for run in runs] == [True, False, False, True]
    assert str(runs[1].error) == "No model 'gone'."
    assert "buggy failed in an unforeseen way (IndexError: list index out of range)" in str(runs[2].error)
    assert "Traceback" in caplog.text
    assert said[-1].step.phase == "done"
    assert not said[-1].comparison.complete


def test_the_same_model_at_another_precision_and_one_id_of_two_kinds_stand_apart() -> None:
    choices = [CHOICE, replace(CHOICE, precision="bf16"), replace(CHOICE, kind="embedder")]
    comparison = compared(engine_of(), choices)
    assert [(r.spec.precision, r.spec.kind) for r in comparison.results] == [
        ("fp32", "reranker"),
        ("bf16", "reranker"),
        ("fp32", "embedder"),
    ]


def test_eight_models_on_little_memory_push_each_other_out() -> None:
    engine = engine_of(memory_limit_mib=250)
    comparison = compared(engine, [ModelChoice(f"model-{place}") for place in range(8)])
    assert comparison.complete
    assert len(comparison.results) == 8
    assert [model.spec.model_id for model in engine.loaded()] == ["model-7", "model-6"]
    assert not any(model.in_use for model in engine.loaded())


def test_stop_keeps_what_is_there_and_starts_no_other_model() -> None:
    stop = threading.Event()
    shelf = Shelf()
    engine = engine_of(load_scorer=shelf)
    choices = [CHOICE, ModelChoice("second", batch_tokens=6), ModelChoice("third")]
    last = None
    for last in engine.compare(request_of("red", *numbered(6)), choices, stop=stop):
        if last.place == 1 and last.step.phase == "score" and last.step.done:
            stop.set()
    assert last is not None
    first, second, third = last.comparison.runs
    assert last.step.phase == "stopped"
    assert first.result is not None
    assert first.result.complete
    assert second.result is not None
    assert 0 < len(second.result) < 6
    assert (third.result, third.error) == (None, None)
    assert [choice.model_id for choice in shelf.loads] == ["overlap", "second"]


def test_what_cannot_be_compared_is_refused_at_the_call() -> None:
    engine = engine_of(limits=Limits(models=2))
    with pytest.raises(InvalidInput, match="at least one model"):
        engine.compare(REQUEST, [])
    with pytest.raises(InvalidInput, match="3 models are more than the limit of 2"):
        engine.compare(REQUEST, [CHOICE, EMBED, BM25])
    with pytest.raises(InvalidInput, match="overlap stands in the comparison twice"):
        engine.compare(REQUEST, [CHOICE, CHOICE])
    with pytest.raises(InvalidInput, match="Passage 1 is blank"):
        engine.compare(request_of("red", " ", "x"), [CHOICE])


def test_one_model_and_one_passage_are_enough() -> None:
    comparison = compared(engine_of(), [CHOICE], request_of("red", "red"))
    assert comparison.complete
    assert len(comparison.results[0]) == 1


def test_speed_is_measured_in_alternation_past_the_caches() -> None:
    turns: list[str] = []
    shelf = Shelf()
    engine = engine_of(load_scorer=shelf)
    other = ModelChoice("other")
    list(engine.compare(REQUEST, [CHOICE, other]))
    for name, scorer in shelf.scorers.items():
        scorer.before_forward = lambda name=name: turns.append(name)  # type: ignore[misc]
    said = list(engine.speed([REQUEST], [CHOICE, other], rounds=3))
    assert turns == ["overlap", "other", "other", "overlap", "overlap", "other", "other", "overlap"]
    speeds = said[-1].result
    assert speeds is not None
    assert [len(run.seconds) for run in speeds.runs] == [3, 3]
    assert speeds.n_passages == 3
    first, second = speeds.runs
    known = (replace(first, seconds=(2.0, 9.0, 4.0)), replace(second, seconds=(1.0, 2.0, 5.0)))
    assert replace(speeds, runs=known).ratio(0, 1) == 2.0
    assert replace(speeds, runs=known).by_round(0, 1) == (2.0, 4.5, 0.8)
    stop = threading.Event()
    stop.set()
    assert [step.phase for step in engine.speed([REQUEST], [CHOICE, other], stop=stop)] == ["stopped"]
    with pytest.raises(InvalidInput, match="no forward pass to time"):
        engine.speed([REQUEST], [CHOICE, BM25])
    with pytest.raises(InvalidInput, match="2 rounds cannot be timed"):
        engine.speed([REQUEST], [CHOICE, other], rounds=2)


def test_one_model_in_several_modes_is_several_models_to_compare_and_to_the_cache(tmp_path: Path) -> None:
    folder = tiny_m3(tmp_path / "m3")
    modes = ("dense", "sparse", "colbert", "0.4dense+0.2sparse+0.4colbert")
    choices = [ModelChoice(f"{folder}#mode={mode}", device="cpu", precision="fp32") for mode in modes]
    engine = Engine(offline=True)
    first, second = compared(engine, choices), compared(engine, choices)
    assert [result.spec.model_id for result in first.results] == [choice.model_id for choice in choices]
    assert [result.scale.name for result in first.results] == ["cosine", "dot", "mean-maxsim", "sum"]
    assert [result.n_cached for result in (*first.results, *second.results)] == [0] * 4 + [3] * 4
    assert len({passage.logit for result in first.results for passage in result if passage.index == 0}) == 4
    assert [[passage.logit for passage in result] for result in first.results] == [
        [passage.logit for passage in result] for result in second.results
    ]
