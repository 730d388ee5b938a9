"""Corpora in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.corpus.corpora import Corpora, Corpus
from playground.corpus.types import WHOLE, Document
from playground.history.corpora import CorpusStore

ANIMALS = (
    Document("panda", "Panda", "The giant panda eats bamboo in the mountains of China."),
    Document("cat", "Cat", "The cat sleeps most of the day."),
    Document("熊猫", "熊猫", "大熊猫吃竹子，生活在中国的山区。"),
    Document("owl", "Owl", "An owl hunts mice at night."),
)


@pytest.fixture
def corpora(tmp_path: Path) -> Corpora:
    return Corpora(CorpusStore(tmp_path / "history.db", 5.0))


@pytest.fixture
def animals(corpora: Corpora) -> Corpus:
    return corpora.open(corpora.create("Animals", ANIMALS, WHOLE, "ann").id, "ann")
