"""The Ranking quality tab: how well each model that scored the set orders it, and how sure that is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground.core.labels import LabelledSet
from playground.ui.components.downloads import download_part, file
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.page import Page
from playground.ui.page_turns import LruCache
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.threshold.labelled_set_in_view import PAGE, Frame, Parameters, Selection, SetInView, open_set
from playground.ui.wiring import Caller, listen

if TYPE_CHECKING:
    from playground.ui.views.threshold.quality_table import QualityTable, Settings

MOST_KEPT = 16


@dataclass(frozen=True)
class Widgets:
    """The components of the part.

    Attributes:
        found: what was measured, for the questions that follow on the same labels and scores.
    """

    board: gr.HTML
    download: gr.HTML
    found: LruCache[Any]

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.board]


def build(services: Services, localized: Localized) -> Widgets:
    """Layout only."""
    return Widgets(
        board=html_part("threshold/quality", asset("threshold/quality.html"), elem_id="quality-board"),
        download=download_part("quality-download"),
        found=LruCache(MOST_KEPT),
    )


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
) -> tuple[Any, ...]:
    """That there is something to measure, or why not. The page asks for the figures once the tab is in sight."""
    says = why_empty(in_view.labelled, len(in_view.scorers), selection.relevant_from)
    return ({"token": _token(services, caller, selection), "says": says, "found": None},)


def on_measure(services: Services, found: LruCache[Any], caller: Caller, selection: Selection) -> Any:
    """The figures as the page asks for them.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.ui.views.threshold import quality_table

    token = _token(services, caller, selection)
    in_view = open_set(services, caller, selection)
    says = why_empty(in_view.labelled, len(in_view.scorers), selection.relevant_from)
    if says:
        return {"token": token, "says": says, "found": None}
    settings = quality_table.settings_of(caller.event, selection.relevant_from)
    table = _table(services, caller, found, in_view, token, settings)
    return {"token": token, "says": [], "found": quality_table.payload(table)}


def on_export(services: Services, found: LruCache[Any], caller: Caller, selection: Selection) -> Any:
    """The figures, or the figures of each question, as CSV.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.ui.views.threshold import quality_table

    in_view = open_set(services, caller, selection)
    if not in_view.scorers:
        return gr.skip()
    settings = quality_table.settings_of(caller.event, selection.relevant_from)
    table = _table(services, caller, found, in_view, _token(services, caller, selection), settings)
    if caller.text("which") == "questions":
        return file(services, "quality-by-query.csv", "text/csv", quality_table.queries_csv(table))
    return file(services, "quality.csv", "text/csv", quality_table.figures_csv(table))


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
        inputs=[frame.selection],
        outputs=[w.board],
        on_error=not_measured,
        trigger_mode="always_last",
        concurrency_id="threshold-quality",
        concurrency_limit=2,
    )
    listen(
        w.board.exported,
        partial(on_export, services, w.found),
        me=me,
        inputs=[frame.selection],
        outputs=[w.download],
    )


def _table(
    services: Services, caller: Caller, found: LruCache[Any], in_view: SetInView, token: str, settings: Settings
) -> QualityTable:
    """Measured anew only where labels, scores or rules changed; the order of the questions is no reason."""
    from playground.ui.views.threshold.quality_table import quality_table

    store = services.history.sets

    def scored() -> list[Any]:
        pairs = [(row, store.scores(caller.owner, in_view.labelled, row.key)) for row in in_view.scorers]
        return [(row, scores) for row, scores in pairs if scores is not None]

    rules = replace(settings, order_by="")
    measured: QualityTable = found.get(
        (caller.owner, token, rules),
        lambda: quality_table(in_view.labelled, found.get((caller.owner, token), scored), rules),
    )
    return replace(measured, settings=settings)


def _token(services: Services, caller: Caller, selection: Selection) -> str:
    """Names what the figures are of: the set with its labels and scores of now, and what counts as relevant."""
    version = services.history.labels.version(caller.owner)
    page = selection.nonce if selection.set_id == PAGE else ""
    parts = (selection.set_id, page, version, str(selection.relevant_from))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
