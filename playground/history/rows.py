"""What the history hands out: lines of its lists, one whole run, and how much there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from playground.core.scales import Scale
from playground.core.types import ModelSpec


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the list shows it.

    Attributes:
        id: unguessable (128 random bits), so that a link holding it is also the permission to open it.
        number: place in the order of saving; with `created_at` it fixes the place in the list.
        created_at: when the run was made, aware, UTC.
        model_id, revision, precision, device: as run; empty or None where the manifest does not say.
        top: the first 300 characters of the best passage; empty where nothing was scored.
        deleted: in the bin, and can still be restored.
    """

    id: str
    number: int
    created_at: datetime
    query: str
    n_passages: int
    model_id: str
    revision: str | None
    precision: str
    device: str
    top: str
    starred: bool
    note: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class Run(RunRow):
    """One run with everything needed to show it again.

    Attributes:
        manifest: exactly what was saved, key order and floats included.
    """

    manifest: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SetRow:
    """One labelled set as the list shows it.

    Attributes:
        created_at: when it was saved, aware, UTC.
        n_pairs: with those that nobody labelled.
        n_relevant, n_not, n_unsure: pairs by their label of now.
    """

    id: str
    name: str
    created_at: datetime
    n_queries: int
    n_pairs: int
    n_relevant: int
    n_not: int
    n_unsure: int


@dataclass(frozen=True, slots=True)
class ScorerRow:
    """What scored a labelled set, wholly or in part.

    Attributes:
        key: `scorer_key` of the next three.
        instruction: what went before the queries; empty where nothing did.
        n_scored: pairs of the set that have a score.
        scored_at: when the last of them came in, aware, UTC.
    """

    key: str
    spec: ModelSpec
    scale: Scale
    instruction: str
    n_scored: int
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of each kind: what somebody keeps, or what an import added to it.

    Attributes:
        labels: unsure ones included.
        scores: that models gave to pairs of a query and a passage.
    """

    runs: int
    labels: int
    sets: int
    scores: int
    thresholds: int
