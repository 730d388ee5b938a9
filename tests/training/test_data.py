"""Prose, the base's own knowledge, and the pruned vocabulary."""

import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from playground.core.errors import InvalidInput
from playground.training.distil import calibrate, mine, query_of, write_rows
from playground.training.prose import Section, read_folder
from playground.training.rows import Row, read_rows
from playground.training.vocabulary import choose, prune

WORDS = (
    "panda", "bear", "china", "forest", "bamboo", "password", "reset", "account", "train", "coast", "harbour", "museum",
    "berlin", "river", "bread",
)  # fmt: skip


def bag(texts: Sequence[str]) -> NDArray[np.float32]:
    """A bag-of-words encoder: real vectors whose cosine is word overlap."""
    vectors = np.array([[text.lower().count(word) + 1e-3 for word in WORDS] for text in texts], dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


SECTIONS = [
    Section("s", f"About {a} {b}", f"The {a} is near the {b}. It likes the {b} very much. Nobody knows why it does so.")
    for a in WORDS
    for b in WORDS
    if a < b
]


def test_pages_and_dictionaries_become_sections_under_their_headings(tmp_path: Path) -> None:
    prose = (
        "The cache holds what was computed before so that nobody has to wait for the same answer twice in a row. " * 2
    )
    page = f"<html><body><h1>Caching</h1><p>{prose}</p><pre>x = [1, 2, 3]</pre><h2>Other</h2><p>short</p></body></html>"
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual" / "a.html").write_text(page)
    (tmp_path / "words").mkdir()
    entry = "panda\n    n 1: large black and white mammal of bamboo forests of China\n"
    (tmp_path / "words" / "wn.dict.dz").write_bytes(gzip.compress(entry.encode()))
    sections = {section.source: section for section in read_folder(tmp_path, 10)}
    assert sections["manual"].title == "Caching"
    assert sections["manual"].text == prose.strip()
    assert sections["words"].title == "panda"
    assert "bamboo forests" in sections["words"].text


def test_calibration_puts_relevant_pairs_above_zero() -> None:
    rows = [Row(a, (f"the {a} here",), (f"the {b} there",)) for a in WORDS for b in WORDS if a != b]
    fit = calibrate(rows, bag)
    near, far = fit.logits(np.array([0.95, 0.05], dtype=np.float32))
    assert near > 0 > far


def test_mined_rows_hold_the_teachers_own_logits_and_read_back(tmp_path: Path) -> None:
    fit = calibrate([Row(a, (a,), (b,)) for a in WORDS for b in WORDS if a != b], bag)
    rows = list(mine(SECTIONS + SECTIONS[:0], ["where is the panda?"], 40, bag, fit, seed=1))
    assert len(rows) > 20
    for row in rows[:10]:
        texts, scores = row.pos + row.neg, row.pos_scores + row.neg_scores
        expected = fit.logits((bag(texts) @ bag([row.query])[0]).astype(np.float32))
        assert np.allclose(scores, expected, atol=1e-3)
    path = tmp_path / "rows.jsonl.gz"
    assert write_rows(iter(rows), path) == len(rows)
    assert read_rows([path]) == rows


def test_a_sentence_that_became_the_query_is_taken_out_of_its_passage() -> None:
    section = Section("s", "", "First things are first. Second things are second. Third things are third.")
    queries = [query_of(section, random.Random(seed)) for seed in range(40)]
    sentences = [(query, left) for query, left in queries if query in section.text and query.endswith(".")]
    assert sentences
    assert all(query not in left for query, left in sentences)


def test_pruning_keeps_english_text_as_it_was_and_the_vectors_with_it(tiny_embedder: Path, tmp_path: Path) -> None:
    texts = ["Open the settings page, choose security, and press the reset button."] * 3
    kept = prune(tiny_embedder, texts, 100, tmp_path / "small")
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (tiny_embedder, tmp_path / "small"))
    assert kept == len(new) == 100 < len(old)
    assert new.tokenize(texts[0]) == old.tokenize(texts[0])
    vectors = [
        AutoModel.from_pretrained(folder)(**tokenizer(texts[0], return_tensors="pt")).last_hidden_state
        for folder, tokenizer in ((tiny_embedder, old), (tmp_path / "small", new))
    ]
    assert (vectors[0] - vectors[1]).abs().max().item() < 1e-6


def test_letters_and_special_tokens_stay_and_rare_foreign_pieces_go() -> None:
    pieces = ["[PAD]", "[unused0]", "a", "##b", "熊", "”", "panda", "zebra"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    kept = choose(vocabulary, Counter({5: 25, 6: 3, 4: 2}), {"[PAD]"}, 5)
    assert kept == ["[PAD]", "a", "##b", "”", "panda"]


def test_only_wordpiece_is_pruned(tiny_xlmr: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Only WordPiece vocabularies can be pruned; this base has Unigram"):
        prune(tiny_xlmr, ["text"], 100, tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_rows_are_written_in_flagembeddings_keys(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    write_rows(iter([Row("q", ("p",), ("n",), (1.0,), (-1.0,))]), path)
    record = json.loads(gzip.decompress(path.read_bytes()))
    assert record == {"query": "q", "pos": ["p"], "neg": ["n"], "pos_scores": [1.0], "neg_scores": [-1.0]}
