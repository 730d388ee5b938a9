"""The strip over the Threshold view: which labelled set, what is in it, whose scores, and what is being scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from playground.core.labels import UNSURE, LabelledSet
from playground.core.types import ModelChoice
from playground.history.rows import ScorerRow
from playground.inputs import labelled_sets, ready_sets
from playground.models import bm25
from playground.models.named import parse_choice
from playground.ui import texts
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import any_choices
from playground.ui.components.model_rows import chosen, instruction_of
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.threshold import scoring_progress
from playground.ui.views.threshold.labelled_set_in_view import (
    EXAMPLE,
    MINE,
    PAGE,
    READY,
    Frame,
    Selection,
    SetInView,
    open_set,
)
from playground.ui.views.threshold.set_files import SUFFIXES, as_download, page_set, same_texts
from playground.ui.wiring import Caller, listen
from playground.ui.workspace.asked import Asked, note_phrase

TICK_SECONDS = 1.0
RELEVANT_FROM = (1, 2, 3)


@dataclass(frozen=True)
class Widgets:
    """The components of the strip.

    Attributes:
        upload: out of sight; the strip's own button opens it.
        seen: numbers of the jobs that were over when this page looked last.
        ended: changes when a job of this visitor has ended since.
    """

    strip: gr.HTML
    notice: gr.HTML
    jobs: gr.HTML
    upload: gr.UploadButton
    download: gr.HTML
    timer: gr.Timer
    seen: gr.State
    ended: gr.State

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.strip, self.jobs, self.timer]

    @property
    def settings(self) -> list[Any]:
        """The components whose values `show` gets."""
        return []


class Chosen(NamedTuple):
    """Another set or other scores in view."""

    selection: Any = gr.skip()
    notice: Any = gr.skip()


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


class Exported(NamedTuple):
    """A file for the visitor, and what it cannot hold."""

    download: Any = gr.skip()
    notice: Any = gr.skip()


def build(services: Services, localized: Localized) -> Widgets:
    """The set and its scores, then the models to score it with, then what is under way."""
    with gr.Column(elem_id="threshold-data", elem_classes="threshold-card"):
        strip = html_part("threshold/set_bar", asset("threshold/set_bar.html"), elem_id="threshold-strip")
        notice = html_part(
            "threshold/notice", '<div class="threshold-notice" hidden></div>', elem_id="threshold-notice"
        )
        jobs = html_part(
            "threshold/scoring_progress", asset("threshold/scoring_progress.html"), elem_id="threshold-jobs"
        )
        upload = localized(
            gr.UploadButton(
                file_count="multiple",
                file_types=list(SUFFIXES),
                elem_id="threshold-import",
                elem_classes=["pg-unseen", "pg-silent"],
            ),
            label="labelled_set.import",
        )
        download = html_part("shared/download", "<span></span>", elem_id="threshold-download", elem_classes="pg-unseen")
    timer = gr.Timer(TICK_SECONDS, active=False)
    return Widgets(strip, notice, jobs, upload, download, timer, gr.State(()), gr.State(0))


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, *settings: Any
) -> tuple[Any, ...]:
    """The strip as the set in view is, and the jobs as they stand."""
    jobs = services.jobs.of(caller.owner)
    # Only the timer itself goes to sleep: a job may have begun since this answer was started.
    timer = gr.update(active=True) if any(job.active for job in jobs) else gr.skip()
    return (bar_payload(services, caller, selection, in_view), scoring_progress.payload(jobs), timer)


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


def on_enter(services: Services, caller: Caller, selection: Selection, *values: Any) -> Any:
    """The workspace anew where it is in view and has changed since."""
    if selection.set_id != PAGE:
        return gr.skip()
    page = page_set(Asked(*values))
    return (
        gr.skip() if same_texts(selection.page, page) else Selection(PAGE, page, relevant_from=selection.relevant_from)
    )


def on_choose(services: Services, caller: Caller, selection: Selection, *values: Any) -> Chosen:
    """Another set in view.

    Raises:
        InvalidInput: it is the workspace, and its passages cannot be split in the way chosen.
    """
    set_id = caller.text("set") or EXAMPLE
    page = page_set(Asked(*values)) if set_id == PAGE else None
    return Chosen(Selection(set_id, page), None)


def on_pick(services: Services, caller: Caller, selection: Selection) -> Chosen:
    """The scores of another model, or another grade from which a passage counts as relevant."""
    grade = caller.event.get("from")
    if isinstance(grade, int) and grade in RELEVANT_FROM:
        return Chosen(replace(selection, relevant_from=grade))
    return Chosen(replace(selection, scorer=caller.text("scorer")))


def on_show(services: Services, caller: Caller, selection: Selection, *values: Any) -> Chosen:
    """The scores that a job made, with the set that it scored.

    Raises:
        InvalidInput: as `on_choose`.
    """
    if caller.text("set") == selection.set_id:
        return on_pick(services, caller, selection)
    chosen = on_choose(services, caller, selection, *values)
    return chosen._replace(selection=replace(chosen.selection, scorer=caller.text("scorer")))


def on_act(services: Services, caller: Caller, selection: Selection) -> Chosen:
    """Rename, delete or restore a set.

    Raises:
        HistoryError: it is gone, has no name, or the file cannot be written.
    """
    sets, owner = services.history.sets, caller.owner
    verb, set_id = caller.text("verb"), caller.text("id")
    if verb == "rename":
        sets.rename(owner, set_id, caller.text("name"))
        return Chosen(notice=None)
    if verb == "delete":
        name = next((row.name for row in sets.list(owner) if row.id == set_id), "")
        sets.delete(owner, set_id)
        return Chosen(Selection(), _notice(phrase("labelled_set.deleted", name=name), undo=set_id))
    if verb == "restore":
        sets.restore(owner, set_id)
        return Chosen(Selection(set_id), None)
    return Chosen()


def on_import(services: Services, caller: Caller, paths: list[str] | str | None) -> Chosen:
    """A set from files, in view at once; all of it, or nothing.

    Raises:
        InvalidInput: a line is broken, labels contradict each other, or a limit is passed.
        HistoryError: it cannot be kept.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, str) else paths or [])]
    if not files:
        return Chosen()
    read = labelled_sets.read(files, limits=services.engine.limits)
    sets, owner = services.history.sets, caller.owner
    set_id = sets.save(owner, read.labelled)
    said = [phrase("labelled_set.imported", "good", name=read.labelled.name, n=read.labelled.n_pairs)]
    scores, key = labelled_sets.scores_of(read), ""
    if scores is not None:
        try:
            sets.put_scores(owner, scores.spec, scores.scale, "", _scored(read.labelled, scores.logits))
        except Exception:
            # Half of a file is worse than nothing of it.
            sets.delete(owner, set_id)
            raise
        key = sets.scorer_key(scores.spec, scores.scale, "")
        said.append(phrase("labelled_set.scores_came"))
    return Chosen(Selection(set_id, scorer=key), _notice(*said, *map(note_phrase, read.notes)))


def on_export(services: Services, caller: Caller, selection: Selection) -> Exported:
    """The set as a file of the format that was chosen, with the scores in view where the format holds scores.

    Raises:
        InvalidInput: the set cannot be written.
        HistoryError: it is gone.
    """
    kind = next((kind for kind in labelled_sets.KINDS if kind == caller.text("format")), None)
    if kind is None:
        return Exported()
    in_view = open_set(services, caller, selection)
    files = labelled_sets.write(in_view.labelled, kind, in_view.scores)
    lost = labelled_sets.losses(in_view.labelled, kind, in_view.scores)
    return Exported(as_download(in_view.labelled, kind, files), _notice(*map(note_phrase, lost)))


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
    instruction = instruction_of(asked) if (asked.model or "").strip() else asked.instruction.strip() or None
    return _start(services, caller, selection, choices, instruction)


def on_continue(services: Services, caller: Caller, selection: Selection, *values: Any) -> Asking:
    """Score the pairs that a model has not scored yet, with the settings it ran with.

    Raises:
        PlaygroundError: the set or the model cannot be used.
    """
    key = caller.text("scorer")
    row = next((row for row in open_set(services, caller, selection).scorers if row.key == key), None)
    if row is None or not _can_go_on(row):
        return Asking()
    spec = row.spec
    name = f"{spec.model_id}@{spec.revision}" if spec.revision else spec.model_id
    # The workspace's check of what may be opened on a public page.
    Asked(*values)._replace(model=name, max_length=None, batch_tokens=None).choice(services)
    choice = ModelChoice(bm25.MODEL_ID)
    if spec.model_id != bm25.MODEL_ID:
        choice = ModelChoice(
            *parse_choice(name),
            kind=spec.kind,
            device=_device(spec.device),
            precision=spec.precision,
            max_length=spec.max_length or None,
            truncation=spec.truncation,
        )
    return _start(services, caller, selection, [choice], row.instruction)


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


def failed(said: Phrase) -> Chosen:
    """What an error leaves under the strip."""
    return Chosen(notice=_notice(said))


def not_started(said: Phrase) -> Asking:
    """What an error leaves under the strip, where nothing was started."""
    return Asking(notice=_notice(said))


def not_exported(said: Phrase) -> Exported:
    """What an error leaves under the strip, where no file was made."""
    return Exported(notice=_notice(said))


def _start(
    services: Services, caller: Caller, selection: Selection, choices: list[ModelChoice], instruction: str | None
) -> Asking:
    seen = tuple(job.number for job in services.jobs.of(caller.owner) if not job.active)
    in_view = open_set(services, caller, selection)
    services.jobs.start(caller.owner, in_view.labelled, choices, instruction)
    return Asking(
        bar_payload(services, caller, selection, in_view),
        scoring_progress.payload(services.jobs.of(caller.owner)),
        gr.update(active=True),
        seen,
        None,
    )


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
        "name": spec.model_id if spec.family == "file" else scoring_progress.name_of(spec.model_id),
        "file": spec.family == "file",
        "device": spec.device,
        "precision": "" if spec.model_id == bm25.MODEL_ID or spec.family == "file" else spec.precision,
        "max_length": spec.max_length,
        "instruction": row.instruction,
        "n": row.n_scored,
        "goes_on": _can_go_on(row),
        "warnings": [texts.both(warning) for warning in spec.replaced],
    }


def _can_go_on(row: ScorerRow) -> bool:
    return row.spec.family != "file"


def _device(name: str) -> Any:
    return name if name in ("cuda", "mps", "cpu") else "auto"


def _scored(labelled: LabelledSet, logits: tuple[tuple[float | None, ...], ...]) -> list[tuple[str, str, float]]:
    return [
        (query.query, passage.text, logit)
        for query, row in zip(labelled.queries, logits, strict=True)
        for passage, logit in zip(query.passages, row, strict=True)
        if logit is not None
    ]


def _notice(*said: Phrase, undo: str = "") -> Mapping[str, object] | None:
    return {"said": list(said), "undo": undo} if said else None


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the strip."""
    services, me, asked = page.services, page.me, page.workspace.asked
    on_desk: tuple[tuple[Any, Callable[..., Chosen], list[Any]], ...] = (
        (w.strip.setchosen, on_choose, [frame.selection, *asked]),
        (w.strip.scorespicked, on_pick, [frame.selection]),
        (w.jobs.scoresshown, on_show, [frame.selection, *asked]),
        (w.strip.setacted, on_act, [frame.selection]),
        (w.notice.undone, on_act, [frame.selection]),
        (w.upload.upload, on_import, [w.upload]),
    )
    for event, handler, inputs in on_desk:
        anew: dict[str, Any] = {"outputs": [frame.selection, w.notice], "on_error": failed, "concurrency_id": "lab"}
        done = listen(event, partial(handler, services), me=me, inputs=inputs, **anew)
        frame.refresh(done.then)
    listen(
        w.strip.exported,
        partial(on_export, services),
        me=me,
        inputs=[frame.selection],
        outputs=[w.download, w.notice],
        on_error=not_exported,
    )
    asking: dict[str, Any] = {"me": me, "outputs": [w.strip, w.jobs, w.timer, w.seen, w.notice]}
    scoring: dict[str, Any] = {"inputs": [frame.selection, *asked], "on_error": not_started} | asking
    listen(w.strip.scoreasked, partial(on_score, services), **scoring)
    listen(w.strip.continued, partial(on_continue, services), **scoring)
    quick: dict[str, Any] = {"concurrency_limit": None, "concurrency_id": "threshold-jobs"}
    listen(w.jobs.halted, partial(on_stop, services), **asking, **quick)
    listen(w.jobs.dismissed, partial(on_dismiss, services), **asking, **quick)
    ticked = [w.jobs, w.timer, w.seen, w.ended]
    listen(w.timer.tick, partial(on_tick, services), me=me, inputs=[w.seen, w.ended], outputs=ticked, **quick)
    frame.refresh(w.ended.change)
    frame.refresh(w.strip.wanted)
