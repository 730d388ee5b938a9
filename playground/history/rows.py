"""What the history hands out: one line of the list, and one whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


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
