"""Labelled sets and scorers, small."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import ModelSpec, Passage
from playground.history.domain import scorer_key

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SPEC = ModelSpec(
    model_id="built-in/mini-reranker",
    revision="abc123",
    fingerprint="f00",
    kind="reranker",
    family="cross_encoder",
    architecture="BertForSequenceClassification",
    device="cpu",
    precision="fp32",
    max_length=512,
    truncation="only_second",
    n_parameters=1_000,
    replaced=("fp16 does not run on this CPU; fp32 was used.",),
)
BEARS = {
    "what is panda?": {"hi": 0, "The giant panda is a bear.": 3, "A red panda is none.": UNSURE, "Unread.": None},
    "什么是熊猫？": {"熊科动物": 1, "hi": 0},
}
KEY = scorer_key(SPEC, LOGIT, "")
TABLES = ("pair_texts", "pairs", "labels", "sets", "set_queries", "set_pairs", "scorers", "scores")


def imported(grade: int) -> Label:
    return Label(grade, "imported", NOON)


def labelled(queries: Mapping[str, Mapping[str, int | None]], name: str = "a set") -> LabelledSet:
    """A set from {query: {passage: grade or None}}."""
    return LabelledSet(
        "",
        name,
        tuple(
            LabelledQuery(
                f"q{place}",
                query,
                tuple(Passage(f"p{number}", text) for number, text in enumerate(grades)),
                tuple(None if grade is None else imported(grade) for grade in grades.values()),
            )
            for place, (query, grades) in enumerate(queries.items())
        ),
    )


def grades(found: LabelledSet) -> dict[str, dict[str, int | None]]:
    """What `labelled` was made from."""
    return {
        query.query: {
            passage.text: None if label is None else label.grade
            for passage, label in zip(query.passages, query.labels, strict=True)
        }
        for query in found.queries
    }


def n_rows(path: Path) -> dict[str, int]:
    """How many rows each table of this part has, without the empty ones."""
    with closing(sqlite3.connect(path)) as connection:
        found = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    return {table: n for table, n in found.items() if n}


def texts(path: Path) -> set[str]:
    """Every text that the tables of this part hold."""
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT text FROM pair_texts")}
