"""Hugging Face text-embeddings-inference, also as an Inference Endpoint.

Source: its OpenAPI document, version 1.8: `/info` and `/rerank`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import RootModel

from playground.core.errors import BackendError
from playground.core.scales import LOGIT
from playground.remote.backend import PRECISION_OF, Answer, Backend, Scored, Shape, Told, in_order


class Rank(Scored):
    score: float


class Ranks(RootModel[list[Rank]]):
    pass


class Info(Shape):
    model_id: str
    model_sha: str | None = None
    model_dtype: str = ""
    model_type: dict[str, Any] | str = ""
    max_input_length: int = 0
    max_client_batch_size: int | None = None


class Tei(Backend):
    title = "text-embeddings-inference"
    key_variable = "TEI_API_KEY"
    # It can be asked for what comes before its sigmoid.
    scale = LOGIT
    info_path = "/info"

    def told(self, body: Any, model: str) -> Told:
        info = Info.model_validate(body)
        kinds = {info.model_type} if isinstance(info.model_type, str) else info.model_type.keys()
        if kinds - {""} and not {kind.lower() for kind in kinds} & {"reranker", "classifier"}:
            raise BackendError(
                "This server serves {model} as {kind}, not as a reranker.", model=info.model_id, kind=", ".join(kinds)
            )
        if model and model != info.model_id:
            raise BackendError(
                "This server does not serve {model}; it serves {names}.", model=model, names=info.model_id
            )
        return Told(
            model=info.model_id,
            revision=info.model_sha or "",
            precision=PRECISION_OF.get(info.model_dtype, "unknown"),
            max_length=info.max_input_length,
            most=info.max_client_batch_size,
        )

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        return {"query": query, "texts": list(passages), "raw_scores": True, "truncate": True, "return_text": False}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        counted = headers.get("x-compute-tokens", "")
        return Answer(
            in_order(Ranks.model_validate(body).root, n), n_tokens=int(counted) if counted.isdigit() else None
        )
