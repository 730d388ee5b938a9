"""The card (README.md) of a model that was trained here, from what was asked for and measured: no figure is typed."""

from __future__ import annotations

from playground.core.training import RECIPES, TrainingAsk, TrainingResult

VERDICTS = {"better": "better", "worse": "worse", "same": "the same"}

CARD = """\
---
library_name: sentence-transformers
pipeline_tag: text-ranking
---
# {name}

A reranker, trained in the rerank playground on labels of the set "{set_name}". One output: a logit; more is more
relevant. Above 0 it leans to "relevant"; the sigmoid of the logit is no probability.

- **Base**: {base}
- **Data**: {n_train} queries to learn from and {n_dev} others to measure on, split by query (seed {seed}). {negatives}
- **Training**: preset "{preset}", {epochs} passes over the queries, at most {max_length} tokens, {weights}. Settings,
  hashes and the curve are in `training.json`.
- **Licence**: that of the base holds for these weights, and that of the labelled texts may; the playground adds none.
  Ask who owns the texts before you give the model away.

## Before and after

{figures}

## Use

```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("path/of/this/folder", activation_fn=torch.nn.Identity())  # logits; import torch first
model.predict([("query", "passage")])
```

```python
from FlagEmbedding import FlagReranker

FlagReranker("path/of/this/folder").compute_score([["query", "passage"]])
```
"""
FIGURES = """\
Mean NDCG@10 over the {n} dev queries: {before:.3f} with the base, {after:.3f} with this model; the difference is
{difference:+.3f}, with a 95 % interval from {low:+.3f} to {high:+.3f} (paired bootstrap over queries): {verdict}.
{alike}{threshold}"""
ALIKE = """\
Both were run in {precision} on {device} and read at most {max_length} tokens of query and passage together.
"""
THRESHOLD = """\
Suggested threshold: {value:.4g} on the {scale} (F1 {f1:.3f} on the same dev queries, so a little rosy). It holds for
this model only."""


def card(ask: TrainingAsk, result: TrainingResult | None, warning: str) -> str:
    """The text; without figures where nothing was measured yet."""
    mined = "Passages of other queries, found by BM25 and judged by nobody, are among the negatives."
    said = [warning, *ask.warnings] if warning else list(ask.warnings)
    return CARD.format(
        name=ask.name,
        set_name=ask.set_name,
        base=ask.base,
        n_train=ask.n_train,
        n_dev=ask.n_dev,
        seed=ask.seed,
        negatives=mined if ask.negatives == "mined" else "",
        preset=ask.preset,
        epochs=ask.epochs,
        max_length=RECIPES[ask.preset].max_length,
        weights="LoRA adapters, merged into the weights" if ask.adapters == "yes" else "all layers",
        figures="\n".join([_figures(result), *(f"\n- {each}" for each in said)]),
    )


def _figures(result: TrainingResult | None) -> str:
    if result is None:
        return "Not measured yet."
    threshold = (
        result.reason
        if result.threshold is None
        else THRESHOLD.format(value=result.threshold, scale=result.scale, f1=result.f1 or 0.0)
    )
    return FIGURES.format(
        n=result.n_queries,
        before=result.before,
        after=result.after,
        difference=result.difference,
        low=result.low,
        high=result.high,
        verdict=VERDICTS.get(result.verdict, "too small to tell"),
        alike=ALIKE.format(precision=result.precision, device=result.device, max_length=result.max_length)
        if result.max_length
        else "",
        threshold=threshold,
    )
