"""vLLM's `/score`. A cross-encoder's is a sigmoid there and an embedder's a cosine; it does not say which it serves.

Source: vLLM 0.13, `entrypoints/pooling/score/protocol.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.remote.backend import Answer, Backend, Scored, Shape, Told, Usage, in_order, listed


class Pair(Scored):
    score: float


class Scores(Shape):
    data: list[Pair]
    usage: Usage | None = None


class Vllm(Backend):
    title = "vLLM"
    key_variable = "VLLM_API_KEY"
    path = "/score"
    info_path = "/v1/models"

    def told(self, body: Any, model: str) -> Told:
        return listed(body, model)

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        # -1 cuts at the model's own length; without it a long passage is refused.
        return {"model": model, "text_1": query, "text_2": list(passages), "truncate_prompt_tokens": -1}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        found = Scores.model_validate(body)
        return Answer(in_order(found.data, n), n_tokens=None if found.usage is None else found.usage.total_tokens)
