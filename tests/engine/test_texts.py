"""Texts become vectors by themselves: by their role, from the cache, until they are stopped."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from playground.core.errors import InvalidInput
from playground.core.limits import Limits
from playground.core.types import ModelChoice
from playground.engine.engine import Engine
from playground.engine.texts import Role, TextVectors
from tests.engine.doubles import Shelf, request_of
from tests.engine.embedders import EMBED, EmbedderShelf

TEXTS = ["red panda", "giant panda", "red panda"]


def made(engine: Engine, texts: list[str], role: Role = "passage") -> TextVectors:
    *_, last = engine.embed_texts(texts, EMBED, role=role)
    assert last.phase == "done"
    assert last.result is not None
    return last.result


def test_passages_get_the_vectors_of_a_run_and_copies_share_a_pass() -> None:
    shelf = EmbedderShelf()
    engine = Engine(load_scorer=Shelf(), load_embedder=shelf)

    alone = made(engine, TEXTS)
    *_, beside = engine.embed(request_of("anything", *TEXTS), EMBED)

    assert beside.result is not None
    assert np.array_equal(alone.vectors, beside.result.passage_vectors)
    assert (alone.n_cached, alone.n_tokens, [each.n_tokens for each in alone.read]) == (0, 4, [2, 2, 2])
    # The query alone was new to the run.
    assert shelf.embedder.n_forwards == 3
    assert made(engine, TEXTS).n_cached == 3


def test_a_query_gets_the_models_own_prompt() -> None:
    engine = Engine(load_scorer=Shelf(), load_embedder=EmbedderShelf())

    query = made(engine, ["red panda"], "query")
    *_, beside = engine.embed(request_of("red panda", "anything"), EMBED)

    assert beside.result is not None
    assert query.instruction == "find: "
    assert np.array_equal(query.vectors[0], beside.result.query_vector)


def test_a_stopped_run_has_no_vectors() -> None:
    stop = threading.Event()
    stop.set()
    engine = Engine(load_scorer=Shelf(), load_embedder=EmbedderShelf())

    *_, last = engine.embed_texts(TEXTS, EMBED, stop=stop)

    assert (last.phase, last.result) == ("stopped", None)


def test_limits_hold_and_bm25_has_no_vectors() -> None:
    engine = Engine(load_scorer=Shelf(), load_embedder=EmbedderShelf(), limits=Limits(passages=2))

    with pytest.raises(InvalidInput, match="3 passages are more than the limit of 2"):
        engine.embed_texts(TEXTS, EMBED)
    with pytest.raises(InvalidInput, match="BM25 compares words and makes no vectors"):
        engine.embed_texts(TEXTS[:1], ModelChoice("bm25"))
