"""Earlier runs, to be laid beside a comparison of the same passages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playground.core.errors import PlaygroundError
from playground.core.types import Comparison, ModelRun, RerankRequest
from playground.engine import comparison_record as comparisons
from playground.engine.manifest import from_manifest
from playground.history.rows import Run
from playground.history.store import HistoryStore
from playground.ui.components.model_choices import model_name

MAX_LOOKED_AT = 200
MAX_OFFERED = 12


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run beside a newer comparison.

    Attributes:
        both: the newer one's runs, then the earlier one's.
        record: of the earlier one.
        since: when it was made.
    """

    comparison: Comparison
    both: Comparison
    record: Mapping[str, object]
    since: str


def as_comparison(record: Mapping[str, object]) -> Comparison:
    """A saved comparison, or a saved run of one model as a comparison of one.

    Raises:
        InvalidInput: the record is damaged or newer than this program.
    """
    if comparisons.is_comparison(record):
        return comparisons.from_manifest(record)
    result, choice = from_manifest(record)
    return Comparison(result.request, (ModelRun(choice, result),))


def beside(new: Comparison, run: Run) -> EarlierRun:
    """The earlier run beside the newer comparison.

    Raises:
        InvalidInput: it has other passages, or its record is damaged.
    """
    old = as_comparison(run.manifest)
    since = run.created_at.strftime("%Y-%m-%d %H:%M UTC")
    return EarlierRun(old, comparisons.beside(new, old), run.manifest, since)


def earlier_runs(
    store: HistoryStore, owner: str, request: RerankRequest, own: str | None
) -> tuple[Mapping[str, object], ...]:
    """The newest runs of exactly these passages, as the page lists them.

    Args:
        own: the run on the page, which is not offered to itself.

    Raises:
        HistoryError: the file cannot be read.
    """
    wanted = [(passage.id, passage.text) for passage in request.passages]
    found: list[Mapping[str, object]] = []
    for row in store.search(owner, limit=MAX_LOOKED_AT):
        if len(found) == MAX_OFFERED:
            break
        if row.n_passages != len(wanted) or row.id == own:
            continue
        try:
            record = store.get(row.id, owner).manifest
            passages = as_comparison(record).request.passages
        except PlaygroundError:
            continue
        if [(passage.id, passage.text) for passage in passages] == wanted:
            models = ", ".join(model_name(model) for model in row.model_id.split(" + "))
            found.append({"id": row.id, "created": row.created_at.isoformat(), "models": models, "query": row.query})
    return tuple(found)
