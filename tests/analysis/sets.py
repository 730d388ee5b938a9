"""Labelled sets and scores, made of grades and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from playground.core.labels import Label, LabelledQuery, LabelledSet, SetScores
from playground.core.scales import TRAINED_LOGIT, Scale
from playground.core.types import ModelSpec, Passage

AT = datetime(2026, 1, 1, tzinfo=UTC)


def spec_of(name: str = "one/model") -> ModelSpec:
    return ModelSpec(
        name, None, f"print of {name}", "reranker", "cross_encoder", "Bert", "cpu", "fp32", 512, "only_second", 1
    )


def set_of(*grades: Sequence[int | None], ids: Sequence[Sequence[str]] | None = None) -> LabelledSet:
    """One query for each row; -1 is unsure, None is no label."""
    queries = []
    for number, row in enumerate(grades):
        names = ids[number] if ids else [str(place + 1) for place in range(len(row))]
        passages = tuple(Passage(name, f"passage {name} of {number}") for name in names)
        labels = tuple(None if grade is None else Label(grade, "imported", AT) for grade in row)
        queries.append(LabelledQuery(f"q{number}", f"query {number}", passages, labels))
    return LabelledSet("test", "test", tuple(queries))


def scores_of(*rows: Sequence[float | None], name: str = "one/model", scale: Scale = TRAINED_LOGIT) -> SetScores:
    return SetScores(spec_of(name), scale, "", tuple(tuple(row) for row in rows))
