"""Where the scoring behind the page stands, a line for each model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from playground.core.errors import PlaygroundError
from playground.core.types import ModelSpec, Progress
from playground.ui import texts
from playground.ui.components.model_choices import model_name
from playground.ui.components.progress_line import step_of
from playground.ui.scoring_jobs import Job
from playground.ui.texts import Phrase, phrase


def scorer_name(spec: ModelSpec) -> str:
    """Whose scores these are: a model as people know it, or a file."""
    return spec.model_id if spec.family == "file" else model_name(spec.model_id)


def payload(jobs: Sequence[Job]) -> dict[str, object]:
    """What the page draws of a visitor's jobs."""
    return {"active": any(job.active for job in jobs), "lines": [_line(job) for job in jobs]}


def _line(job: Job) -> dict[str, object]:
    return {
        "number": job.number,
        "name": model_name(job.choice.model_id),
        "set": job.set_id,
        "set_name": job.set_name,
        "state": job.state,
        "key": "" if job.active else job.key,
        "said": said(job),
        "left": left(job.seconds_left) if job.state == "running" and job.phase == "score" else None,
        "warnings": [texts.both(warning) for warning in job.warnings],
    }


def said(job: Job) -> Phrase:
    """One sentence; with a bar while it runs."""
    if job.state == "failed":
        return texts.of_error(job.error) if isinstance(job.error, PlaygroundError) else phrase("app.unexpected", "bad")
    if job.state == "running":
        if job.stopping:
            return step_of(Progress("stopped", 0, 0))
        if job.phase == "score":
            bar = {"done": job.done, "total": job.total}
            return phrase("labelled_set.scored_of", "muted", **bar) | {"bar": bar}
        return step_of(Progress(job.phase, job.done, job.total))
    if job.state == "stopped":
        known = job.phase in ("score", "stopped")
        return phrase("labelled_set.job_stopped", "muted", done=job.done if known else 0, total=job.total)
    return phrase(f"labelled_set.job_{job.state}", "good" if job.state == "done" else "muted", n=job.total)


def left(seconds: float | None) -> Phrase | None:
    """How long it will still take, no finer than the pace is known."""
    if seconds is None:
        return None
    if seconds < 90:
        return phrase("labelled_set.seconds_left", "muted", n=max(1, math.ceil(seconds)))
    if seconds < 5400:
        return phrase("labelled_set.minutes_left", "muted", n=round(seconds / 60))
    return phrase("labelled_set.hours_left", "muted", n=round(seconds / 3600))
