"""Results made by hand, for the numbers about them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from playground.core.scales import LOGIT, Scale
from playground.core.types import EncodedPair, ModelSpec, Passage, RerankRequest, RerankResult
from playground.engine.ranking import ranked

SPEC = ModelSpec(
    "maker/one", "c0ffee1234", "f1", "reranker", "cross-encoder", "Bert", "cpu", "fp32", 512, "only_second", 1
)

PAIR = EncodedPair((1, 2, 3), None, n_tokens=1, n_cut=0, n_chars_read=4)


def result_of(
    scores: Sequence[float | None], *, texts: Sequence[str] = (), scale: Scale = LOGIT, query: str = "q", **spec: Any
) -> RerankResult:
    """Passages `text 1`, `text 2`, ... (or `texts`) with these raw outputs; None was never scored."""
    found = texts or [f"text {n}" for n in range(1, len(scores) + 1)]
    passages = tuple(Passage(str(n), text) for n, text in enumerate(found, start=1))
    logits = {index: score for index, score in enumerate(scores) if score is not None}
    scored = ranked(passages, [PAIR] * len(passages), logits, scale)
    missing = tuple(index for index, score in enumerate(scores) if score is None)
    return RerankResult(RerankRequest(query, passages), replace(SPEC, **spec), scale, scored, missing, 0.1, 9, 0)
