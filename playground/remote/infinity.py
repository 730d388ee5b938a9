"""michaelfeil/infinity. Its usage counts characters, so no tokens are taken from it.

Source: infinity-emb 0.0.77, `fastapi_schemas/pymodels.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from playground.core.scales import LOGIT
from playground.remote.backend import Answer, Backend, Told, listed


class Infinity(Backend):
    title = "infinity"
    key_variable = "INFINITY_API_KEY"
    scale = LOGIT
    info_path = "/models"

    def told(self, body: Any, model: str) -> Told:
        return listed(body, model)

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        return super().asked(model, query, passages, instruction) | {"raw_scores": True, "return_documents": False}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        return replace(super().read(body, headers, n), n_tokens=None)
