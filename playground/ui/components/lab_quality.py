"""The Ranking quality tab: how well each model that scored the set orders it, and how sure that is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground.core.labels import LabelledSet
from playground.ui.components.bound import Bound
from playground.ui.components.drawn import asset, drawn
from playground.ui.lab.desk import PAGE, Desk, Frame, Lab, open_desk
from playground.ui.lab.recent import Recent
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.ranking import file
from playground.ui.wiring import Caller, listen

if TYPE_CHECKING:
    from playground.ui.components.lab_standing import Settings, Standing

MOST_KEPT = 16


@dataclass(frozen=True)
class Widgets:
    """The components of the part.

    Attributes:
        found: what was measured, for the questions that follow on the same labels and scores.
    """

    board: gr.HTML
    download: gr.HTML
    found: Recent[Any]

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.board]

    @property
    def settings(self) -> list[Any]:
        """The components whose values `show` gets."""
        return []


def build(services: Services, bound: Bound) -> Widgets:
    """Layout only."""
    return Widgets(
        board=drawn("lab_quality", asset("lab_quality.html"), elem_id="quality-board"),
        download=drawn("download", "<span></span>", elem_id="quality-download", elem_classes="pg-unseen"),
        found=Recent(MOST_KEPT),
    )


def show(services: Services, caller: Caller, lab: Lab, desk: Desk, *settings: Any) -> tuple[Any, ...]:
    """That there is something to measure, or why not. The page asks for the figures once the tab is in sight."""
    says = why_empty(desk.labelled, len(desk.scorers), lab.relevant_from)
    return ({"token": _token(services, caller, lab), "says": says, "found": None},)


def on_measure(services: Services, found: Recent[Any], caller: Caller, lab: Lab) -> Any:
    """The figures as the page asks for them.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.ui.components import lab_standing

    token = _token(services, caller, lab)
    desk = open_desk(services, caller, lab)
    says = why_empty(desk.labelled, len(desk.scorers), lab.relevant_from)
    if says:
        return {"token": token, "says": says, "found": None}
    settings = lab_standing.settings_of(caller.event, lab.relevant_from)
    standing = _standing(services, caller, found, desk, token, settings)
    return {"token": token, "says": [], "found": lab_standing.payload(standing)}


def on_export(services: Services, found: Recent[Any], caller: Caller, lab: Lab) -> Any:
    """The figures, or the figures of each question, as CSV.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.ui.components import lab_standing

    desk = open_desk(services, caller, lab)
    if not desk.scorers:
        return gr.skip()
    settings = lab_standing.settings_of(caller.event, lab.relevant_from)
    standing = _standing(services, caller, found, desk, _token(services, caller, lab), settings)
    if caller.text("which") == "questions":
        return file("quality-by-question.csv", "text/csv", lab_standing.queries_csv(standing))
    return file("quality.csv", "text/csv", lab_standing.figures_csv(standing))


def why_empty(labelled: LabelledSet, n_scorers: int, relevant_from: int) -> list[Phrase]:
    """Why there is nothing to count, and what to do; empty where there is something."""
    if not labelled.queries:
        return [phrase("quality.why_empty_set")]
    counts = labelled.counts()
    n_judged = sum(n for grade, n in counts.items() if grade is not None and grade >= 0)
    n_relevant = sum(n for grade, n in counts.items() if grade is not None and grade >= relevant_from)
    said = []
    if not n_judged:
        said.append(phrase("quality.why_no_labels", n=labelled.n_pairs))
    elif not n_relevant and relevant_from > 1:
        said.append(phrase("quality.why_none_that_high", grade=relevant_from))
    elif not n_relevant:
        said.append(phrase("quality.why_none_relevant", n=n_judged))
    if not n_scorers:
        said.append(phrase("quality.why_no_scores"))
    return said


def not_measured(said: Phrase) -> Any:
    """What an error leaves on the board."""
    return {"token": "", "says": [said], "found": None}


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the part."""
    services, me = page.services, page.me
    listen(
        w.board.measured,
        partial(on_measure, services, w.found),
        me=me,
        inputs=[frame.lab],
        outputs=[w.board],
        on_error=not_measured,
        trigger_mode="always_last",
        concurrency_id="lab-quality",
        concurrency_limit=2,
    )
    listen(
        w.board.exported,
        partial(on_export, services, w.found),
        me=me,
        inputs=[frame.lab],
        outputs=[w.download],
    )


def _standing(
    services: Services, caller: Caller, found: Recent[Any], desk: Desk, token: str, settings: Settings
) -> Standing:
    """Measured anew only where labels, scores or rules changed; the order of the questions is no reason."""
    from playground.ui.components.lab_standing import standing

    store = services.history.sets

    def scored() -> list[Any]:
        pairs = [(row, store.scores(caller.owner, desk.labelled, row.key)) for row in desk.scorers]
        return [(row, scores) for row, scores in pairs if scores is not None]

    rules = replace(settings, order_by="")
    measured: Standing = found.get(
        (caller.owner, token, rules),
        lambda: standing(desk.labelled, found.get((caller.owner, token), scored), rules),
    )
    return replace(measured, settings=settings)


def _token(services: Services, caller: Caller, lab: Lab) -> str:
    """Names what the figures are of: the set with its labels and scores of now, and what counts as relevant."""
    version = services.history.labels.version(caller.owner)
    page = lab.nonce if lab.set_id == PAGE else ""
    parts = (lab.set_id, page, version, str(lab.relevant_from))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
