"""What the strip draws: the visitor's sets, what is in the one in view, and whose scores it has."""

from __future__ import annotations

from playground.core.labels import UNSURE
from playground.history.rows import ScorerRow
from playground.inputs import labelled_sets, ready_sets
from playground.models import bm25
from playground.ui import texts
from playground.ui.components.model_choices import any_choices
from playground.ui.components.readings import windows_phrase
from playground.ui.services import Services
from playground.ui.views.threshold.labelled_set_in_view import MINE, PAGE, READY, Selection, SetInView
from playground.ui.views.threshold.scoring_progress import scorer_name
from playground.ui.wiring import Caller


def bar_payload(services: Services, caller: Caller, selection: Selection, in_view: SetInView) -> dict[str, object]:
    """What the strip draws.

    Raises:
        HistoryError: the database cannot be read.
    """
    counts = in_view.labelled.counts()
    judged = {grade: n for grade, n in counts.items() if grade is not None and grade != UNSURE}
    relevant = sum(n for grade, n in judged.items() if grade >= selection.relevant_from)
    busy = any(job.active and job.set_id == selection.set_id for job in services.jobs.of(caller.owner))
    return {
        "sets": _sets(services, caller),
        "set": selection.set_id,
        "stored": selection.set_id not in READY,
        "name": in_view.labelled.name,
        "facts": {
            "queries": len(in_view.labelled.queries),
            "pairs": in_view.labelled.n_pairs,
            "relevant": relevant,
            "not": sum(judged.values()) - relevant,
            "unsure": counts[UNSURE],
            "none": counts[None],
        },
        "graded": any(grade > 1 for grade in judged),
        "from": selection.relevant_from,
        "scorers": [_scorer(row) for row in in_view.scorers],
        "scorer": in_view.shown.key if in_view.shown is not None else "",
        "busy": busy,
        "choices": [{"value": value, "label": label} for label, value in any_choices(services)],
        "first": services.first_model,
        "kinds": list(labelled_sets.KINDS),
    }


def _sets(services: Services, caller: Caller) -> list[dict[str, object]]:
    examples = map(ready_sets.load, ready_sets.NAMES)
    ready: list[dict[str, object]] = [
        *({"id": each.id, "queries": len(each.queries), "pairs": each.n_pairs} for each in examples),
        {"id": MINE, "pairs": services.history.labels.count(caller.owner)},
        {"id": PAGE},
    ]
    rows = services.history.sets.list(caller.owner)
    for row in rows:
        ready.append({"id": row.id, "name": row.name, "queries": row.n_queries, "pairs": row.n_pairs})
    return ready


def _scorer(row: ScorerRow) -> dict[str, object]:
    spec = row.spec
    return {
        "key": row.key,
        "name": scorer_name(spec),
        "file": spec.family == "file",
        "device": spec.device,
        "precision": "" if spec.model_id == bm25.MODEL_ID or spec.family == "file" else spec.precision,
        "max_length": spec.max_length,
        "windows": windows_phrase(spec.windows),
        "instruction": row.instruction,
        "n": row.n_scored,
        "goes_on": can_go_on(row),
        "warnings": [texts.both(warning) for warning in spec.replaced],
    }


def can_go_on(row: ScorerRow) -> bool:
    """Whether a model here can score the rest."""
    return row.spec.family != "file"
