"""Dev and foreign figures of a reranker or embedder, beside BM25 and any other model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.analysis.quality import Candidates, Counting, defined, measure_lists
from playground.training.loop import PAD_TO
from playground.training.rows import Row

# Ties cost the positive: a model that gives every passage the same score gains nothing by it.
COUNTING: Counting = "mteb-v2"

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
    lists, labels = [], []
    for row, values in zip(rows, scores, strict=True):
        relevant = np.arange(len(values)) < len(row.pos)
        labels.append(relevant)
        ids = tuple(str(place) for place in range(len(values)))
        lists.append(Candidates(ids, relevant.astype(np.int64), np.asarray(values, dtype=np.float64)))
    measured = [query.values for query in measure_lists(lists, defined(COUNTING), COUNTING)]
    pooled = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    return {key: float(np.mean([row[key] for row in measured])) for key in ("mrr@10", "ndcg@10")} | {
        "ap": float(pooled)
    }
