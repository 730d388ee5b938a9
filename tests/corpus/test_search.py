"""What is found is what a full comparison finds; equal scores keep the order of the corpus."""

from __future__ import annotations

import numpy as np
import pytest

from playground.core.errors import CorpusError, InvalidInput
from playground.corpus import search
from playground.corpus.corpora import Corpus
from playground.corpus.search import Found, fuse, search_vectors, top
from playground.models import bm25
from tests.corpus.conftest import ANIMALS
from tests.corpus.embedders import HashedEmbedder


def test_the_k_largest_with_equal_ones_in_their_order() -> None:
    found = top(np.array([1, 3, 2, 3, 1, 3], np.float32), 4)

    assert (found.rows.tolist(), found.scores.tolist()) == ([1, 3, 5, 2], [3, 3, 3, 2])
    assert top(np.array([1.0, 2.0]), 5).rows.tolist() == [1, 0]
    assert top(np.array([2.0, 2.0, 2.0]), 2).rows.tolist() == [0, 1]


def test_search_in_blocks_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BLOCK_ROWS", 64)
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((500, 16)).astype(np.float32)
    vectors[200:210] = vectors[3]
    queries = draw.standard_normal((3, 16)).astype(np.float32)

    found = search_vectors(vectors, queries, 40)

    for each, query in zip(found, queries, strict=True):
        scores = vectors @ query
        expected = np.lexsort((np.arange(500), -scores))[:40]
        np.testing.assert_allclose(each.scores, scores[expected], rtol=1e-5)
        assert set(each.rows) == set(expected)
    same = search_vectors(vectors, vectors[3:4], 11)[0]
    assert same.rows.tolist() == [3, *range(200, 210)]


def test_fusion_is_the_sum_of_shares_of_ranks() -> None:
    words = Found(np.array([5, 1, 9]), np.array([8, 4, 2], np.float32))
    vectors = Found(np.array([1, 7]), np.array([0.9, 0.8], np.float32))

    found = fuse([words, vectors], 10)

    assert found.rows.tolist() == [1, 5, 7, 9]
    np.testing.assert_allclose(found.scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])
    assert fuse([words, vectors], 10, weights=(1.0, 0.0)).rows.tolist() == [5, 1, 9]
    assert fuse([words, vectors], 10, weights=(0.0, 1.0)).rows.tolist() == [1, 7]


def test_keywords_find_what_shares_a_word_as_the_bm25_of_the_page_scores_it(animals: Corpus) -> None:
    list(animals.build_bm25())
    query = "what does the panda eat in China"

    hits = animals.retriever("bm25").search(query, 10)

    assert [(hit.passage_id, hit.row, hit.rank) for hit in hits] == [("panda", 0, 1)]
    texts = [f"{each.title} {each.text}" for each in ANIMALS]
    assert hits[0].score == bm25.scores(bm25.words(query), [bm25.words(text) for text in texts])[0]
    assert [hit.passage_id for hit in animals.retriever("bm25").search("熊猫吃什么", 10)] == ["熊猫"]
    assert animals.retriever("bm25").search("zebra", 10) == []


def test_vectors_and_both_together(animals: Corpus) -> None:
    embed = HashedEmbedder()
    list(animals.build_bm25())
    list(animals.build_vectors(embed))

    by_meaning = animals.retriever("vectors", embed).search("owl mice night", 2)
    both = animals.retriever("both", embed, weights=(0.5, 2.0)).search("owl mice night", 3)

    assert (by_meaning[0].passage_id, len(by_meaning)) == ("owl", 2)
    text = f"{ANIMALS[3].title} {ANIMALS[3].text}"
    assert by_meaning[0].score == pytest.approx(float(embed.vector("owl mice night") @ embed.vector(text)), abs=1e-6)
    assert both[0].passage_id == "owl"
    assert both[0].score == pytest.approx(2.5 / 61)


def test_an_index_that_is_not_made_is_said(animals: Corpus) -> None:
    with pytest.raises(CorpusError, match="keyword index of this corpus is not made yet"):
        animals.retriever("bm25")
    with pytest.raises(CorpusError, match="no vectors of hashed as it runs now"):
        animals.retriever("vectors", HashedEmbedder()).search("x", 1)
    with pytest.raises(InvalidInput, match="Choose an embedding model"):
        animals.retriever("vectors")
    assert animals.retriever("vectors", HashedEmbedder(most=0)).search("x", 1) == []
