"""Local inference. Opening this room imports no torch: a family is imported when its first model loads."""

from __future__ import annotations

from typing import Final

FAMILIES: Final[dict[str, str]] = {
    "cross_encoder": "playground.models.cross_encoder:CrossEncoder",
    "causal_lm": "playground.models.causal_lm:CausalLM",
    "layerwise": "playground.models.layerwise:LayerWise",
    "seq2seq": "playground.models.seq2seq:Seq2Seq",
    "m3": "playground.models.m3:M3",
    "splade": "playground.models.splade:Splade",
    "colbert": "playground.models.colbert:ColBERT",
    "bi_encoder": "playground.models.bi_encoder:BiEncoder",
}
# What runs a cross-encoder in place of its family's class, by `#backend=` in the id.
BACKENDS: Final[dict[str, str]] = {"onnx": "playground.models.onnx_encoder:OnnxCrossEncoder"}
# Rerankers that read query and passage apart: their maximum length is that of each text.
READ_APART: Final = frozenset({"m3", "splade", "colbert"})
