"""The quick labelling flow: pairs one at a time, without scores. Its script keeps the pace, labels are stored here."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import InvalidInput
from playground.core.labels import LabelledSet
from playground.ui.components import labels
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.views.threshold.labelled_set_in_view import (
    PAGE,
    Frame,
    Parameters,
    Selection,
    SetInView,
    labelled_set,
    open_set,
)
from playground.ui.views.threshold.labelling_queue import Answer, LabellingQueue, borderline, shuffled
from playground.ui.wiring import Caller, listen

N_AHEAD = 25
# The script that waits for pairs.
TO = "playgroundLabelling"


@dataclass(frozen=True)
class Widgets:
    """The components of the part. `walk` is what this page labels now; `pairs` and `answers` are unseen."""

    flow: gr.HTML
    pairs: gr.HTML
    answers: gr.HTML
    walk: gr.State

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.flow]


class Begun(NamedTuple):
    """The first pairs of a walk."""

    pairs: Any
    walk: Any = gr.skip()


class Answered(NamedTuple):
    """What became of one answer."""

    answer: Any
    walk: Any = gr.skip()


def build(services: Services, localized: Localized) -> Widgets:
    """Layout only."""
    flow = html_part("threshold/labelling", asset("threshold/labelling.html"), elem_id="labelling-flow")
    pairs = html_part("threshold/answer", "<span></span>", elem_id="labelling-pairs", elem_classes="pg-unseen")
    return Widgets(flow, pairs, labels.build("labelling-answers"), gr.State(LabellingQueue()))


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
) -> tuple[Any, ...]:
    """What there is to label; one value for each component of `Widgets.shown`."""
    return (overview(selection, in_view.labelled, scored=in_view.scores is not None),)


def overview(selection: Selection, labelled: LabelledSet, *, scored: bool) -> dict[str, object]:
    """The set as the flow names it. `set` changes where a walk through it cannot go on."""
    return {
        "nonce": secrets.token_hex(4),
        "set": f"{selection.set_id} {selection.nonce}" if selection.set_id == PAGE else selection.set_id,
        "id": labelled.id,
        "name": labelled.name,
        "n_pairs": labelled.n_pairs,
        "n_left": labelled.counts()[None],
        "scored": scored,
    }


def on_begin(services: Services, caller: Caller, selection: Selection) -> Begun:
    """The first pairs in the order that was chosen.

    Raises:
        InvalidInput: borderline pairs are asked for, and none has a score.
        HistoryError: the set is gone, or the database cannot be read.
    """
    only_left = caller.event.get("which") != "all"
    if caller.text("order") == "borderline":
        in_view, threshold = open_set(services, caller, selection), _finite(caller.event.get("threshold"))
        walk = borderline(in_view.labelled, in_view.scores, threshold, caller.session, only_left=only_left)
        near = "middle" if threshold is None else "page"
    else:
        labelled = labelled_set(services, caller.owner, selection)
        walk, near = shuffled(labelled, caller.session, only_left=only_left), ""
    return Begun({**batch(walk, 0), "near": near}, walk)


def on_extend(services: Services, caller: Caller, walk: LabellingQueue) -> dict[str, object] | None:
    """The next pairs."""
    start = caller.event.get("from")
    if type(start) is not int or not 0 <= start < len(walk.order) or caller.text("of") != walk.id:
        return None
    return batch(walk, start)


def batch(walk: LabellingQueue, start: int) -> dict[str, object]:
    """Pairs for the page, their texts alone: scores, labels and places in the set stay here."""
    there = range(start, min(start + N_AHEAD, len(walk.order)))
    return {
        "to": TO,
        "nonce": secrets.token_hex(4),
        "of": walk.id,
        "from": start,
        "total": len(walk.order),
        "pairs": [dict(zip(("n", "query", "text"), (n, *walk.pair(n)), strict=True)) for n in there],
    }


def on_answer(services: Services, caller: Caller, walk: LabellingQueue) -> Answered:
    """Store one answer, and say now what stood there before.

    Raises:
        InvalidInput: it is no grade, or belongs to an older walk.
        HistoryError: it could not be stored.
    """
    n, grade = _place(caller, walk), labels.graded(caller.event.get("grade"))
    if grade is None:
        raise InvalidInput("A label is a grade from 0 to 3, or unsure, not {grade}.", grade="-")
    before = services.history.labels.put(caller.owner, *walk.pair(n), grade)
    own = walk.label(n)
    # What came with a set is not stored by itself: an example's or the workspace's own labels.
    was = before or (own if own is not None and own.source == "imported" else None)
    n_labels = services.history.labels.count(caller.owner)
    answer = labels.answer(caller, n=n, label=[grade, "human"], before=labels.said(was), n_labels=n_labels)
    return Answered(answer, replace(walk, answers=(*walk.answers, Answer(n, before))))


def on_undo(services: Services, caller: Caller, walk: LabellingQueue) -> Answered:
    """Make the label of a pair what it was before the last answer to it, its time and source included.

    Raises:
        InvalidInput: the answer belongs to an older walk.
        HistoryError: it could not be stored.
    """
    n = _place(caller, walk)
    at = next((at for at in reversed(range(len(walk.answers))) if walk.answers[at].n == n), None)
    if at is None:  # it was refused when it was given
        return Answered(labels.answer(caller, n=n))
    before = walk.answers[at].before
    services.history.labels.restore(caller.owner, *walk.pair(n), before)
    left = (*walk.answers[:at], *walk.answers[at + 1 :])
    answer = labels.answer(caller, n=n, label=labels.said(before), n_labels=services.history.labels.count(caller.owner))
    return Answered(answer, replace(walk, answers=left))


def failed(said: Phrase) -> Begun:
    """No pairs, and the toast says why."""
    return Begun({"to": TO, "nonce": secrets.token_hex(4), "failed": True})


def refused(said: Phrase) -> Answered:
    """The answer was not stored, and the toast says why."""
    return Answered(labels.refused(said))


def _place(caller: Caller, walk: LabellingQueue) -> int:
    n = caller.event.get("n")
    if not walk.id or caller.text("of") != walk.id or type(n) is not int or not 0 <= n < len(walk.order):
        raise InvalidInput("The list on the page has changed since. Look at it again, then label.")
    return n


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the part. What shows labels elsewhere is told once, when the visitor turns to it."""
    services, me = page.services, page.me
    listen(
        w.flow.begun,
        partial(on_begin, services),
        me=me,
        inputs=[frame.selection],
        outputs=[w.pairs, w.walk],
        on_error=failed,
    )
    listen(w.flow.extended, partial(on_extend, services), me=me, inputs=[w.walk], outputs=[w.pairs])
    # One after another, as they were given: an undo must find its answer.
    answers: dict[str, Any] = {"me": me, "inputs": [w.walk], "outputs": [w.answers, w.walk], "on_error": refused}
    answers |= {"trigger_mode": "multiple", "concurrency_id": "labels", "concurrency_limit": 8}
    listen(w.flow.answered, partial(on_answer, services), **answers)
    listen(w.flow.undone, partial(on_undo, services), **answers)
    frame.refresh(w.flow.settled)
