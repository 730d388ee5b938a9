"""A late-interaction teacher out of an embedder: cosine plus mean MaxSim of its token vectors, mapped to one logit.

Nothing is trained: the embedder's own token vectors, matched one by one, order passages better than its pooled vector
alone. MaxSim favours long passages, which offer a match for every word, so the logarithm of the length is taken off.
NDCG@10 of cosine and of this on 88 queries of the five sets to choose on: Wikipedia 0.931 and 0.977, web searches 0.938
and 0.979, consumers 0.775 and 0.789, long descriptions 0.865 and 0.925, textbooks 0.532 and 0.555. These are figures of
a selection: `LENGTH_WEIGHT` and the formula were chosen in a grid on these same 88 queries, nothing was held out, and
the grid did not count texts under `SHORTEST` tokens as that many.
Source of MaxSim: Khattab and Zaharia 2020, "ColBERT".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from playground.training import bi_encoder
from playground.training.base import batches
from playground.training.output import weights_hash
from playground.training.rows import Row

Likeness = NDArray[np.float64]
FITTED_ON = 160  # labelled rows
LENGTH_WEIGHT, SHORTEST = 0.1, 16  # nothing is gained by being shorter than this many tokens


@dataclass(frozen=True, slots=True)
class Fit:
    """logit = slope * likeness + offset."""

    slope: float
    offset: float

    def logits(self, likeness: Likeness) -> Likeness:
        return np.asarray(self.slope * likeness + self.offset)


class Teacher:
    """Args: folder or Hub id of an embedder with mean pooling; texts are read up to `max_length` tokens."""

    def __init__(self, folder: str, max_length: int) -> None:
        self.model, self.tokenizer = bi_encoder.load(folder, None)
        self.fingerprint = weights_hash(folder) or folder
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

    def likeness(self, groups: Sequence[tuple[str, Sequence[str]]]) -> list[Likeness]:
        """(passages,) for each query with its passages."""
        found = self.vectors([text for query, passages in groups for text in (query, *passages)])
        return [np.asarray([likeness(found[query], found[text]) for text in passages]) for query, passages in groups]


def likeness(query: tuple[Tensor, Tensor], passage: tuple[Tensor, Tensor]) -> float:
    """Cosine, plus MaxSim, less the length's share; of two (pooled vector, token vectors)."""
    cosine = float(query[0] @ passage[0])
    nearest = float((query[1] @ passage[1].T).max(1).values.mean())
    return cosine + nearest - LENGTH_WEIGHT * math.log(max(len(passage[1]), SHORTEST))


def fit(groups: Sequence[Likeness], n_positives: Sequence[int]) -> Fit:
    """The slope under which a softmax over each row best finds its positives (they come first), then the level."""

    def loss(slope: float) -> float:
        lost = [
            logsumexp(slope * each) - logsumexp(slope * each[:n]) for each, n in zip(groups, n_positives, strict=True)
        ]
        return float(np.mean(lost))

    slope = float(minimize_scalar(loss, bounds=(1.0, 40.0), method="bounded").x)
    labels = [place < n for each, n in zip(groups, n_positives, strict=True) for place in range(len(each))]
    level = LogisticRegression(C=1e3, class_weight="balanced").fit(slope * np.concatenate(groups)[:, None], labels)
    return Fit(slope, float(level.intercept_[0] / level.coef_[0, 0]))


def fitted(teacher: Teacher, rows: Sequence[Row], path: Path, say: Callable[[str], None] = print) -> Fit:
    """The fit that a run began with, from `path`; where it is absent, broken or another teacher's, a new one."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held.pop("teacher", None) == teacher.fingerprint:
            return Fit(**held)
    except (OSError, ValueError, TypeError, AttributeError):
        pass
    part = rows[:FITTED_ON]
    groups = teacher.likeness([(row.query, (*row.pos, *row.neg)) for row in part])
    found = fit(groups, [len(row.pos) for row in part])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"teacher": teacher.fingerprint, **asdict(found)}), encoding="utf-8")
    draft.replace(path)
    say(f"teacher: logit = {found.slope:.2f} likeness {found.offset:+.2f}")
    return found
