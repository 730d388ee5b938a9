"""The strip over the Threshold view: which labelled set, what is in it, whose scores, and what is being scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from playground.inputs import labelled_sets
from playground.ui.components.asked import Asked, note_phrase
from playground.ui.components.downloads import download_part
from playground.ui.components.html_parts import asset, html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.threshold import scoring_progress, scoring_requests
from playground.ui.views.threshold.labelled_set_in_view import (
    EXAMPLE,
    PAGE,
    READY,
    Frame,
    Parameters,
    Selection,
    SetInView,
    open_set,
)
from playground.ui.views.threshold.set_bar_payload import bar_payload
from playground.ui.views.threshold.set_files import SUFFIXES, as_download, page_set, same_texts
from playground.ui.wiring import Caller, listen

TICK_SECONDS = 1.0
RELEVANT_FROM = (1, 2, 3)
# Fixed, as the one of the visitor's id: a random one would be another after every restart.
STORAGE_KEY = "rerank-playground-labelled-set"


@dataclass(frozen=True)
class Widgets:
    """The components of the strip.

    Attributes:
        upload: out of sight; the strip's own button opens it.
        seen: numbers of the jobs that were over when this page looked last.
        ended: changes when a job of this visitor has ended since.
        kept: what this browser looked at last, for the next page.
    """

    strip: gr.HTML
    notice: gr.HTML
    jobs: gr.HTML
    upload: gr.UploadButton
    download: gr.HTML
    timer: gr.Timer
    seen: gr.State
    ended: gr.State
    kept: gr.BrowserState

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.strip, self.jobs, self.timer, self.kept]


class Chosen(NamedTuple):
    """Another set or other scores in view."""

    selection: Any = gr.skip()
    notice: Any = gr.skip()


class Exported(NamedTuple):
    """A file for the visitor, and what it cannot hold."""

    download: Any = gr.skip()
    notice: Any = gr.skip()


def build(services: Services, localized: Localized) -> Widgets:
    """The set and its scores, then the models to score it with, then what is under way."""
    with gr.Column(elem_id="threshold-data", elem_classes="threshold-card"):
        strip = html_part("threshold/set_bar", asset("threshold/set_bar.html"), elem_id="threshold-strip")
        notice = phrases(elem_id="threshold-notice")
        jobs = html_part(
            "threshold/scoring_progress", asset("threshold/scoring_progress.html"), elem_id="threshold-jobs"
        )
        upload = localized(
            gr.UploadButton(
                file_count="multiple",
                file_types=list(SUFFIXES),
                elem_id="threshold-import",
                elem_classes="pg-unseen",
            ),
            label="labelled_set.import",
        )
        download = download_part("threshold-download")
    timer = gr.Timer(TICK_SECONDS, active=False)
    kept = gr.BrowserState({}, storage_key=STORAGE_KEY, secret=STORAGE_KEY)
    return Widgets(strip, notice, jobs, upload, download, timer, gr.State(()), gr.State(0), kept)


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
) -> tuple[Any, ...]:
    """The strip as the set in view is, and the jobs as they stand."""
    jobs = services.jobs.of(caller.owner)
    # Only the timer itself goes to sleep: a job may have begun since this answer was started.
    timer = gr.update(active=True) if any(job.active for job in jobs) else gr.skip()
    kept = {"set_id": selection.set_id, "scorer": selection.scorer, "relevant_from": selection.relevant_from}
    return (bar_payload(services, caller, selection, in_view), scoring_progress.payload(jobs), timer, kept)


def on_enter(services: Services, caller: Caller, selection: Selection, kept: object, *values: Any) -> Chosen:
    """What this browser looked at last, where the page shows nothing yet; the workspace anew where it is in view.

    Raises:
        InvalidInput: the passages of the workspace cannot be split in the way chosen.
        HistoryError: the database cannot be read.
    """
    said: Any = gr.skip()
    now = selection
    if caller.owner and not services.turns.asked(caller.session):
        now = _kept_selection(kept)
        stored = {row.id for row in services.history.sets.list(caller.owner)}
        if now.set_id not in stored.union(READY):
            now, said = Selection(), [phrase("labelled_set.gone")]
    if now.set_id == PAGE:
        page = page_set(Asked(*values))
        if not same_texts(now.page, page):
            now = Selection(PAGE, page, now.scorer, now.relevant_from)
    return Chosen(gr.skip() if now is selection else now, said)


def _kept_selection(kept: object) -> Selection:
    """From what the browser kept, where anything may stand."""
    values = kept if isinstance(kept, dict) else {}
    set_id, scorer, grade = values.get("set_id"), values.get("scorer"), values.get("relevant_from")
    return Selection(
        set_id if isinstance(set_id, str) and set_id else EXAMPLE,
        scorer=scorer if isinstance(scorer, str) else "",
        relevant_from=grade if isinstance(grade, int) and grade in RELEVANT_FROM else 1,
    )


def on_choose(services: Services, caller: Caller, selection: Selection, *values: Any) -> Chosen:
    """Another set in view.

    Raises:
        InvalidInput: it is the workspace, and its passages cannot be split in the way chosen.
    """
    set_id = caller.text("set") or EXAMPLE
    page = page_set(Asked(*values)) if set_id == PAGE else None
    return Chosen(Selection(set_id, page), [])


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
        return Chosen(notice=[])
    if verb == "delete":
        name = next((row.name for row in sets.list(owner) if row.id == set_id), "")
        sets.delete(owner, set_id)
        undo = phrase("history.undo") | {"act": {"verb": "restore", "id": set_id}}
        return Chosen(Selection(), [phrase("labelled_set.deleted", name=name), undo])
    if verb == "restore":
        sets.restore(owner, set_id)
        return Chosen(Selection(set_id), [])
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
    sets, scores, key = services.history.sets, labelled_sets.scores_of(read), ""
    set_id = sets.save(caller.owner, read.labelled, scores)
    said = [phrase("labelled_set.imported", "good", name=read.labelled.name, n=read.labelled.n_pairs)]
    if scores is not None:
        key = sets.scorer_key(scores.spec, scores.scale, scores.instruction)
        said.append(phrase("labelled_set.scores_came"))
    return Chosen(Selection(set_id, scorer=key), [*said, *map(note_phrase, read.notes)])


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
    return Exported(as_download(in_view.labelled, kind, files), [*map(note_phrase, lost)])


def failed(said: Phrase) -> Chosen:
    """What an error leaves under the strip."""
    return Chosen(notice=[said])


def not_exported(said: Phrase) -> Exported:
    """What an error leaves under the strip, where no file was made."""
    return Exported(notice=[said])


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the strip."""
    services, me, asked = page.services, page.me, page.workspace.asked
    changing: tuple[tuple[Any, Callable[..., Chosen], list[Any]], ...] = (
        (w.strip.setchosen, on_choose, [frame.selection, *asked]),
        (w.strip.scorespicked, on_pick, [frame.selection]),
        (w.jobs.scoresshown, on_show, [frame.selection, *asked]),
        (w.strip.setacted, on_act, [frame.selection]),
        (w.notice.acted, on_act, [frame.selection]),
        (w.upload.upload, on_import, [w.upload]),
    )
    for event, handler, inputs in changing:
        anew: dict[str, Any] = {
            "outputs": [frame.selection, w.notice],
            "on_error": failed,
            "concurrency_id": "threshold",
        }
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
    scoring: dict[str, Any] = {"inputs": [frame.selection, *asked], "on_error": scoring_requests.not_started} | asking
    listen(w.strip.scoreasked, partial(scoring_requests.on_score, services), **scoring)
    listen(w.strip.continued, partial(scoring_requests.on_continue, services), **scoring)
    quick: dict[str, Any] = {"concurrency_limit": None, "concurrency_id": "threshold-jobs"}
    listen(w.jobs.halted, partial(scoring_requests.on_stop, services), **asking, **quick)
    listen(w.jobs.dismissed, partial(scoring_requests.on_dismiss, services), **asking, **quick)
    ticked = [w.jobs, w.timer, w.seen, w.ended]
    listen(
        w.timer.tick,
        partial(scoring_requests.on_tick, services),
        me=me,
        inputs=[w.seen, w.ended],
        outputs=ticked,
        **quick,
    )
    frame.refresh(w.ended.change)
    frame.refresh(w.strip.wanted)
