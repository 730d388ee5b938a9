"""Results made by hand, for the figures to draw."""

from collections.abc import Sequence

from playground.core.scales import LOGIT, Scale
from playground.core.types import ModelSpec, Passage, RerankRequest, RerankResult, ScoredPassage

SPEC = ModelSpec("m", None, "f", "reranker", "cross-encoder", "Bert", "cpu", "fp32", 512, "only_second", 1)


def result_of(logits: Sequence[float], texts: Sequence[str] = (), scale: Scale = LOGIT) -> RerankResult:
    """The passages with these raw outputs, in input order, ranked best first."""
    passages = tuple(Passage(str(n), texts[n] if n < len(texts) else f"passage {n}") for n in range(len(logits)))
    order = sorted(range(len(logits)), key=lambda index: (-logits[index], index))
    scored = tuple(
        ScoredPassage(
            passages[index],
            index,
            1 + sum(other > logits[index] for other in logits),
            list(logits).count(logits[index]) > 1,
            logits[index],
            scale.display(logits[index]),
            n_tokens=7,
            n_cut=index,
            n_chars_read=5,
        )
        for index in order
    )
    return RerankResult(RerankRequest("q", passages), SPEC, scale, scored, (), 0.1, 70, 0)
