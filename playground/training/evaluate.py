"""Dev and foreign figures of a reranker or embedder, beside BM25 and any other model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.training.loop import PAD_TO
from playground.training.rows import Row

Scores = list[NDArray[np.float64]]


def score_rows(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, tokens: int = 8192
) -> Scores:
    """A cross-encoder's logits for each row's positives then negatives, in the model's own precision."""
    from playground.training.cross_encoder import encode_pairs

    queries = [row.query for row in rows for _ in (*row.pos, *row.neg)]
    passages = [text for row in rows for text in (*row.pos, *row.neg)]
    pairs = encode_pairs(tokenizer, queries, passages, max_length)
    order = sorted(range(len(pairs)), key=lambda i: -len(pairs[i]["input_ids"]))
    flat, device = np.zeros(len(pairs)), next(model.parameters()).device
    model.train(False)
    at = 0
    while at < len(order):
        part = order[at : at + max(1, tokens // len(pairs[order[at]]["input_ids"]))]
        inputs = tokenizer.pad([pairs[i] for i in part], pad_to_multiple_of=PAD_TO, return_tensors="pt").to(device)
        with torch.inference_mode():
            flat[part] = model(**inputs).logits.view(-1).float().cpu().numpy()
        at += len(part)
    return split(flat, rows)


def split(flat: NDArray[np.float64], rows: Sequence[Row]) -> Scores:
    """One flat array as one array a row."""
    ends = np.cumsum([len(row.pos) + len(row.neg) for row in rows])
    return np.split(flat, ends[:-1])


def figures_of(rows: Sequence[Row], scores: Scores) -> dict[str, float]:
    """MRR@10, NDCG@10 (binary labels) and average precision over all pairs pooled; ties cost the positive."""
    reciprocal, gains, labels = [], [], []
    for row, values in zip(rows, scores, strict=True):
        relevant = np.arange(len(values)) < len(row.pos)
        labels.append(relevant)
        # Negatives first, then a stable sort: among equals, the positive comes last.
        turned = np.concatenate([np.flatnonzero(~relevant), np.flatnonzero(relevant)])
        ranked = relevant[turned[np.argsort(-values[turned], kind="stable")]][:10]
        places = np.flatnonzero(ranked)
        reciprocal.append(1.0 / (places[0] + 1) if len(places) else 0.0)
        ideal = (1.0 / np.log2(np.arange(2, min(10, len(row.pos)) + 2))).sum()
        gains.append((1.0 / np.log2(places + 2)).sum() / ideal)
    pooled = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    return {"mrr@10": float(np.mean(reciprocal)), "ndcg@10": float(np.mean(gains)), "ap": float(pooled)}
