"""A late-interaction teacher out of an embedder: cosine and mean MaxSim of its token vectors, mapped to one logit.

Nothing is trained: the embedder's own token vectors, matched one by one, order passages far better than its pooled
vector does on questions with a short answer in a long text, and about as well elsewhere.
Source of MaxSim: Khattab and Zaharia 2020, "ColBERT".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from playground.training import bi_encoder
from playground.training.base import batches
from playground.training.rows import Row

Features = NDArray[np.float64]
FITTED_ON = 240  # labelled rows
RIDGE = 1e-5


@dataclass(frozen=True, slots=True)
class Fit:
    """logit = slopes . (cosine, MaxSim) + offset."""

    slopes: tuple[float, float]
    offset: float

    def logits(self, features: Features) -> NDArray[np.float64]:
        return np.asarray(features @ np.asarray(self.slopes) + self.offset)


class Teacher:
    """Args: folder or Hub id of an embedder with mean pooling; texts are read up to `max_length` tokens."""

    def __init__(self, folder: str, max_length: int) -> None:
        self.model, self.tokenizer = bi_encoder.load(folder, None)
        self.max_length = max_length

    def vectors(self, texts: Sequence[str]) -> dict[str, tuple[Tensor, Tensor]]:
        """Each text's pooled vector (dim,) and token vectors (tokens, dim) without the special ones, normalised."""
        unique = list(dict.fromkeys(texts))
        ids = self.tokenizer(unique, truncation=True, max_length=self.max_length, padding=False)["input_ids"]
        found: dict[str, tuple[Tensor, Tensor]] = {}
        with torch.inference_mode():
            for part, inputs in batches(self.model, self.tokenizer, [{"input_ids": each} for each in ids]):
                hidden = self.model(**inputs).last_hidden_state
                for row, place in enumerate(part):
                    tokens = hidden[row, : len(ids[place])]
                    # A text without any word piece keeps its special tokens.
                    words = tokens[1:-1] if len(tokens) > 2 else tokens
                    found[unique[place]] = (F.normalize(tokens.mean(0), dim=0), F.normalize(words, dim=1).clone())
        return found

    def features(self, groups: Sequence[tuple[str, Sequence[str]]]) -> list[Features]:
        """(passages, 2) for each query with its passages: cosine and MaxSim."""
        found = self.vectors([text for query, passages in groups for text in (query, *passages)])
        out = []
        for query, passages in groups:
            pooled, words = found[query]
            rows = [
                (float(pooled @ found[text][0]), float((words @ found[text][1].T).max(1).values.mean()))
                for text in passages
            ]
            out.append(np.asarray(rows))
        return out


def fit(teacher: Teacher, rows: Sequence[Row]) -> Fit:
    """Slopes that order each labelled row best, then the offset of the level."""
    part = rows[:FITTED_ON]
    return fit_features(
        teacher.features([(row.query, (*row.pos, *row.neg)) for row in part]), [len(row.pos) for row in part]
    )


def fit_features(groups: Sequence[Features], n_positives: Sequence[int]) -> Fit:
    """A conditional logit: within each row, whose positives come first. No slope is negative.

    A regression on pooled pairs would not do: MaxSim stands higher for some kinds of query than for others, whatever
    the passage, and its slope came out negative.
    """

    def loss(slopes: NDArray[np.float64]) -> float:
        logits = [features @ slopes for features in groups]
        lost = [logsumexp(each) - logsumexp(each[:n]) for each, n in zip(logits, n_positives, strict=True)]
        return float(np.mean(lost)) + RIDGE * float(slopes @ slopes)

    slopes = minimize(loss, np.full(2, 10.0), bounds=[(0.0, None)] * 2).x
    labels = [place < n for features, n in zip(groups, n_positives, strict=True) for place in range(len(features))]
    level = LogisticRegression(C=1e3, class_weight="balanced").fit((np.concatenate(groups) @ slopes)[:, None], labels)
    # The level alone: the slopes' own scale is what a softmax over one row's passages needs.
    return Fit((float(slopes[0]), float(slopes[1])), float(level.intercept_[0] / level.coef_[0, 0]))


def fitted(teacher: Teacher, rows: Sequence[Row], path: Path, say: Callable[[str], None] = print) -> Fit:
    """The fit that a run began with, from `path`, or a new one that is written there."""
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Fit((kept["slopes"][0], kept["slopes"][1]), kept["offset"])
    found = fit(teacher, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"slopes": found.slopes, "offset": found.offset}), encoding="utf-8")
    say(f"teacher: logit = {found.slopes[0]:.2f} cosine + {found.slopes[1]:.2f} MaxSim {found.offset:+.2f}")
    return found
