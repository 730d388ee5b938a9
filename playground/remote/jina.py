"""Jina's rerank. Its third generation reads the passages of a request together.

Source: api.jina.ai, "Reranker API".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from playground.remote.backend import Answer, Backend

TOGETHER = "This model reads up to 64 passages together: a score depends on those that were sent beside it."


class Jina(Backend):
    title = "Jina"
    url = "https://api.jina.ai"
    key_variable = "JINA_API_KEY"
    path = "/v1/rerank"
    most = 64

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        return super().asked(model, query, passages, instruction) | {"return_documents": False}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        together = "jina-reranker-v3" in str(body.get("model", "")) if isinstance(body, dict) else False
        return replace(super().read(body, headers, n), warnings=(TOGETHER,) if together else ())
