"""What the training tab draws: the set as it would be split, what is under way, and what was trained before."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict
from typing import Any

from playground.core.errors import PlaygroundError
from playground.core.training import DEV_SHARES, MOST_EPOCHS, MOST_SEED, RECIPES, TrainingData
from playground.engine.trainable import FAMILIES
from playground.engine.trained import THRESHOLD, Trained
from playground.models import bm25, catalog
from playground.models.named import split
from playground.ui import texts
from playground.ui.components.figures import in_both
from playground.ui.components.model_choices import any_choices, model_name
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.training_jobs import TrainingJob
from playground.ui.views.threshold.scoring_progress import left

# As the form begins, in the order in which it sends them.
FIRST = {"share": DEV_SHARES[1], "seed": 0, "negatives": "set"}


def payload(
    services: Services, owner: str, plan: TrainingData | PlaygroundError, split: Mapping[str, object]
) -> dict[str, object]:
    """The form.

    Args:
        split: by which choices the plan was made.
    """
    names = [each.ask.name for each in services.trained.list(owner)]
    return {
        "allowed": services.settings.train,
        "plan": _plan(plan),
        "split": {name: split.get(name, first) for name, first in FIRST.items()},
        "bases": bases(services),
        "name": next(name for n in range(1, len(names) + 2) if (name := f"My reranker {n}") not in names),
        "shares": list(DEV_SHARES),
        "presets": {name: asdict(recipe) for name, recipe in RECIPES.items()},
        "most_epochs": MOST_EPOCHS,
        "most_seed": MOST_SEED,
    }


def models_payload(services: Services, owner: str) -> dict[str, object]:
    """What this visitor trained, newest first."""
    kept = {(each.spec.fingerprint, each.value) for each in services.history.thresholds.list(owner)}
    return {"trained": [_trained(each, kept) for each in services.trained.list(owner)]}


def bases(services: Services) -> list[dict[str, str]]:
    """What the picker offers and a training may start from."""
    return [{"value": model, "label": name} for name, model in any_choices(services) if _trainable(model)]


def jobs_payload(jobs: tuple[TrainingJob, ...]) -> dict[str, object]:
    """The trainings that are under way, or were cut off."""
    return {
        "lines": [_job(job) for job in jobs if job.state != "done"],
    }


def _trainable(model: str) -> bool:
    entry = catalog.find(split(model).name)
    if model == bm25.MODEL_ID or split(model).name != model:
        return False
    # Embedders that pool the last token are language models.
    return entry is None or (entry.family in FAMILIES and entry.pooling != "last")


def _plan(plan: TrainingData | PlaygroundError) -> dict[str, object]:
    if isinstance(plan, PlaygroundError):
        return {"trouble": texts.of_error(plan)}
    return {
        "n_train": len(plan.train),
        "n_dev": len(plan.dev),
        "warnings": [texts.both(warning) for warning in plan.warnings],
    }


def _job(job: TrainingJob) -> dict[str, object]:
    return {
        "id": job.ask.id,
        "name": job.ask.name,
        "base": model_name(job.ask.base),
        "set_id": job.ask.set_id,
        "set": job.ask.set_name,
        "warnings": [texts.both(job.warning)] if job.warning else [],
        "state": job.state,
        "stopping": job.stopping,
        "said": _said(job),
        "left": left(job.seconds_left) if job.state == "running" else None,
        "figure": in_both("training_curves", job.points, job.total) if len(job.points) > 1 else None,
    }


def _said(job: TrainingJob) -> Phrase:
    if job.state == "failed":
        known = isinstance(job.error, PlaygroundError)
        return texts.of_error(job.error) if known else phrase("app.unexpected", "bad")  # type: ignore[arg-type]
    if job.state == "stopped":
        return phrase("training.is_stopped", "muted")
    if job.stopping:
        return phrase("training.stopping", "muted")
    if job.phase != "train":
        return phrase(f"training.phase_{job.phase}", "muted")
    bar = {"done": job.step, "total": job.total}
    return phrase("training.step_of", "muted", **bar) | {"bar": bar}


def _trained(each: Trained, kept: Container[tuple[str, float | None]]) -> dict[str, Any]:
    ask, result = each.ask, each.result
    warnings = [*([each.warning] if each.warning else []), *ask.warnings]
    return {
        "id": ask.id,
        "name": ask.name,
        "base": model_name(ask.base),
        "set_id": ask.set_id,
        "set": ask.set_name,
        "made": ask.made,
        "epochs": ask.epochs,
        "adapters": ask.adapters == "yes",
        "n_train": ask.n_train,
        "n_dev": ask.n_dev,
        "warnings": [texts.both(warning) for warning in warnings],
        "result": None if result is None else asdict(result),
        "line": (each.path / THRESHOLD).exists(),
        "line_kept": result is not None and (result.fingerprint, result.threshold) in kept,
        "reason": texts.both(result.reason) if result is not None and result.reason else None,
        "figure": in_both("training_curves", each.points, 0) if len(each.points) > 1 else None,
    }
