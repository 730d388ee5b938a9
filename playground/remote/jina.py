"""Jina's rerank.

Source: api.jina.ai, "Reranker API".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playground.remote.backend import Backend


class Jina(Backend):
    title = "Jina"
    url = "https://api.jina.ai"
    key_variable = "JINA_API_KEY"
    path = "/v1/rerank"
    most = 64

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        return super().asked(model, query, passages, instruction) | {"return_documents": False}
