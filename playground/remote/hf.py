"""Hugging Face Inference Providers: rerankers are served as classifiers of pairs, one label and its sigmoid.

Source: huggingface.co/docs/inference-providers, "Text Classification" and the provider "HF Inference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pydantic import RootModel

from playground.core.errors import BackendError
from playground.core.scales import SIGMOID
from playground.remote.backend import Answer, Backend, Shape


class Label(Shape):
    label: str
    score: float


class Labels(RootModel[list[list[Label]]]):
    pass


class HuggingFace(Backend):
    title = "Hugging Face Inference Providers"
    url = "https://router.huggingface.co"
    key_variable = "HF_TOKEN"
    scale = SIGMOID

    def place(self, model: str) -> str:
        return f"/hf-inference/models/{quote(model)}/pipeline/text-classification"

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        return {"inputs": [{"text": query, "text_pair": passage} for passage in passages], "truncation": True}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        found = Labels.model_validate(body).root
        if len(found) != n or any(len(labels) != 1 for labels in found):
            raise BackendError("It answered with other labels than one for each of the {n} passages it was sent.", n=n)
        return Answer(tuple(labels[0].score for labels in found))
