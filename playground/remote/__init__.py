"""Models that run elsewhere, asked over HTTP: one file per kind of server."""

from __future__ import annotations

from typing import Final

# What stands before the first colon of such a model's id.
BACKENDS: Final[dict[str, str]] = {
    "tei": "playground.remote.tei:Tei",
    "infinity": "playground.remote.infinity:Infinity",
    "vllm": "playground.remote.vllm:Vllm",
    "llamacpp": "playground.remote.llamacpp:LlamaCpp",
    "cohere": "playground.remote.cohere:Cohere",
    "jina": "playground.remote.jina:Jina",
    "voyage": "playground.remote.voyage:Voyage",
    "hf": "playground.remote.hf:HuggingFace",
    "playground": "playground.remote.playground:Playground",
}
