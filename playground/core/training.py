"""A training on a visitor's labels: what is asked for, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from playground.core.types import Kind

Preset = Literal["quick", "careful"]
Negatives = Literal["set", "mined"]
Adapters = Literal["auto", "yes", "no"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the rows are learned.

    Attributes:
        epochs: how often each query is seen.
        max_length: tokens of query and passage together.
        group_size: passages of one query in one step: a relevant one, and others.
        step_time: of one step, where that of "quick" is 1.
    """

    epochs: int
    lr: float
    max_length: int
    group_size: int
    step_time: float = 1.0


# With 200 queries of MedQuAD, from the Mini reranker, `training presets` brought NDCG@10 of 100 others with "quick"
# from 0.790 to 0.927, from 0.810 to 0.916 and from 0.818 to 0.966, in 130 to 144 s of one core each. Four epochs in
# place of two brought no more from the weights before (+0.001, 95 % interval -0.017 to 0.020). "careful" ended where
# "quick" did (-0.001, -0.014 to 0.012, one draw) in six times the time and up to 4.4 GiB: it reads twice as far.
RECIPES: Mapping[Preset, Recipe] = MappingProxyType(
    {"quick": Recipe(2, 1e-4, 128, 4), "careful": Recipe(3, 5e-5, 256, 6, step_time=4.0)}
)
MOST_EPOCHS = 20
MOST_SEED = 2**31 - 1
ROWS_PER_STEP = 8
ADAPTER_RANK = 16
# Of the queries, for before and after.
DEV_SHARES = (0.2, 0.3, 0.5)
FEW_QUERIES = 50
LEAST_QUERIES = 10


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One query with its relevant passages and its negatives, `neg` judged and `mined` found by BM25."""

    query: str
    pos: tuple[str, ...]
    neg: tuple[str, ...]
    mined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A labelled set as rows to learn from and rows to measure on, no query on both sides.

    Attributes:
        warnings: English sentences.
    """

    train: tuple[TrainingRow, ...]
    dev: tuple[TrainingRow, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingAsk:
    """What was asked for, as it lies on the disk beside the rows.

    Attributes:
        base: id or folder, as typed; `base_kind`, `base_folder`, `adapters` and `revision` are known once it is found.
        set_id: of the set, so that a ready one has a name in each language; `set_name` is English for these.
        n_train, n_dev: queries.
        made: when, ISO 8601, UTC.
    """

    id: str
    owner: str
    name: str
    set_name: str
    base: str
    preset: Preset
    epochs: int
    seed: int
    negatives: Negatives
    adapters: Adapters
    n_train: int
    n_dev: int
    warnings: tuple[str, ...]
    made: str
    base_kind: Kind = "reranker"
    base_folder: str = ""
    device: str = "auto"
    revision: str | None = None
    set_id: str = ""


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """One point of the live curves: the loss, smoothed, and on some steps NDCG@10 of the dev queries."""

    step: int
    loss: float | None
    ndcg: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one dev query: NDCG@10 before and after, and the passage that came first."""

    query: str
    before: float
    after: float
    first_before: str
    first_after: str


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Before and after on the dev queries, and the threshold that they suggest.

    Attributes:
        verdict: as `analysis.paired` says it of after less before, in NDCG@10.
        low, high: the 95 % interval of the difference.
        changes: the queries that changed most.
        threshold: raw output; None where none is suggested, for the `reason`.
        device, precision, max_length: what both were run with; empty and 0 where an older record does not say it.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    verdict: str
    n_queries: int
    wins: int
    losses: int
    changes: tuple[Change, ...]
    threshold: float | None
    f1: float | None
    scale: str
    reason: str = ""
    fingerprint: str = ""
    device: str = ""
    precision: str = ""
    max_length: int = 0
