"""Texts become vectors: what is embedded, what is known, what is said, and the order by cosine."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playground.core.errors import InvalidInput, ModelBroken, OutOfMemory
from playground.core.types import EmbeddingResult, ModelChoice, RerankRequest
from playground.engine.engine import Engine
from tests.engine.doubles import CHOICE, SPEC, Shelf, numbered, request_of, run
from tests.engine.embedders import DIM, EMBED, EmbedderShelf


def engine_of(shelf: EmbedderShelf, **settings: object) -> Engine:
    return Engine(load_scorer=Shelf(), load_embedder=shelf, **settings)  # type: ignore[arg-type]


def embedded(
    engine: Engine, request: RerankRequest, choice: ModelChoice = EMBED, instruction: str | None = None
) -> EmbeddingResult:
    last = list(engine.embed(request, choice, instruction=instruction))[-1]
    assert last.phase == "done"
    assert last.result is not None
    return last.result


def test_vectors_come_in_input_order_as_unit_float32_rows() -> None:
    result = embedded(engine_of(EmbedderShelf()), request_of("red panda", "blue sky", "red panda", "panda"))
    assert result.query_vector.shape == (DIM,)
    assert result.passage_vectors.shape == (3, DIM)
    assert result.query_vector.dtype == result.passage_vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(result.passage_vectors, axis=1), 1.0, atol=1e-6)
    assert [read.n_tokens for read in result.passages_read] == [2, 2, 1]
    assert (result.n_cached, result.n_tokens) == (0, 3 + 5)


def test_changing_the_query_embeds_one_text() -> None:
    shelf = EmbedderShelf()
    engine = engine_of(shelf)
    embedded(engine, request_of("red", *numbered(50)))
    assert shelf.embedder.n_forwards == 51
    second = embedded(engine, request_of("blue", *numbered(50)))
    assert shelf.embedder.n_forwards == 52
    assert (second.n_cached, second.n_tokens) == (50, 2)
    assert embedded(engine, request_of("blue", *numbered(50))).n_cached == 51
    assert shelf.embedder.n_forwards == 52


def test_copies_are_embedded_once_and_are_equal() -> None:
    shelf = EmbedderShelf()
    result = embedded(engine_of(shelf), request_of("red", "a b", "c", "a b"))
    assert shelf.embedder.n_forwards == 3
    assert (result.passage_vectors[0] == result.passage_vectors[2]).all()
    assert result.passage_cosines()[0, 2] == pytest.approx(1.0, abs=1e-6)


def test_the_query_gets_the_models_own_instruction_another_or_none_and_passages_never_do() -> None:
    shelf = EmbedderShelf()
    engine = engine_of(shelf)
    request = request_of("red", "red", "find: red")
    own, off, other = (embedded(engine, request, instruction=text) for text in (None, "", "blue "))
    assert (own.instruction, off.instruction, other.instruction) == ("find: ", "", "blue ")
    np.testing.assert_allclose(own.query_cosines(), [2**-0.5, 1.0], rtol=1e-6)
    np.testing.assert_allclose(off.query_cosines(), [1.0, 2**-0.5], rtol=1e-6)
    assert (own.passage_vectors == off.passage_vectors).all()
    assert (own.query_read.n_tokens, off.query_read.n_tokens) == (2, 1)
    assert own.query_read.n_chars_read == 3


def test_what_goes_before_passages_is_embedded_with_them_and_counted_as_tokens() -> None:
    prompted = replace(SPEC, kind="embedder", max_length=4, passage_instruction="text: ")
    engine = engine_of(EmbedderShelf(change={"spec": prompted}))
    request = request_of("text: red", "red", "one two three four five")
    result = embedded(engine, request, replace(EMBED, max_length=4), instruction="")
    assert result.query_cosines()[0] == pytest.approx(1.0, abs=1e-6)
    assert [(read.n_tokens, read.n_cut, read.n_chars_read) for read in result.passages_read] == [(2, 0, 3), (4, 2, 13)]
    counted = engine.count("", ["red", "one two three four five"], replace(EMBED, max_length=4))
    assert counted is not None
    assert (counted.n_tokens, counted.n_cut_passages) == (8, 1)
    ranked = run(engine, replace(request, instruction=""), replace(EMBED, max_length=4))
    assert (ranked.spec.passage_instruction, ranked.n_cached) == ("text: ", 2)
    (passage,) = [each for each in ranked if each.index == 1]
    assert (passage.n_tokens, passage.n_cut, passage.n_chars_read) == (4, 2, 13)


def test_texts_beyond_the_maximum_length_are_reported_as_cut() -> None:
    long = " ".join(["word"] * 600)
    result = embedded(engine_of(EmbedderShelf()), request_of(long, long, "short"))
    assert [(read.n_tokens, read.n_cut) for read in result.passages_read] == [(64, 536), (1, 0)]
    assert result.passages_read[0].n_chars_read == 64 * 5 - 1
    assert result.warnings == ("The query is longer than this model can read: its last 537 tokens were cut.",)


def test_the_cosine_of_a_pair_does_not_depend_on_where_it_stands() -> None:
    texts = numbered(40, "red panda eats bamboo number")
    result = embedded(engine_of(EmbedderShelf()), request_of("panda", *texts))
    back = embedded(engine_of(EmbedderShelf()), request_of("panda", *reversed(texts)))
    assert (result.query_cosines()[::-1] == back.query_cosines()).all()
    among = result.passage_cosines()
    assert (among == among.T).all()
    np.testing.assert_allclose(np.diag(among), 1.0, atol=1e-6)
    assert among.dtype == np.float32


def test_an_embedder_ranks_by_its_cosines_through_the_same_stream() -> None:
    shelf = EmbedderShelf()
    engine = engine_of(shelf)
    request = replace(request_of("red panda", "blue sky", "a red panda eats", "red panda"), instruction="")
    result = run(engine, request, EMBED)
    assert (result.scale.name, result.spec.kind, result.instruction) == ("cosine", "embedder", "")
    assert [passage.index for passage in result] == [2, 1, 0]
    cosines = embedded(engine, request, instruction="").query_cosines()
    assert [passage.logit for passage in result] == [float(cosines[passage.index]) for passage in result]
    assert [passage.score for passage in result] == [passage.logit for passage in result]
    again = run(engine, replace(request, query="sky"), EMBED)
    assert (again.n_cached, again.n_tokens) == (3, 1)
    # The query "red panda" and the passage "red panda" are one text.
    assert shelf.embedder.n_forwards == 4
    assert result.n_cached == 0


def test_all_passages_equal_share_a_rank_and_are_said_to_order_nothing() -> None:
    result = run(engine_of(EmbedderShelf()), request_of("red", "same", "same", "same"), EMBED)
    assert [(passage.rank, passage.tied) for passage in result] == [(1, True)] * 3
    assert result.warnings == ("All 3 scores are equal, so the order says nothing.",)


def test_stop_keeps_the_order_so_far_and_an_embedding_that_is_not_whole_is_none() -> None:
    stop = threading.Event()
    shelf = EmbedderShelf()
    engine = engine_of(shelf)
    choice = replace(EMBED, batch_tokens=8)
    last = None
    for last in engine.rerank(request_of("red", *numbered(10)), choice, stop=stop):
        if last.phase == "score" and last.done:
            stop.set()
    assert last is not None
    assert last.phase == "stopped"
    assert last.result is not None
    assert len(last.result) == 2
    assert len(last.result.missing) == 8
    ended = list(engine.embed(request_of("red", *numbered(10)), choice, stop=stop))[-1]
    assert (ended.phase, ended.result) == ("stopped", None)
    assert embedded(engine, request_of("red", *numbered(10)), choice).n_cached == 3


def test_out_of_memory_halves_the_batch_and_one_text_that_does_not_fit_is_named() -> None:
    shelf = EmbedderShelf(change={"fits_tokens": 8})
    engine = engine_of(shelf)
    assert len(embedded(engine, request_of("red", *numbered(8))).passages_read) == 8
    assert max(shelf.embedder.batches) == 2
    with pytest.raises(OutOfMemory, match="Not even passage 1 alone"):
        embedded(engine, request_of("red", " ".join(["long"] * 9)))
    with pytest.raises(OutOfMemory, match="Not even the query alone"):
        embedded(engine, request_of(" ".join(["long"] * 9), "a"))


def test_a_vector_that_is_not_finite_is_an_error_that_names_the_text() -> None:
    shelf = EmbedderShelf(change={"change_of": lambda vectors: vectors * np.nan})
    with pytest.raises(ModelBroken, match="no finite vector for the query"):
        embedded(engine_of(shelf), request_of("red", "a"))


def test_bad_input_is_refused_before_anything_is_loaded() -> None:
    shelf = EmbedderShelf()
    engine = engine_of(shelf)
    with pytest.raises(InvalidInput, match="Passage 2 is blank"):
        engine.embed(request_of("red", "a", "  "), EMBED)
    with pytest.raises(InvalidInput, match="There are no passages"):
        engine.embed(request_of("red"), EMBED)
    with pytest.raises(InvalidInput, match="BM25 compares words"):
        engine.embed(request_of("red", "a"), ModelChoice("bm25"))
    assert shelf.loads == []


def test_embedders_and_rerankers_share_the_memory_limit_and_one_id_may_be_both() -> None:
    shelf = EmbedderShelf()
    engine = engine_of(shelf, memory_limit_mib=250)
    run(engine, request_of("red", "x"), ModelChoice("both"))
    run(engine, request_of("red", "x"), ModelChoice("both", kind="embedder"))
    assert [(model.spec.model_id, model.spec.kind, model.scale.name) for model in engine.loaded()] == [
        ("both", "embedder", "cosine"),
        ("both", "reranker", "logit"),
    ]
    run(engine, request_of("red", "x"), CHOICE)
    assert [model.spec.model_id for model in engine.loaded()] == ["overlap", "both"]


def test_tokens_of_passages_are_counted_for_a_loaded_embedder_and_for_bm25() -> None:
    engine = engine_of(EmbedderShelf())
    assert engine.count("red", ["a b c"], EMBED) is None
    run(engine, request_of("red", "x"), EMBED)
    count = engine.count("red", ["a b c", " ".join(["x"] * 70)], EMBED)
    assert count is not None
    assert (count.n_tokens, count.n_cut_passages) == (73, 1)
    assert engine.count("red", ["red panda"], ModelChoice("bm25")) is not None


def test_vectors_are_those_of_sentence_transformers(tiny_embedder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["The giant panda is a bear.", "大熊猫主要以竹子为食。", "hi", "Berlin has museums. " * 60]
    choice = ModelChoice(str(tiny_embedder), kind="embedder", device="cpu", precision="fp32")
    result = embedded(Engine(), request_of("what is panda?", *texts), choice)
    theirs = SentenceTransformer(str(tiny_embedder), device="cpu").encode(
        ["what is panda?", *texts], normalize_embeddings=True
    )
    np.testing.assert_allclose(result.passage_vectors, theirs[1:], atol=1e-5)
    np.testing.assert_allclose(result.query_cosines(), theirs[1:] @ theirs[0], atol=1e-5)
