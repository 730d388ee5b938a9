"""A request becomes results: order, progress, Stop, cache and memory."""

import math
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.core.errors import InvalidInput, ModelBroken, ModelNotFound, OutOfMemory
from playground.core.limits import Limits
from playground.core.scales import PLAIN_LOGIT, sigmoid
from playground.core.types import ModelChoice, Progress, TokenCount
from playground.engine.ahead import PART_TEXTS
from playground.engine.engine import Engine
from tests.engine.doubles import CHOICE, Shelf, numbered, request_of, run, steps


def test_passages_come_best_first_with_logit_display_score_and_tokens() -> None:
    engine = Engine(load_scorer=Shelf())
    result = run(engine, request_of("red panda", "blue sky", "a red panda eats", "red light"))
    assert [passage.index for passage in result] == [1, 2, 0]
    assert [passage.rank for passage in result] == [1, 2, 3]
    assert [passage.logit for passage in result] == [1.75, 0.875, -0.25]
    assert [passage.score for passage in result] == [sigmoid(1.75), sigmoid(0.875), sigmoid(-0.25)]
    assert [passage.n_tokens for passage in result] == [4, 2, 2]
    assert result.missing == ()
    assert result.n_tokens == (2 + 1) * 3 + 8
    assert result.n_cached == 0
    assert result.warnings == ()
    assert result.spec.device == "cpu"


def test_equal_outputs_share_a_rank_and_keep_the_input_order() -> None:
    result = run(Engine(load_scorer=Shelf()), request_of("red", "b", "red", "c", "red x"))
    assert [(passage.index, passage.rank, passage.tied) for passage in result] == [
        (1, 1, False),
        (3, 2, False),
        (0, 3, True),
        (2, 3, True),
    ]


def test_a_saturated_sigmoid_does_not_tie_the_ranks() -> None:
    shelf = Shelf(change={"logit_of": lambda overlap: overlap + 50.0})
    best, second = run(Engine(load_scorer=shelf), request_of("red panda", "red", "red panda"))
    assert best.score == second.score == 1.0
    assert (best.index, best.rank, best.tied) == (1, 1, False)
    assert second.rank == 2


def test_an_identity_scale_shows_the_raw_output() -> None:
    result = run(Engine(load_scorer=Shelf(change={"scale": PLAIN_LOGIT})), request_of("red", "red", "blue"))
    assert [passage.score for passage in result] == [1.0, -0.125]


def test_outputs_are_taken_as_float32() -> None:
    shelf = Shelf(change={"logit_of": lambda overlap: 0.1 + overlap * 1e-12})
    first, second = run(Engine(load_scorer=shelf), request_of("red", "blue", "red"))
    assert first.logit == second.logit == 0.10000000149011612
    assert first.tied


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.text(alphabet="ab c", min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=30),
    st.integers(1, 200),
)
def test_ranking_invariants_hold_for_any_passages_and_any_batch_size(texts: list[str], batch_tokens: int) -> None:
    shelf = Shelf()
    choice = replace(CHOICE, batch_tokens=batch_tokens)
    result = run(Engine(load_scorer=shelf), request_of("a b ab", *texts), choice)
    logits = [passage.logit for passage in result]
    assert sorted(passage.index for passage in result) == list(range(len(texts)))
    assert logits == sorted(logits, reverse=True)
    for passage in result:
        assert passage.rank == 1 + sum(logit > passage.logit for logit in logits)
        assert passage.tied == (logits.count(passage.logit) > 1)
        assert passage.passage.text == texts[passage.index]
    for before, after in zip(result.scored, result.scored[1:], strict=False):
        assert before.logit > after.logit or before.index < after.index
    assert shelf.scorer.n_forwards == len({tuple(token for token in text.split()) for text in texts})


def test_progress_names_its_phases_and_brings_the_best_so_far_after_every_batch() -> None:
    shelf = Shelf()
    said = steps(Engine(load_scorer=shelf), request_of("red", *numbered(6)), replace(CHOICE, batch_tokens=12))
    assert [step.phase for step in said if step.phase not in ("resolve", "load")] == [
        "encode",
        "score",
        "score",
        "score",
        "score",
        "done",
    ]
    assert shelf.scorer.batches == [2, 2, 2]
    scoring = [step for step in said if step.phase == "score"]
    assert [step.done for step in scoring] == [0, 2, 4, 6]
    assert {step.total for step in said if step.phase in ("encode", "score", "done")} == {6}
    for step in scoring[1:]:
        assert step.result is not None
        assert len(step.result) == step.done
        assert len(step.result.missing) == 6 - step.done
        logits = [passage.logit for passage in step.result]
        assert logits == sorted(logits, reverse=True)


def test_a_thousand_passages_in_many_batches_end_with_a_full_result() -> None:
    shelf = Shelf()
    said = steps(Engine(load_scorer=shelf), request_of("red", *numbered(1000)), replace(CHOICE, batch_tokens=1))
    scoring = [step for step in said if step.phase == "score"]
    assert shelf.scorer.batches == [1] * 1000
    assert len(scoring) == 1000 + math.ceil(1000 / PART_TEXTS)
    assert all(step.result is not None for step in scoring[1:])
    last = said[-1].result
    assert last is not None
    assert len(last) == 1000
    # Only as many partial results are built as someone can look at.
    assert len({len(step.result) for step in scoring if step.result}) < 500


def test_stop_takes_effect_within_one_batch_and_keeps_what_was_scored() -> None:
    shelf, stop = Shelf(), threading.Event()
    engine = Engine(load_scorer=shelf)
    said: list[Progress] = []
    for step in engine.rerank(request_of("red", *numbered(10)), replace(CHOICE, batch_tokens=6), stop=stop):
        said.append(step)
        if step.phase == "score" and step.done == 3:
            stop.set()
    assert said[-1].phase == "stopped"
    result = said[-1].result
    assert result is not None
    assert shelf.scorer.n_forwards == len(result) == 3
    assert result.missing == (3, 4, 5, 6, 7, 8, 9)
    assert not result.complete
    assert not engine.loaded()[0].in_use


def test_stop_during_a_forward_pass_ends_after_that_batch() -> None:
    stop = threading.Event()
    shelf = Shelf(change={"before_forward": stop.set})
    last = list(
        Engine(load_scorer=shelf).rerank(request_of("red", *numbered(8)), replace(CHOICE, batch_tokens=6), stop=stop)
    )[-1]
    assert last.phase == "stopped"
    assert shelf.scorer.batches == [1]


def test_a_run_after_a_stopped_one_pays_only_for_what_was_missing() -> None:
    shelf, stop = Shelf(), threading.Event()
    engine = Engine(load_scorer=shelf)
    shelf.change = {"before_forward": stop.set}
    list(engine.rerank(request_of("red", *numbered(8)), replace(CHOICE, batch_tokens=6), stop=stop))
    result = run(engine, request_of("red", *numbered(8)))
    assert result.n_cached == 1
    assert shelf.scorer.n_forwards == 8


def test_stop_before_the_start_loads_nothing() -> None:
    shelf, stop = Shelf(), threading.Event()
    stop.set()
    (only,) = Engine(load_scorer=shelf).rerank(request_of("red", "a"), CHOICE, stop=stop)
    assert (only.phase, only.done, only.total, only.result) == ("stopped", 0, 1, None)
    assert shelf.loads == []


def test_stop_while_loading_lets_go_at_once_and_the_model_still_arrives() -> None:
    shelf, stop = Shelf(gate=threading.Event()), threading.Event()
    engine = Engine(load_scorer=shelf)
    said = []
    for step in engine.rerank(request_of("red", "a"), CHOICE, stop=stop):
        said.append(step)
        if step.phase == "load":
            stop.set()
    assert (said[-1].phase, said[-1].result) == ("stopped", None)
    assert shelf.gate is not None
    shelf.gate.set()
    assert len(run(engine, request_of("red", "a"))) == 1
    assert len(shelf.loads) == 1
    assert not engine.loaded()[0].in_use


def test_the_progress_of_a_load_reaches_the_caller() -> None:
    shelf = Shelf(gate=threading.Event())
    assert shelf.gate is not None
    said = []
    for step in Engine(load_scorer=shelf).rerank(request_of("red", "a"), CHOICE):
        said.append((step.phase, step.done, step.total))
        if step.phase == "load":
            shelf.gate.set()
    assert ("load", 1, 2) in said
    assert said[-1] == ("done", 1, 1)


def test_a_dropped_generator_lets_the_model_go() -> None:
    engine = Engine(load_scorer=Shelf())
    running = engine.rerank(request_of("red", *numbered(5)), replace(CHOICE, batch_tokens=1))
    while next(running).phase != "score":
        pass
    assert engine.loaded()[0].in_use
    running.close()  # type: ignore[attr-defined]
    assert not engine.loaded()[0].in_use


def test_editing_one_of_a_hundred_passages_costs_one_forward() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    texts = numbered(100)
    first = run(engine, request_of("red panda", *texts))
    assert shelf.scorer.n_forwards == 100
    texts[42] = "an edited red panda"
    second = run(engine, request_of("red panda", *texts))
    assert shelf.scorer.n_forwards == 101
    assert (second.n_cached, second.n_tokens) == (99, 7)
    assert [passage.index for passage in second if not passage.cached] == [42]
    kept = {passage.index: passage.logit for passage in first} | {42: 1.75}
    assert {passage.index: passage.logit for passage in second} == kept


def test_copies_within_one_request_are_computed_once() -> None:
    shelf = Shelf()
    result = run(Engine(load_scorer=shelf), request_of("red", "red fox", "blue fox", "red fox"))
    assert shelf.scorer.n_forwards == 2
    assert [passage.index for passage in result] == [0, 2, 1]
    assert result.n_cached == 0
    assert result.n_tokens == 8


def test_a_setting_that_changes_what_the_model_reads_computes_again_and_one_that_does_not_is_known() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    texts = ("red panda", " ".join(["panda"] * 40))
    run(engine, request_of("red", *texts))
    shorter = run(engine, request_of("red", *texts), replace(CHOICE, max_length=32))
    assert [(passage.index, passage.cached) for passage in shorter] == [(0, True), (1, False)]
    assert run(engine, request_of("panda", *texts)).n_cached == 0
    instructed = replace(request_of("red", *texts), instruction="find")
    assert run(engine, instructed).n_cached == 0


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"precision": "bf16"}, {"model_id": "other"}])
def test_another_device_precision_or_model_computes_again(other: dict[str, str]) -> None:
    engine = Engine(load_scorer=Shelf(), memory_limit_mib=1000)
    run(engine, request_of("red", "red panda"))
    assert run(engine, request_of("red", "red panda"), replace(CHOICE, **other)).n_cached == 0  # type: ignore[arg-type]
    assert run(engine, request_of("red", "red panda")).n_cached == 1


def test_out_of_memory_halves_the_batch_until_it_fits_and_remembers() -> None:
    shelf = Shelf(change={"fits_tokens": 20})
    engine = Engine(load_scorer=shelf)
    # 16 passages of 6 tokens: 96 -> 48 -> 24 -> 12 padded tokens.
    result = run(engine, request_of("red", *numbered(16)))
    assert len(result) == 16
    assert shelf.scorer.batches == [2] * 8
    run(engine, request_of("blue", *numbered(4)))
    assert shelf.scorer.batches == [2] * 10


def test_out_of_memory_with_a_single_passage_says_which_and_keeps_the_partial_result() -> None:
    shelf = Shelf(change={"fits_tokens": 20})
    engine = Engine(load_scorer=shelf)
    said: list[Progress] = []
    with pytest.raises(OutOfMemory, match=r"Not even passage 2 alone \(32 tokens\) fits in the memory of cpu"):
        said.extend(engine.rerank(request_of("red", "a b", " ".join("x" * 30)), CHOICE))
    assert not engine.loaded()[0].in_use


def test_out_of_memory_first_gives_up_the_models_that_nobody_uses() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    run(engine, request_of("red", "a"), ModelChoice("idle"))
    run(engine, request_of("red", "a"))
    shelf.scorer.fits_tokens = 1
    with pytest.raises(OutOfMemory):
        run(engine, request_of("red", "b"))
    assert [model.spec.model_id for model in engine.loaded()] == ["overlap"]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1e300])
def test_an_output_that_is_not_finite_is_an_error_that_names_the_passage(broken: float) -> None:
    shelf = Shelf(change={"logit_of": lambda overlap: broken if overlap > 1 else overlap})
    engine = Engine(load_scorer=shelf)
    with pytest.raises(ModelBroken, match=r"overlap gave (nan|-?inf) for passage 2"):
        run(engine, request_of("red panda", "red", "red panda", "blue"))
    assert not engine.loaded()[0].in_use
    shelf.scorer.logit_of = float
    assert run(engine, request_of("red panda", "red panda")).n_cached == 0


def test_bad_input_is_refused_at_the_call_before_anything_is_loaded() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf, limits=Limits(passages=2))
    with pytest.raises(InvalidInput, match="limit of 2"):
        engine.rerank(request_of("red", "a", "b", "c"), CHOICE)
    assert shelf.loads == []


def test_an_error_of_the_load_reaches_the_caller_and_the_next_run_tries_again() -> None:
    shelf = Shelf(error=ModelNotFound("No model {id!r}.", id="overlap"))
    engine = Engine(load_scorer=shelf)
    with pytest.raises(ModelNotFound, match="No model 'overlap'"):
        run(engine, request_of("red", "a"))
    shelf.error = None
    assert len(run(engine, request_of("red", "a"))) == 1
    assert len(shelf.loads) == 2


def test_count_is_none_until_the_model_is_loaded_then_counts_before_truncation() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    assert engine.count("red", ["a b"], CHOICE) is None
    assert shelf.loads == []
    run(engine, request_of("red", "a"))
    long = " ".join("x" * 100)
    assert engine.count("red", ["a b", long], CHOICE) == TokenCount(2, 102, 1)
    assert engine.count("red", [], CHOICE) == TokenCount(0, 0, 0)
    assert shelf.scorer.n_forwards == 1


def test_cleaned_texts_are_scored_and_said() -> None:
    result = run(Engine(load_scorer=Shelf()), request_of("red", "re\0d", "\ud800 x"))
    assert result.scored[0].passage.text == "red"
    assert result.warnings == (
        "NUL characters were removed from 1 texts.",
        "Broken characters (lone surrogates) in 1 texts were replaced by \ufffd.",
    )
