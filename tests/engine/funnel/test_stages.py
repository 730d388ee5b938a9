"""One query through retriever and rerankers, and many: what is given on, what is rescued, lost, stopped and refused."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from playground.core.errors import InvalidInput, ModelNotFound
from playground.core.funnel import FirstStage, Found, FunnelProgress, FunnelQuery, FunnelRequest, FunnelResult
from playground.core.limits import Limits
from playground.core.thresholds import Threshold
from playground.core.types import ModelChoice, Passage
from playground.engine.engine import Engine
from playground.engine.funnel import record, stages
from playground.engine.loaded import OnProgress
from tests.engine.doubles import CHOICE, OverlapScorer, Shelf
from tests.engine.embedders import EMBED, EmbedderShelf

TEXTS = (
    "the sky is blue",
    "red light district",
    "a red panda eats bamboo",
    "panda panda panda panda",
    "nothing of the kind",
    "red panda",
)


class LoseableShelf(Shelf):
    """Has no model `gone`."""

    def __call__(
        self,
        choice: ModelChoice,
        *,
        offline: bool,
        on_progress: OnProgress | None,
        weights_of: OverlapScorer | None = None,
    ) -> OverlapScorer:
        if choice.model_id == "gone":
            raise ModelNotFound("No model {id!r}.", id="gone")
        return super().__call__(choice, offline=offline, on_progress=on_progress, weights_of=weights_of)


def retrieve(query: str, k: int, texts: Sequence[str] = TEXTS) -> FirstStage:
    """A retriever that brings the passages in the order of the list, whatever is asked."""
    found = tuple(Found(Passage(f"d{n}", text), n, float(len(texts) - n)) for n, text in enumerate(texts[:k], 1))
    return FirstStage("bm25", "bm25", found, 0.0, len(texts), "index-1")


def request_of(k: int = 6, keep: tuple[int, ...] = (2,), *rerankers: ModelChoice, **more: object) -> FunnelRequest:
    return FunnelRequest("red panda", "c", "a corpus", "bm25", k, rerankers or (CHOICE,), keep, **more)  # type: ignore[arg-type]


def engine_of() -> tuple[Engine, LoseableShelf]:
    shelf = LoseableShelf()
    return Engine(load_scorer=shelf, load_embedder=EmbedderShelf()), shelf


def steps_of(request: FunnelRequest, engine: Engine | None = None, **more: object) -> list[FunnelProgress]:
    stop = more.pop("stop", threading.Event())
    found = stages.steps((engine or engine_of()[0]).rerank, retrieve, request, stop, **more)  # type: ignore[arg-type]
    return list(found)


def run(request: FunnelRequest, **more: object) -> FunnelResult:
    return steps_of(request, **more)[-1].result  # type: ignore[arg-type]


def threshold_of(value: float, fingerprint: str = "overlapoverlapoverlap") -> Threshold:
    result = run(request_of())
    spec = replace(result.scored[0].spec, fingerprint=fingerprint)
    when = datetime(2026, 1, 2, tzinfo=UTC)
    last = ("", None, "example", 1, 1, 1, None, None, None)
    return Threshold("t", "mine", when, value, result.scored[0].scale, spec, last[0], "by-hand", *last[1:])  # type: ignore[arg-type]


def test_the_reranker_reads_what_was_retrieved_and_its_best_are_the_answer() -> None:
    said = steps_of(request_of(k=6, keep=(2,)))
    result = said[-1].result
    # Whole numbers of shared words less an eighth of the others: "red panda" 2, "a red panda eats bamboo" 2 - 3/8.
    assert [one.logit for one in result.scored[0].scored][:3] == [4.0, 2.0, 1.625]
    assert result.answer == ("d4", "d6")
    assert result.rescued == {"d4", "d6"}
    assert result.lost == {"d1", "d2"}
    assert [one.stage for one in (said[0], said[1], said[-1])] == [0, 0, 2]
    assert said[-1].step.phase == "done"
    assert all(one.stage <= other.stage for one, other in pairwise(said))


def test_a_second_reranker_reads_only_what_the_first_lets_through() -> None:
    result = run(request_of(6, (3, 1), CHOICE, EMBED))
    first, second = result.scored
    assert (
        {one.passage.id for one in second.scored} == {one.passage.id for one in first.scored[:3]} == {"d3", "d4", "d6"}
    )
    assert (first.scale.name, second.scale.name) == ("logit", "cosine")
    assert len(result.answer) == 1
    assert result.ranking_at(6)[:3] == tuple(one.passage.id for one in second.scored)
    assert result.ranking_at(6)[3:] == tuple(one.passage.id for one in first.scored[3:])


def test_no_reranker_leaves_the_order_of_the_retriever() -> None:
    request = replace(request_of(), rerankers=(), keep=(), k=3)
    assert run(request).answer == ("d1", "d2", "d3")


def test_a_model_that_fails_leaves_the_first_stage_and_says_why() -> None:
    said = steps_of(request_of(6, (3, 2), ModelChoice("gone"), CHOICE))
    result = said[-1].result
    assert str(result.stages[0].error) == "No model 'gone'."
    assert result.stages[1].result is None
    assert result.answer == ("d1", "d2")
    assert (result.rescued, result.lost) == (frozenset(), frozenset())
    assert said[-1].step.phase == "done"


def test_stop_keeps_what_was_scored_and_loses_nothing_to_a_stage_that_did_not_end() -> None:
    engine, shelf = engine_of()
    stop = threading.Event()
    shelf.change["before_forward"] = stop.set
    said = steps_of(request_of(6, (2,), replace(CHOICE, batch_tokens=8)), engine, stop=stop)
    result = said[-1].result
    assert said[-1].step.phase == "stopped"
    assert 0 < len(result.scored[0].scored) < 6
    assert result.lost == frozenset()
    assert len(result.found) == 6


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (replace(request_of(), query="  "), "The query is empty. Write what you are looking for."),
        (request_of(k=0), "The depth k is a whole number from 1 to 1000, not 0."),
        (request_of(k=1001), "The depth k is a whole number from 1 to 1000, not 1001."),
        (request_of(6, (2,), ModelChoice("bm25")), "BM25 is a retriever here."),
        (request_of(6, (2, 3), CHOICE, EMBED), "The last stage cannot let 3 passages through when it is given 2."),
        (request_of(6, (0,)), "Each stage lets at least one passage through."),
        (request_of(6, (3, 2, 1), CHOICE, EMBED, CHOICE), "At most 2 rerankers stand behind each other."),
    ],
)
def test_stages_that_cannot_be_are_refused_in_one_sentence(request_: FunnelRequest, sentence: str) -> None:
    with pytest.raises(InvalidInput) as said:
        stages.check(request_)
    assert str(said.value).startswith(sentence)


def test_more_pairs_than_the_limit_are_refused() -> None:
    stages.check(request_of(k=10), Limits(pairs=100), 10)
    with pytest.raises(InvalidInput, match="11 queries at depth 10 are more than 100 pairs"):
        stages.check(request_of(k=10), Limits(pairs=100), 11)


def test_a_threshold_cuts_the_answer_of_its_own_model_and_is_refused_by_another() -> None:
    kept = run(request_of(6, (3,), threshold=threshold_of(2.0)))
    assert kept.answer == ("d4", "d6")
    assert kept.refused is None
    other = run(request_of(6, (3,), threshold=threshold_of(2.0, fingerprint="another")))
    assert other.answer == ("d4", "d6", "d3")
    assert "mine" in str(other.refused)


def test_a_cut_of_the_deepest_run_is_the_run_at_that_depth() -> None:
    engine, shelf = engine_of()
    deep = run(request_of(6, (3, 2), CHOICE, EMBED), engine=engine, depths=(3, 4))
    n_forwards = shelf.scorer.n_forwards
    for depth in (3, 4, 6):
        alone = run(request_of(depth, (3, 2), CHOICE, EMBED), engine=engine)
        assert deep.order_at(depth)[-1] == alone.answer
    assert n_forwards == shelf.scorer.n_forwards == 6


def test_many_queries_run_one_after_another_and_stop_keeps_the_whole_ones() -> None:
    engine, _ = engine_of()
    stop = threading.Event()
    queries = [FunnelQuery(f"q{n}", text) for n, text in enumerate(("red panda", "blue sky", "bamboo"))]
    said = []
    for step in stages.many(engine.rerank, retrieve, queries, request_of(), stop):
        said.append(step)
        if step.place == 1:
            stop.set()
    assert [result.request.query for result in said[-1].results] == ["red panda"]
    assert (said[-1].step.phase, said[-1].step.done, said[-1].step.total) == ("stopped", 1, 3)
    whole = list(stages.many(engine.rerank, retrieve, queries, request_of(), threading.Event()))[-1]
    assert [result.answer[0] for result in whole.results] == ["d4", "d1", "d3"]


def test_many_queries_end_with_the_error_of_a_model_that_fails() -> None:
    said = stages.many(
        engine_of()[0].rerank,
        retrieve,
        [FunnelQuery("q", "red")],
        request_of(6, (2,), ModelChoice("gone")),
        threading.Event(),
    )
    with pytest.raises(ModelNotFound, match="No model 'gone'"):
        list(said)


def test_a_run_comes_back_from_its_record_as_it_was() -> None:
    result = run(request_of(6, (3, 2), CHOICE, EMBED, threshold=threshold_of(0.1, "another")))
    back = record.from_manifest(record.manifest(result))
    assert back.answer == result.answer
    assert [one.score for one in back.found] == [one.score for one in result.found]
    assert [each.spec.fingerprint for each in back.scored] == [each.spec.fingerprint for each in result.scored]
    assert str(back.refused) == str(result.refused)
    assert back.request == result.request
    failed = run(request_of(6, (2,), ModelChoice("gone")))
    assert str(record.from_manifest(record.manifest(failed)).stages[0].error) == "No model 'gone'."


def test_a_damaged_record_is_refused_in_a_sentence() -> None:
    whole = record.manifest(run(request_of()))
    with pytest.raises(InvalidInput, match="This saved run is damaged"):
        record.from_manifest({**whole, "retrieved": {}})
    with pytest.raises(InvalidInput, match="not a saved funnel"):
        record.from_manifest({**whole, "kind": "comparison"})
