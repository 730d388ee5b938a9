"""Scoring the set in view behind the page: asked for, gone on with, stopped, and looked at while it goes on."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from playground.core.types import ModelChoice
from playground.models import bm25
from playground.models.named import parse_choice
from playground.remote.address import is_remote
from playground.remote.connect import Keys
from playground.ui.components.asked import Asked
from playground.ui.components.model_rows import chosen, instruction_of
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.views.threshold import scoring_progress
from playground.ui.views.threshold.labelled_set_in_view import Selection, open_set
from playground.ui.views.threshold.set_bar_payload import bar_payload, can_go_on
from playground.ui.wiring import Caller


class Asking(NamedTuple):
    """The strip after scoring was asked for or stopped."""

    strip: Any = gr.skip()
    jobs: Any = gr.skip()
    timer: Any = gr.skip()
    seen: Any = gr.skip()
    notice: Any = gr.skip()


class Ticked(NamedTuple):
    """Where the jobs stand."""

    jobs: Any
    timer: Any
    seen: Any
    ended: Any


def on_score(services: Services, caller: Caller, selection: Selection, *values: Any) -> Asking:
    """Score the set in view with the chosen models, behind the page.

    Raises:
        PlaygroundError: the set, a model or a setting cannot be used.
    """
    asked = Asked(*values)
    wanted = caller.event.get("models")
    models = [str(model) for model in wanted if str(model).strip()] if isinstance(wanted, list) else []
    rows = [{"model": model, "precision": asked.precision} for model in models[1:]]
    choices = chosen(services, asked._replace(model=models[0]), rows) if models else []
    instruction = instruction_of(services, asked) if (asked.model or "").strip() else asked.instruction.strip() or None
    keys = asked._replace(model=models[0] if models else "").keys
    return _start(services, caller, selection, choices, instruction, keys)


def on_continue(services: Services, caller: Caller, selection: Selection, *values: Any) -> Asking:
    """Score the pairs that a model has not scored yet, with the settings it ran with.

    Raises:
        PlaygroundError: the set or the model cannot be used.
    """
    key = caller.text("scorer")
    row = next((row for row in open_set(services, caller, selection).scorers if row.key == key), None)
    if row is None or not can_go_on(row):
        return Asking()
    spec = row.spec
    name = f"{spec.model_id}@{spec.revision}" if spec.revision else spec.model_id
    # The workspace's check of what may be opened on a public page.
    asked = Asked(*values)._replace(model=name, max_length=None, batch_tokens=None)
    asked.choice(services)
    choice = ModelChoice(bm25.MODEL_ID)
    if spec.model_id != bm25.MODEL_ID:
        choice = ModelChoice(
            *parse_choice(name),
            kind=spec.kind,
            device=_device(spec.device),
            precision="auto" if spec.precision == "unknown" else spec.precision,
            max_length=None if is_remote(name) else spec.max_length or None,
            truncation=spec.truncation,
            windows=spec.windows,
        )
    return _start(services, caller, selection, [choice], row.instruction, asked.keys)


def on_stop(services: Services, caller: Caller) -> Asking:
    """Ask the visitor's jobs to end after the batch that is being computed."""
    services.jobs.stop(caller.owner)
    return Asking(jobs=scoring_progress.payload(services.jobs.of(caller.owner)))


def on_dismiss(services: Services, caller: Caller) -> Asking:
    """Take what is over from the list."""
    services.jobs.forget(caller.owner)
    return Asking(jobs=scoring_progress.payload(services.jobs.of(caller.owner)))


def on_tick(services: Services, caller: Caller, seen: tuple[int, ...], ended: int) -> Ticked:
    """Where the jobs stand; everything is shown anew once one more is over. Reads memory only."""
    jobs = services.jobs.of(caller.owner)
    over = tuple(job.number for job in jobs if not job.active)
    news = bool(set(over) - set(seen))
    timer = gr.skip() if any(job.active for job in jobs) else gr.update(active=False)
    return Ticked(scoring_progress.payload(jobs), timer, over if news else gr.skip(), ended + 1 if news else gr.skip())


def not_started(said: Phrase) -> Asking:
    """What an error leaves under the strip, where nothing was started."""
    return Asking(notice=[said])


def _start(
    services: Services,
    caller: Caller,
    selection: Selection,
    choices: list[ModelChoice],
    instruction: str | None,
    keys: Keys,
) -> Asking:
    seen = tuple(job.number for job in services.jobs.of(caller.owner) if not job.active)
    in_view = open_set(services, caller, selection)
    services.admit(caller)
    services.jobs.start(caller.owner, in_view.labelled, choices, instruction, keys)
    return Asking(
        bar_payload(services, caller, selection, in_view),
        scoring_progress.payload(services.jobs.of(caller.owner)),
        gr.update(active=True),
        seen,
        None,
    )


def _device(name: str) -> Any:
    return name if name in ("cuda", "mps", "cpu") else "auto"
