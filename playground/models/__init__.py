"""Local inference. Opening this room imports no torch: a family is imported when its first model loads."""

from __future__ import annotations

from typing import Final

FAMILIES: Final[dict[str, str]] = {
    "cross_encoder": "playground.models.cross_encoder:CrossEncoder",
    "causal_lm": "playground.models.causal_lm:CausalLM",
    "layerwise": "playground.models.layerwise:LayerWise",
    "seq2seq": "playground.models.seq2seq:Seq2Seq",
    "bi_encoder": "playground.models.bi_encoder:BiEncoder",
}
