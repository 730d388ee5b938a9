"""Cohere's rerank, version 2: scores from 0 to 1 whose making is not published.

Source: docs.cohere.com, "Rerank API (v2)".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from playground.remote.backend import Answer, Backend, Reranked, Shape, in_order


class Meta(Shape):
    billed_units: dict[str, float] = Field(default_factory=dict)


class Ranked(Reranked):
    meta: Meta = Field(default_factory=Meta)


class Cohere(Backend):
    title = "Cohere"
    url = "https://api.cohere.com"
    key_variable = "COHERE_API_KEY"
    path = "/v2/rerank"
    # A search unit pays for one query and a hundred passages.
    most = 100

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        found = Ranked.model_validate(body)
        return Answer(in_order(found.results, n), billed=found.meta.billed_units)
