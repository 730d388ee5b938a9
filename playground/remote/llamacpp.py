"""llama.cpp's server with `--rerank`. It gives what the classifier's head gives, without a sigmoid.

Source: llama.cpp, `tools/server/README.md`, "POST /reranking".
"""

from __future__ import annotations

from typing import Any

from playground.core.scales import LOGIT
from playground.remote.backend import Backend, Told, listed


class LlamaCpp(Backend):
    title = "llama.cpp"
    key_variable = "LLAMA_API_KEY"
    scale = LOGIT
    path = "/v1/rerank"
    info_path = "/v1/models"

    def told(self, body: Any, model: str) -> Told:
        return listed(body, model)
