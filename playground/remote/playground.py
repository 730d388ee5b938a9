"""Another playground, started with `--api`: it says what its numbers are, and how much of each passage it read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from playground.core.scales import Scale, ScaleName
from playground.remote.backend import PRECISION_OF, Answer, Backend, Read, Scored, Shape, Told, Usage, in_order


class Ranked(Scored):
    score: float = Field(validation_alias="logit")
    shown: float = Field(validation_alias="relevance_score")
    tokens_read: int | None = None
    tokens_cut: int | None = None


class ScaleTold(Shape):
    name: ScaleName
    low: float | None = None
    high: float | None = None
    level: bool


class Reranked(Shape):
    model: str
    revision: str | None = None
    fingerprint: str = Field(min_length=1)
    precision: str = ""
    max_length: int = 0
    results: list[Ranked]
    scale: ScaleTold
    instruction: str = ""
    warnings: list[str] = Field(default_factory=list)
    usage: Usage | None = None


class Playground(Backend):
    title = "Rerank playground"
    # Not PLAYGROUND_API_KEY, which is what this one asks of others.
    key_variable = "PLAYGROUND_REMOTE_KEY"
    path = "/v1/rerank"
    info_path = "/v1/rerank"
    loads = True
    instructed = True

    def info_body(self, model: str) -> dict[str, Any]:
        """A pair of no interest: what a model is stands beside its scores."""
        return self.asked(model, "what is panda?", ["hi"], None)

    def told(self, body: Any, model: str) -> Told:
        found = Reranked.model_validate(body)
        scale = found.scale
        # What is shown is the raw output itself, or its sigmoid.
        plain = all(each.shown == each.score for each in found.results)
        return Told(
            # As it is asked for: without its revision another one might answer.
            model=f"{found.model}@{found.revision}" if found.revision else found.model,
            instruction=found.instruction,
            fingerprint=found.fingerprint,
            precision=PRECISION_OF.get(found.precision, "unknown"),
            max_length=found.max_length,
            scale=Scale(
                scale.name,
                -math.inf if scale.low is None else scale.low,
                math.inf if scale.high is None else scale.high,
                scale.level,
                "identity" if plain else "sigmoid",
            ),
        )

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        body: dict[str, Any] = {"model": model or None, "instruction": instruction}
        return {"query": query, "documents": list(passages)} | {
            name: value for name, value in body.items() if value is not None
        }

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        found = Reranked.model_validate(body)
        scores = in_order(found.results, n)
        reads = {each.index: Read(each.tokens_read, each.tokens_cut) for each in found.results}
        return Answer(
            scores,
            reads=tuple(reads[place] for place in range(n)),
            n_tokens=None if found.usage is None else found.usage.total_tokens,
            instruction=found.instruction,
            fingerprint=found.fingerprint,
            warnings=tuple(found.warnings),
        )
