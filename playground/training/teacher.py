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

from playground.training import bi_encoder
from playground.training.base import batches
from playground.training.loop import settle_precision
from playground.training.output import weights_hash
from playground.training.rows import Row

Floats = NDArray[np.float64]
USUAL_LOG_LENGTH = 2.5  # of a query: 12 tokens
SHORTEST = 16  # tokens: nothing is gained by being shorter
RIDGE = 1e-3
ROWS_AT_ONCE = 256
GROUPS_AT_ONCE = 64  # rows whose token vectors are compared in one product
Asked = tuple[str, Sequence[str]]  # a query with its passages


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


class Read:
    """Texts as an embedder reads them.

    Attributes:
        place: of each text in the rest.
        pooled: (texts, dim), normalised means of the token vectors.
        words: (tokens of all texts, dim), normalised, without the special ones; none where `words` is not asked for.
        starts, lengths: (texts,), of each text in `words`.
    """

    def __init__(self, teacher: Teacher, texts: Sequence[str], *, words: bool = True) -> None:
        self.place = {text: at for at, text in enumerate(dict.fromkeys(texts))}
        tokens = teacher.tokenizer([*self.place], truncation=True, max_length=teacher.max_length, padding=False)
        ids: list[list[int]] = tokens["input_ids"]
        device, dim = teacher.model.device, teacher.model.config.hidden_size
        dtype = teacher.model.dtype if device.type == "cuda" else torch.float32
        # A text without any word piece keeps its special tokens.
        cut = [1 if len(each) > 2 else 0 for each in ids]
        lengths = torch.tensor([len(each) - 2 * edge for each, edge in zip(ids, cut, strict=True)])
        starts = lengths.cumsum(0) - lengths
        self.starts, self.lengths = starts.to(device), lengths.to(device)
        self.pooled = torch.empty(len(ids), dim, device=device, dtype=dtype)
        self.words = torch.empty(int(lengths.sum()) if words else 0, dim, device=device, dtype=dtype)
        edges = torch.tensor(cut, device=device)
        with torch.inference_mode():
            for part, inputs in batches(teacher.model, teacher.tokenizer, [{"input_ids": each} for each in ids]):
                places = torch.tensor(part, device=device)
                hidden = teacher.model(**inputs).last_hidden_state.to(dtype)
                mask = inputs["attention_mask"]
                mean = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
                self.pooled[places] = F.normalize(mean, dim=1)
                if not words:
                    continue
                column = torch.arange(hidden.shape[1], device=device)[None, :] - edges[places][:, None]
                real = (column >= 0) & (column < self.lengths[places][:, None])
                self.words[(self.starts[places][:, None] + column)[real]] = F.normalize(hidden[real], dim=1)

    def padded(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Token vectors (texts, longest, dim) and which of them are real (texts, longest)."""
        column = torch.arange(int(self.lengths[places].max()), device=places.device)[None, :]
        real = column < self.lengths[places][:, None]
        return self.words[(self.starts[places][:, None] + column).clamp(max=len(self.words) - 1)], real


class Teacher:
    """Args: folder or Hub id of an embedder with mean pooling; texts are read up to `max_length` tokens."""

    def __init__(self, folder: str, max_length: int, device: str = "cpu") -> None:
        self.model, self.tokenizer = bi_encoder.load(folder, None)
        # The third digit of a cosine is not worth half of a GPU's memory, or four fifths of a CPU's time.
        half = torch.float16 if device == "cuda" else torch.bfloat16
        exact = settle_precision("auto", device) == "fp32"
        self.model.to(device=torch.device(device), dtype=torch.float32 if exact else half)  # type: ignore[call-arg]
        self.fingerprint = weights_hash(folder) or folder
        self.max_length = max_length


def likeness(read: Read, groups: Sequence[Asked]) -> Iterator[Likeness]:
    """One for each query with its passages."""
    for at in range(0, len(groups), GROUPS_AT_ONCE):
        part = groups[at : at + GROUPS_AT_ONCE]
        sizes = [len(passages) for _, passages in part]
        device = read.words.device
        owner = torch.repeat_interleave(torch.arange(len(part)), torch.tensor(sizes)).to(device)
        asked = torch.tensor([read.place[query] for query, _ in part], device=device)
        told = torch.tensor([read.place[text] for _, passages in part for text in passages], device=device)
        (queries, meant), (passages, real) = read.padded(asked), read.padded(told)
        alike = queries[owner] @ passages.transpose(1, 2)  # (passages, query tokens, passage tokens)
        best = alike.masked_fill(~real[:, None, :], -1.0).amax(2).float()
        matched = (best * meant[owner]).sum(1) / read.lengths[asked][owner]
        cosine = (read.pooled[asked][owner] * read.pooled[told]).sum(1, dtype=torch.float32)
        together = torch.stack([cosine, matched, read.lengths[told].float()]).double().cpu().numpy()
        tokens = read.lengths[asked].tolist()
        for number, columns in enumerate(np.split(together, np.cumsum(sizes)[:-1], axis=1)):
            yield Likeness(columns[0], columns[1], columns[2], tokens[number])


def texts_of(rows: Sequence[Row]) -> list[str]:
    return [text for row in rows for text in (row.query, *row.pos, *row.neg)]


def asked_of(rows: Sequence[Row]) -> list[Asked]:
    return [(row.query, (*row.pos, *row.neg)) for row in rows]


def features(reads: Sequence[Read], groups: Sequence[Asked]) -> list[Floats]:
    """(passages, 4 * teachers + 1) for each query with its passages: of each teacher cosine and MaxSim, plain and times
    the query's log length; the passage's log length."""
    found: list[list[Floats]] = [[] for _ in groups]
    lengths: list[Floats] = []
    for read in reads:
        lengths = []
        for columns, alike in zip(found, likeness(read, groups), strict=True):
            long = np.log(max(alike.query_tokens, 1)) - USUAL_LOG_LENGTH
            columns += [alike.cosine, alike.matched, alike.cosine * long, alike.matched * long]
            lengths.append(alike.tokens)
    return [
        np.stack([*columns, np.log(np.maximum(tokens, SHORTEST))], axis=1)
        for columns, tokens in zip(found, lengths, strict=True)
    ]


class Readers:
    """Teachers over the texts of many rows: on a GPU each text is read once and kept (20 GiB of 140,000 texts at 768
    dimensions), on a CPU row by row, for a machine's memory is soon full."""

    def __init__(self, teachers: Sequence[Teacher], texts: Sequence[str]) -> None:
        self.teachers, self.texts = teachers, texts
        kept = teachers[0].model.device.type == "cuda"
        self.kept = [Read(teacher, texts) for teacher in teachers] if kept else []

    def features(self, rows: Sequence[Row]) -> Iterator[Floats]:
        """(passages, 4 * teachers + 1) of each row."""
        if self.kept:
            yield from features(self.kept, asked_of(rows))
            return
        for at in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[at : at + ROWS_AT_ONCE]
            yield from features([Read(teacher, texts_of(part)) for teacher in self.teachers], asked_of(part))

    def with_scores(self, fitted: Fit, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows with the teachers' logits."""
        for row, each in zip(rows, self.features(rows), strict=True):
            logits = [round(float(logit), 3) for logit in fitted.logits(each)]
            n = len(row.pos)
            yield replace(row, pos_scores=tuple(logits[:n]), neg_scores=tuple(logits[n:]))

    def nearest(self, queries: Sequence[str], passages: Sequence[str], n: int) -> Iterator[list[int]]:
        """Places of the `n` passages nearest to each query by the first teacher's cosine."""
        read = self.kept[0] if self.kept else Read(self.teachers[0], [*queries, *passages], words=False)
        pool = read.pooled[[read.place[text] for text in passages]]
        asked = read.pooled[[read.place[text] for text in queries]]
        for part in torch.split(asked, 1024):
            yield from (part @ pool.T).topk(min(n, len(passages)), dim=1).indices.tolist()


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
