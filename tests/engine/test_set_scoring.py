"""A labelled set through one model: what is scored, what is known already, Stop, and errors that name the query."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playground import score_set
from playground.core.errors import InvalidInput, ModelBroken
from playground.core.labels import Label, LabelledQuery, LabelledSet, SetScores
from playground.core.limits import Limits
from playground.core.scales import BM25, COSINE, TRAINED_LOGIT, Scale
from playground.core.types import Kind, ModelChoice, ModelSpec, Passage, RerankRequest
from playground.engine import set_scoring
from playground.engine.engine import Engine
from playground.engine.set_scoring import SetStep, collected, in_step
from playground.models import catalog
from playground.ui import texts
from tests.engine.doubles import CHOICE, SPEC, Shelf, request_of, run
from tests.engine.embedders import EMBED, EmbedderShelf

YES = Label(1, "human", datetime(2026, 1, 1, tzinfo=UTC))
KEYWORDS = ModelChoice("bm25")
# Of `ANIMALS` one pair at a time, the longest first; only the last two are short enough to go together.
SLOWLY = replace(CHOICE, batch_tokens=7)


def set_of(**queries: list[str]) -> LabelledSet:
    """Each query's text is its name with spaces for underscores."""
    return LabelledSet("s", "a set", tuple(_query(name, passages) for name, passages in queries.items()))


def _query(name: str, passages: list[str]) -> LabelledQuery:
    made = tuple(Passage(f"{name}-{place}", text) for place, text in enumerate(passages, 1))
    return LabelledQuery(name, name.replace("_", " "), made, tuple(YES for _ in made))


ANIMALS = set_of(red_panda=["a red panda eats", "blue sky"], blue=["blue sky", "red", "blue"])
LOGITS = ((1.75, -0.25), (0.875, -0.125, 1.0))


def test_every_pair_gets_the_score_that_a_run_of_its_query_gives() -> None:
    engine = Engine(load_scorer=Shelf())
    scores = collected(ANIMALS, engine.score_set(ANIMALS, CHOICE))
    assert scores is not None
    assert scores.logits == LOGITS
    assert (scores.scale, scores.instruction, scores.n_scored) == (TRAINED_LOGIT, "", 5)
    alone = run(Engine(load_scorer=Shelf()), request_of("red panda", "a red panda eats", "blue sky"))
    assert scores.spec == alone.spec
    assert scores.logits[0] == tuple(passage.logit for passage in sorted(alone, key=lambda passage: passage.index))


def test_steps_tell_the_load_then_count_pairs_and_bring_the_new_scores_after_each_batch() -> None:
    shelf = Shelf(gate=threading.Event())
    steps = Engine(load_scorer=shelf).score_set(ANIMALS, SLOWLY)
    first = next(steps)
    assert (first.spec, first.scale, first.seconds_left, first.scored) == (None, None, None, ())
    shelf.gate.set()
    rest = [step for step in steps if step.spec is not None]
    assert [step.scored for step in rest if step.scored] == [
        (("red panda", "a red panda eats", 1.75),),
        (("red panda", "blue sky", -0.25),),
        (("blue", "blue sky", 0.875),),
        (("blue", "red", -0.125), ("blue", "blue", 1.0)),
    ]
    assert shelf.scorer.batches == [1, 1, 1, 2]
    assert [step.done for step in rest] == sorted(step.done for step in rest)
    assert {step.total for step in rest} == {5}
    assert (rest[0].phase, rest[0].done) == ("score", 0)
    assert (rest[-1].phase, rest[-1].done, rest[-1].scored) == ("done", 5, ())


@pytest.mark.parametrize(("choice", "n_tokens"), [(CHOICE, 4), (EMBED, 4), (KEYWORDS, 3)])
def test_every_score_comes_with_how_much_of_its_passage_was_read(choice: ModelChoice, n_tokens: int) -> None:
    steps = list(Engine(load_scorer=Shelf(), load_embedder=EmbedderShelf()).score_set(ANIMALS, choice))
    read = {
        text: (read.n_tokens, read.n_cut)
        for step in steps
        for (_, text, _), read in zip(step.scored, step.read, strict=True)
    }
    assert read == {"a red panda eats": (n_tokens, 0), "blue sky": (2, 0), "red": (1, 0), "blue": (1, 0)}


def test_the_time_left_comes_from_the_pairs_that_really_ran() -> None:
    shelf = Shelf(change={"before_forward": lambda: time.sleep(0.02)})
    engine = Engine(load_scorer=shelf)
    steps = [step for step in engine.score_set(ANIMALS, SLOWLY) if step.spec is not None]
    assert steps[0].seconds_left is None
    after_one = next(step for step in steps if step.scored)
    assert after_one.done == 1
    assert after_one.seconds_left is not None
    # One pair took at least 20 ms, and four are left.
    assert after_one.seconds_left >= 0.08
    assert steps[-1].seconds_left == 0.0
    again = [step for step in engine.score_set(ANIMALS, CHOICE) if step.done < step.total]
    # All scores come from the cache now, which says nothing of the model's pace.
    assert {step.seconds_left for step in again} == {None}


def test_known_pairs_count_as_done_and_do_not_run() -> None:
    shelf = Shelf()
    asked: list[tuple[ModelSpec, Scale, str]] = []

    def known(spec: ModelSpec, scale: Scale, instruction: str) -> SetScores:
        asked.append((spec, scale, instruction))
        return SetScores(spec, scale, instruction, ((1.75, -0.25), (0.875, None, 1.0)))

    steps = [step for step in Engine(load_scorer=shelf).score_set(ANIMALS, CHOICE, known=known) if step.spec]
    assert (steps[0].done, steps[0].total) == (4, 5)
    assert [pair for step in steps for pair in step.scored] == [("blue", "red", -0.125)]
    assert shelf.scorer.n_forwards == 1
    assert asked == [(steps[-1].spec, TRAINED_LOGIT, "")]


def test_a_set_that_is_known_whole_is_done_at_once() -> None:
    shelf = Shelf()
    steps = Engine(load_scorer=shelf).score_set(
        ANIMALS, CHOICE, known=lambda spec, scale, instruction: SetScores(spec, scale, instruction, LOGITS)
    )
    last = list(steps)[-1]
    assert (last.phase, last.done, last.total, last.scored, last.seconds_left) == ("done", 5, 5, (), 0.0)
    assert shelf.scorer.n_forwards == 0


def test_stop_within_a_query_brings_what_was_scored_until_then() -> None:
    stop = threading.Event()
    many = set_of(red=[f"red number {place}" for place in range(20)], blue=["blue"])
    shelf = Shelf(change={"before_forward": stop.set})
    choice = replace(CHOICE, batch_tokens=25)
    steps = list(Engine(load_scorer=shelf).score_set(many, choice, stop=stop))
    assert steps[-1].phase == "stopped"
    assert len(shelf.scorer.batches) == 1
    scored = [pair for step in steps for pair in step.scored]
    assert steps[-1].done == len(scored) == shelf.scorer.n_forwards == 5
    assert {query for query, _, _ in scored} == {"red"}


def test_stop_between_batches_and_before_the_load() -> None:
    stop = threading.Event()
    steps = Engine(load_scorer=Shelf()).score_set(ANIMALS, SLOWLY, stop=stop)
    for step in steps:
        if step.scored:
            stop.set()
            break
    assert next(steps).phase == "stopped"
    at_once = list(Engine(load_scorer=Shelf()).score_set(ANIMALS, CHOICE, stop=stop))
    assert at_once == [SetStep("stopped", 0, 5)]
    assert collected(ANIMALS, iter(at_once)) is None


def test_an_abandoned_scoring_lets_go_of_the_model() -> None:
    engine = Engine(load_scorer=Shelf())
    steps = engine.score_set(ANIMALS, CHOICE)
    next(step for step in steps if step.spec is not None)
    assert engine.loaded()[0].in_use
    steps.close()  # type: ignore[attr-defined]
    assert not engine.loaded()[0].in_use


def test_scores_come_under_the_sets_own_texts_though_the_model_reads_cleaned_ones() -> None:
    dirty = set_of(**{"red\0_panda": ["a red\0 panda", "a red panda", "a red panda"]})
    engine = Engine(load_scorer=Shelf())
    pairs = [pair for step in engine.score_set(dirty, CHOICE) for pair in step.scored]
    assert sorted(pairs) == [("red\0 panda", "a red\0 panda", 1.875), ("red\0 panda", "a red panda", 1.875)]
    assert in_step(dirty, {(query, text): logit for query, text, logit in pairs}) == ((1.875, 1.875, 1.875),)


def test_an_error_in_one_query_names_it_before_anything_is_loaded() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf, limits=Limits(passage_chars=20))
    with pytest.raises(InvalidInput, match=r"^Query blue \('blue'\): Passage blue-2 is blank\."):
        engine.score_set(set_of(red=["red"], blue=["blue", " "]), CHOICE)
    with pytest.raises(InvalidInput, match=r"Query red .*21 characters; the limit is 20"):
        engine.score_set(set_of(red=["x" * 21]), CHOICE)
    with pytest.raises(InvalidInput, match="This set holds no pairs"):
        engine.score_set(set_of(red=[]), CHOICE)
    with pytest.raises(InvalidInput, match="may hold 4 pairs"):
        Engine(load_scorer=shelf, limits=Limits(pairs=4)).score_set(ANIMALS, CHOICE)
    assert shelf.loads == []


def test_an_error_of_the_model_names_the_query_and_keeps_its_kind_and_its_chinese() -> None:
    shelf = Shelf(change={"logit_of": lambda overlap: float("nan") if overlap == 0.875 else overlap})
    steps = Engine(load_scorer=shelf).score_set(ANIMALS, SLOWLY)
    before = next(step.scored for step in steps if step.scored)
    assert {query for query, _, _ in before} == {"red panda"}
    with pytest.raises(ModelBroken, match=r"^Query blue \('blue'\): overlap gave nan for passage blue-1") as raised:
        list(steps)
    assert texts.sentence(raised.value, "zh").startswith("查询 blue（'blue'）：")
    assert "Try precision" not in texts.sentence(raised.value, "zh")


def test_pairs_of_many_queries_share_a_batch() -> None:
    many = set_of(**{f"query_{n}": [f"query {n}", "something else"] for n in range(30)})
    shelf = Shelf()
    scores = collected(many, Engine(load_scorer=shelf).score_set(many, CHOICE))
    assert scores is not None
    assert set(scores.logits) == {(2.0, -0.25)}
    assert shelf.scorer.batches == [60]


def test_a_set_is_planned_in_groups_that_end_with_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_scoring, "GROUP_PAIRS", 3)
    shelf = Shelf()
    steps = Engine(load_scorer=shelf).score_set(set_of(a=["a", "b"], none=[], b=["a", "b", "c"], c=["a"]), CHOICE)
    counts = [(step.done, len(step.scored)) for step in steps if step.scored]
    assert counts == [(5, 5), (6, 1)]
    assert shelf.scorer.batches == [5, 1]


def test_what_was_stopped_goes_on_to_the_pair() -> None:
    many = set_of(**{f"query_{n}": [f"query {n}", f"number {n}", "no"] for n in range(10)})
    stop = threading.Event()
    shelf = Shelf(change={"before_forward": stop.set})
    engine = Engine(load_scorer=shelf)
    choice = replace(CHOICE, batch_tokens=35)
    first = collected(many, engine.score_set(many, choice, stop=stop))
    assert first is not None
    assert 0 < first.n_scored < many.n_pairs
    steps = list(Engine(load_scorer=Shelf()).score_set(many, choice, known=lambda *_: first))
    rest = {(query, text): logit for step in steps for query, text, logit in step.scored}
    assert len(rest) == many.n_pairs - first.n_scored
    whole = collected(many, Engine(load_scorer=Shelf()).score_set(many, CHOICE))
    assert whole is not None
    mended = [
        [
            rest[query.query, passage.text] if known is None else known
            for passage, known in zip(query.passages, row, strict=True)
        ]
        for query, row in zip(many.queries, first.logits, strict=True)
    ]
    assert mended == list(map(list, whole.logits))


@pytest.mark.parametrize("model", [catalog.BUILT_IN_RERANKER, catalog.BUILT_IN_EMBEDDER])
def test_a_real_model_gives_the_scores_of_runs_of_single_queries(model: str) -> None:
    queries = {
        f"what_is_{name}?": [f"A {name} is an animal.", "Tea is hot.", "word " * n]
        for n, name in enumerate(("panda", "bear", "cat", "dog", "fox", "owl"), 1)
    }
    many, choice = set_of(**queries), ModelChoice(model, precision="fp32", device="cpu", kind=kind_of(model))
    engine = Engine(offline=True)
    scores = collected(many, engine.score_set(many, choice))
    assert scores is not None
    for query, logits in zip(many.queries, scores.logits, strict=True):
        alone = run(Engine(offline=True), RerankRequest(query.query, query.passages), choice)
        by_index = [one.logit for one in sorted(alone, key=lambda one: one.index)]
        assert logits == pytest.approx(by_index, rel=1e-6, abs=1e-6)


def kind_of(model: str) -> Kind:
    return "embedder" if model == catalog.BUILT_IN_EMBEDDER else "reranker"


def test_an_embedders_error_names_the_query_too() -> None:
    def spoiled(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full_like(vectors, np.nan) if len(vectors) > 2 else vectors

    shelf = EmbedderShelf(change={"change_of": spoiled})
    with pytest.raises(ModelBroken, match=r"^Query red_panda \('red panda'\): counts gave no finite"):
        list(Engine(load_embedder=shelf).score_set(ANIMALS, EMBED))


def test_queries_without_passages_are_left_out_and_rows_stay_in_step() -> None:
    gappy = set_of(red=["red"], nothing=[], blue=["blue", "red"])
    engine = Engine(load_scorer=Shelf())
    known = SetScores(replace(_spec(engine)), TRAINED_LOGIT, "", ((1.0,), (), (1.0, None)))
    pairs = [pair for step in engine.score_set(gappy, CHOICE, known=lambda *_: known) for pair in step.scored]
    assert pairs == [("blue", "red", -0.125)]
    scores = collected(gappy, engine.score_set(gappy, CHOICE))
    assert scores is not None
    assert scores.logits == ((1.0,), (), (1.0, -0.125))


def test_bm25_takes_no_known_scores_because_they_depend_on_the_other_passages() -> None:
    engine = Engine()

    def known(spec: ModelSpec, scale: Scale, instruction: str) -> SetScores:
        raise AssertionError("asked")

    scores = collected(ANIMALS, engine.score_set(ANIMALS, KEYWORDS, known=known, instruction="find"))
    assert scores is not None
    assert (scores.scale, scores.instruction, scores.n_scored) == (BM25, "", 5)
    alone = run(engine, request_of("blue", "blue sky", "red", "blue"), KEYWORDS)
    assert scores.logits[1] == tuple(passage.logit for passage in sorted(alone, key=lambda passage: passage.index))
    fewer = replace(ANIMALS, queries=ANIMALS.queries[:1])
    others = collected(fewer, engine.score_set(fewer, KEYWORDS))
    assert others is not None
    assert others.spec.fingerprint != scores.spec.fingerprint


@pytest.mark.parametrize(("given", "used"), [(None, "find: "), ("", ""), ("look: ", "look: ")])
def test_an_embedder_scores_by_cosine_with_its_instruction(given: str | None, used: str) -> None:
    prompted = replace(SPEC, kind="embedder", passage_instruction="blue ")
    engine = Engine(load_embedder=EmbedderShelf(change={"spec": prompted}))
    scores = collected(ANIMALS, engine.score_set(ANIMALS, EMBED, instruction=given))
    assert scores is not None
    assert (scores.scale, scores.instruction) == (COSINE, used)
    request = replace(request_of("blue", "blue sky", "red", "blue"), instruction=given)
    alone = run(engine, request, EMBED)
    assert scores.logits[1] == tuple(passage.logit for passage in sorted(alone, key=lambda passage: passage.index))


def test_a_reranker_reads_the_instruction() -> None:
    scores = collected(ANIMALS, Engine(load_scorer=Shelf()).score_set(ANIMALS, CHOICE, instruction="sky"))
    assert scores is not None
    assert scores.instruction == "sky"
    assert scores.logits[0] == (1.75, 0.875)


def test_the_public_function_scores_with_a_real_model(tiny_xlmr: Path) -> None:
    scores = score_set(ANIMALS, str(tiny_xlmr), device="cpu", precision="fp32", max_length=64)
    assert (scores.n_scored, scores.spec.max_length, scores.scale.name) == (5, 64, "logit")
    with pytest.raises(InvalidInput, match="Query red"):
        score_set(set_of(red=[" "]), str(tiny_xlmr))


def _spec(engine: Engine) -> ModelSpec:
    return run(engine, request_of("a", "b")).spec
