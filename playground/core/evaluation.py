"""A task that rerankers and retrievers are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Run = Mapping[str, Mapping[str, float]]
"""Scores by query and passage id."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationTask:
    """Queries with judged passages.

    Attributes:
        name: of its folder, or its id on the Hub.
        split: "test", "dev"...; empty where its files name none.
        queries, passages: texts by id. A passage has its title before it.
        qrels: grades by query and passage id; also of passages that the corpus does not have, which are missed.
        candidates: for each query the passages to rerank; None for a retrieval task, whose candidates a first stage
            finds.
        notes: what was left out or counted, in sentences.
        first_of: how many queries the whole task has, where these are only the first of them.
    """

    name: str
    split: str
    queries: Mapping[str, str]
    passages: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    candidates: Mapping[str, tuple[str, ...]] | None
    notes: tuple[str, ...] = ()
    first_of: int | None = None
