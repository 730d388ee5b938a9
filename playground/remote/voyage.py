"""Voyage's rerank. An instruction goes before the query, as its makers say.

Source: docs.voyageai.com, "Rerankers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from playground.remote.backend import Answer, Backend, Reranked, Scored, in_order


class Ranked(Reranked):
    results: list[Scored] = Field(validation_alias="data")


class Voyage(Backend):
    title = "Voyage"
    url = "https://api.voyageai.com"
    key_variable = "VOYAGE_API_KEY"
    path = "/v1/rerank"
    most = 100
    instructed = True

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        told = f"{instruction}\n{query}" if instruction else query
        return {"model": model, "query": told, "documents": list(passages), "truncation": True}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        found = Ranked.model_validate(body)
        return Answer(in_order(found.results, n), n_tokens=None if found.usage is None else found.usage.total_tokens)
