"""Small labelled sets and files for the tests of label files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import Label, LabelledQuery, LabelledSet, SetScores
from playground.core.scales import FILE
from playground.core.types import ModelSpec, Passage
from playground.inputs.labelled_sets import LabelFile, read

AT = datetime(2026, 1, 2, tzinfo=UTC)
SPEC = ModelSpec("some model", None, "f00", "reranker", "file", "", "", "fp32", 0, "only_second", 0)

Pairs = list[tuple[str, int | None]]

FLAG = '{"query": "q1", "pos": ["a", "b"], "neg": ["c"]}\n{"query": "q2", "pos": [], "neg": ["a"]}\n'
QRELS = "t1 0 d1 2\nt1 0 d2 0\nt2 0 d1 0\nt2 0 d3 1\n"
RUN = "t1 Q0 d1 1 9.5 bm25\nt1 Q0 d3 2 -0.25 bm25\nt2 Q0 d3 1 3 bm25\n"
QUERIES = "t1\tfirst question\nt2\tsecond question\n"
PASSAGES = "d1\tone\nd2\ttwo\nd3\tthree\nd4\tnever named\n"


def labelled(queries: Mapping[str, Pairs], prefix: str = "") -> LabelledSet:
    """A set whose queries and passages are numbered; passages over the whole set, where there is a prefix."""
    made, number = [], 0
    for place, (query, pairs) in enumerate(queries.items(), 1):
        passages = []
        for own, (text, _) in enumerate(pairs, 1):
            number += 1
            passages.append(Passage(f"{prefix}{number}" if prefix else str(own), text))
        labels = tuple(None if grade is None else Label(grade, "human", AT) for _, grade in pairs)
        made.append(LabelledQuery(str(place), query, tuple(passages), labels))
    return LabelledSet("id", "name", tuple(made))


def scored(of: LabelledSet, logits: list[list[float | None]]) -> SetScores:
    assert [len(row) for row in logits] == [len(query.passages) for query in of.queries]
    return SetScores(SPEC, FILE, "", tuple(map(tuple, logits)))


def said(of: LabelledSet) -> dict[str, Pairs]:
    """Query texts with their passages and grades."""
    return {
        query.query: [
            (passage.text, None if label is None else label.grade)
            for passage, label in zip(query.passages, query.labels, strict=True)
        ]
        for query in of.queries
    }


def ids(of: LabelledSet) -> dict[str, list[str]]:
    """Query ids with those of their passages."""
    return {query.id: [passage.id for passage in query.passages] for query in of.queries}


def put(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Writes the files as the page does."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        encoding = "utf-8-sig" if name.endswith(".csv") else "utf-8"
        (folder / name).write_text(text, encoding=encoding, newline="")
    return [folder / name for name in files]


def read_text(folder: Path, text: str, name: str = "file.jsonl") -> LabelFile:
    return read(put(folder, {name: text}))


def fails(folder: Path, text: str, name: str = "file.jsonl") -> str:
    """Why a file cannot be read."""
    with pytest.raises(InvalidInput) as caught:
        read_text(folder, text, name)
    return str(caught.value)
