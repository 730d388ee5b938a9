"""Prose, made queries, and the pruned vocabulary."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from playground.core.errors import InvalidInput
from playground.training import base, cross_encoder
from playground.training.prose import Section, read_folder
from playground.training.queries import query_of
from playground.training.rows import Row, write_rows
from playground.training.vocabulary import choose, prune


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


def test_padding_is_that_of_the_tokenizer(tiny_bert: Path) -> None:
    _, tokenizer = cross_encoder.load(str(tiny_bert), None)
    pairs = cross_encoder.encode_pairs(tokenizer, ["a", "what is it"], ["one", "two words and more " * 9], 48)
    alone = [{"input_ids": pair["input_ids"]} for pair in pairs]

    for encoded in (pairs, alone):
        expected = tokenizer.pad(encoded, pad_to_multiple_of=base.PAD_TO, return_tensors="pt")
        found = base.padded(tokenizer, encoded)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in found)
