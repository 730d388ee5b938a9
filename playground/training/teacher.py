"""A teacher out of embedders: cosine and late interaction (MaxSim) of each, weighed by labelled rows.

Nothing of the embedders is trained. How much the pooled vector and how much single words say differs with the length of
query and passage, so the weights are fitted on labelled rows of every kind, each kind counting alike; what is fitted is
one weight a feature (nine for two embedders), not a network.
Source of MaxSim: Khattab and Zaharia 2020, "ColBERT".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from playground.training import bi_encoder
from playground.training.base import batches
from playground.training.output import weights_hash
from playground.training.rows import Row

Floats = NDArray[np.float64]
USUAL_LOG_LENGTH = 2.5  # of a query: 12 tokens
SHORTEST = 16  # tokens: nothing is gained by being shorter
RIDGE = 1e-3
GROUPS_AT_ONCE = 64  # rows whose token vectors are compared in one product
ROWS_AT_ONCE = {"cpu": 256, "cuda": 1_000_000}  # rows whose token vectors are held at once: 20 GiB of 140,000 texts


@dataclass(frozen=True, slots=True)
class Likeness:
    """A query beside its passages.

    Attributes:
        cosine, matched, tokens: (passages,); `matched` is the mean over the query's tokens of the best cosine with a
            token of the passage.
    """

    cosine: Floats
    matched: Floats
    tokens: Floats
    query_tokens: int


@dataclass(frozen=True, slots=True)
class Fit:
    """logit = features @ weights + offset."""

    weights: tuple[float, ...]
    offset: float

    def logits(self, features: Floats) -> Floats:
        return np.asarray(features @ np.asarray(self.weights) + self.offset)


class Teacher:
    """Args: folder or Hub id of an embedder with mean pooling; texts are read up to `max_length` tokens."""

    def __init__(self, folder: str, max_length: int, device: str = "cpu") -> None:
        self.model, self.tokenizer = bi_encoder.load(folder, None)
        # On a GPU the third digit of a cosine is not worth half of the memory.
        self.model.to(device=torch.device(device), dtype=torch.float16 if device == "cuda" else None)
        self.fingerprint = weights_hash(folder) or folder
        self.max_length = max_length

    def encode(self, texts: Sequence[str]) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Each text's pooled vector (dim,) and token vectors (tokens, dim) without the special ones, normalised."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=self.max_length, padding=False)["input_ids"]
        with torch.inference_mode():
            for part, inputs in batches(self.model, self.tokenizer, [{"input_ids": each} for each in ids]):
                hidden = self.model(**inputs).last_hidden_state
                mask = inputs["attention_mask"].unsqueeze(-1)
                pooled = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
                tokens = F.normalize(hidden, dim=2)
                for row, place in enumerate(part):
                    n = len(ids[place])
                    # A text without any word piece keeps its special tokens.
                    words = tokens[row, 1 : n - 1] if n > 2 else tokens[row, :n]
                    yield texts[place], pooled[row], words.clone()

    def pooled(self, texts: Sequence[str]) -> Tensor:
        """(texts, dim), normalised."""
        found = {text: vector for text, vector, _ in self.encode(texts)}
        return torch.stack([found[text] for text in texts])

    def likeness(self, groups: Sequence[tuple[str, Sequence[str]]]) -> list[Likeness]:
        """One for each query with its passages."""
        texts = list(dict.fromkeys(text for query, passages in groups for text in (query, *passages)))
        found = {text: (pooled, words) for text, pooled, words in self.encode(texts)}
        out = []
        for at in range(0, len(groups), GROUPS_AT_ONCE):
            part = groups[at : at + GROUPS_AT_ONCE]
            flat = [found[text] for _, passages in part for text in passages]
            sizes = [len(passages) for _, passages in part]
            owner = torch.repeat_interleave(torch.arange(len(part)), torch.tensor(sizes)).to(flat[0][0].device)
            queries = [found[query] for query, _ in part]
            asked = pad_sequence([words for _, words in queries], batch_first=True)
            told = pad_sequence([words for _, words in flat], batch_first=True)
            lengths = torch.tensor([len(words) for _, words in flat], device=told.device)
            asked_lengths = torch.tensor([len(words) for _, words in queries], device=told.device)
            alike = asked[owner] @ told.transpose(1, 2)  # (passages, query tokens, passage tokens)
            beyond = torch.arange(told.shape[1], device=told.device)[None, :] >= lengths[:, None]
            best = alike.masked_fill(beyond[:, None, :], -1.0).amax(2).float()
            real = torch.arange(asked.shape[1], device=told.device)[None, :] < asked_lengths[owner][:, None]
            matched = (best * real).sum(1) / asked_lengths[owner]
            cosines = (
                torch.stack([pooled for pooled, _ in queries])[owner] * torch.stack([pooled for pooled, _ in flat])
            ).sum(1, dtype=torch.float32)
            together = torch.stack([cosines, matched, lengths.float()]).double().cpu().numpy()
            for number, columns in enumerate(np.split(together, np.cumsum(sizes)[:-1], axis=1)):
                out.append(Likeness(columns[0], columns[1], columns[2], len(queries[number][1])))
        return out


def features(teachers: Sequence[Teacher], groups: Sequence[tuple[str, Sequence[str]]]) -> list[Floats]:
    """(passages, 4 * teachers + 1) for each query with its passages: of each teacher cosine and MaxSim, plain and times
    the query's log length; the passage's log length."""
    found: list[list[Floats]] = [[] for _ in groups]
    lengths: list[Floats] = []
    for teacher in teachers:
        lengths = []
        for columns, alike in zip(found, teacher.likeness(groups), strict=True):
            long = np.log(max(alike.query_tokens, 1)) - USUAL_LOG_LENGTH
            columns += [alike.cosine, alike.matched, alike.cosine * long, alike.matched * long]
            lengths.append(alike.tokens)
    return [
        np.stack([*columns, np.log(np.maximum(tokens, SHORTEST))], axis=1)
        for columns, tokens in zip(found, lengths, strict=True)
    ]


def fit(kinds: Sequence[Sequence[Row]], made: Sequence[Sequence[Floats]]) -> Fit:
    """The weights under which a softmax over each row best finds its positives (they come first), then the level.

    Args:
        kinds, made: labelled rows by kind with their features; each kind counts alike.
    """
    rows = [
        (len(row.pos), each)
        for part, found in zip(kinds, made, strict=True)
        for row, each in zip(part, found, strict=True)
    ]
    share = np.concatenate([np.full(len(part), 1 / len(part) / len(kinds)) for part in kinds])
    scale = np.concatenate([each for _, each in rows]).std(0) + 1e-9

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = RIDGE * float(weights @ weights), 2 * RIDGE * weights
        for weight, (n, each) in zip(share, rows, strict=True):
            scaled = each / scale
            scores = scaled @ weights
            every, relevant = logsumexp(scores), logsumexp(scores[:n])
            total += weight * (every - relevant)
            slope = slope + weight * (np.exp(scores - every) @ scaled - np.exp(scores[:n] - relevant) @ scaled[:n])
        return float(total), slope

    weights = minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B").x / scale
    scores = np.concatenate([each @ weights for _, each in rows])
    labels = np.concatenate([np.arange(len(each)) < n for n, each in rows])
    level = LogisticRegression(C=1e3, class_weight="balanced").fit(scores[:, None], labels)
    return Fit(tuple(float(weight) for weight in weights), float(level.intercept_[0] / level.coef_[0, 0]))


def score(teachers: Sequence[Teacher], fitted: Fit, rows: Sequence[Row], device: str) -> Iterator[Row]:
    """The rows with the teachers' logits."""
    for at in range(0, len(rows), ROWS_AT_ONCE[device]):
        part = rows[at : at + ROWS_AT_ONCE[device]]
        found = features(teachers, [(row.query, (*row.pos, *row.neg)) for row in part])
        for row, each in zip(part, found, strict=True):
            logits = [round(float(logit), 3) for logit in fitted.logits(each)]
            n = len(row.pos)
            yield replace(row, pos_scores=tuple(logits[:n]), neg_scores=tuple(logits[n:]))


def nearest(teacher: Teacher, queries: Sequence[str], passages: Sequence[str], n: int) -> list[list[int]]:
    """Places of the `n` passages nearest to each query by cosine."""
    pool, asked = teacher.pooled(passages), teacher.pooled(queries)
    found: list[list[int]] = []
    for part in torch.split(asked, 1024):
        found += (part @ pool.T).topk(min(n, len(passages)), dim=1).indices.tolist()
    return found
