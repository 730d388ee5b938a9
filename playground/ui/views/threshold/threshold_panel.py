"""The panel of the Threshold view: the verdict, the line that can be dragged, and what can be said for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from playground.core.errors import InvalidInput
from playground.core.thresholds import Method
from playground.ui import texts
from playground.ui.components import figures
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import phrase
from playground.ui.views.threshold.labelled_set_in_view import Frame, Parameters, Selection, SetInView, open_set
from playground.ui.wiring import Caller, listen

if TYPE_CHECKING:
    from playground.ui.views.threshold.held_pairs import Held

BY_HAND: Method = "by-hand"


@dataclass(frozen=True)
class Widgets:
    """The components of the part. `parameters` is what each rule was last asked for, by its name."""

    panel: gr.HTML
    form: gr.HTML
    cards: gr.HTML
    sure: gr.HTML
    around: gr.HTML
    folds: gr.HTML
    loader: gr.Plot
    parameters: gr.State

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.panel, self.cards, self.around, self.folds, self.loader]


class Shown(NamedTuple):
    """What the page shows of the set in view."""

    panel: Any
    cards: Any
    around: Any
    folds: Any
    loader: Any = gr.skip()


class Later(NamedTuple):
    """What takes longer; what did not change is skipped."""

    cards: Any = gr.skip()
    folds: Any = gr.skip()


class Asked(NamedTuple):
    """The cards after another parameter."""

    cards: Any
    parameters: Any


def build(services: Services, localized: Localized) -> Widgets:
    """Layout only."""
    return Widgets(
        panel=html_part("threshold/panel", asset("threshold/panel.html"), elem_id="threshold-panel"),
        form=line_form("threshold-line"),
        cards=html_part(
            "threshold/suggestions", '<section class="pg-lab-cards" hidden></section>', elem_id="threshold-cards"
        ),
        sure=html_part("threshold/uncertainty", asset("threshold/uncertainty.html"), elem_id="threshold-sure"),
        around=html_part("threshold/pairs", asset("threshold/pairs.html"), elem_id="threshold-list"),
        folds=html_part("threshold/folds", asset("threshold/folds.html"), elem_id="threshold-folds"),
        loader=figures.loader("threshold-loader"),
        parameters=gr.State({}),
    )


def line_form(elem_id: str) -> gr.HTML:
    """The present line under a name; `kept` fires with it."""
    return html_part("threshold/save_line", asset("threshold/save_line.html"), elem_id=elem_id)


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
) -> tuple[Any, ...]:
    """What the page shows of the set in view; one value for each component of `Widgets.shown`.

    What needs resampling comes later, when the page has drawn this and asks for it (`on_later`).
    """
    if in_view.judged is None or in_view.shown is None or not len(in_view.judged):
        return Shown({"says": _why_empty(in_view)}, None, None, None)
    from playground.ui.views.threshold import fold_payload, held_pairs, panel_payload

    held = held_pairs.keep(caller.owner, held_pairs.hold(in_view, selection.relevant_from))
    loader = figures.loaded()
    return Shown(
        panel=panel_payload.panel(held, in_view, parameters),
        cards={"token": held.token, "suggestions": panel_payload.cards(held, parameters)},
        around={"token": held.token, "previews": panel_payload.all_previews(held), "whole": None},
        folds=fold_payload.quick(held),
        loader=loader,
    )


def on_later(
    services: Services, caller: Caller, selection: Selection, parameters: Mapping[str, float]
) -> Iterator[Later]:
    """The bands of the suggestions one after another, then the queries one by one, the calibration, the queries without
    an answer.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    # Gradio empties the outputs of a generator that yields nothing.
    yield Later()
    held = _held(services, caller, selection, caller.text("token"))
    if held is None:
        return
    from playground.ui.views.threshold import fold_payload, panel_payload

    for cards in panel_payload.with_bands(held, parameters):
        yield Later(cards={"token": held.token, "suggestions": cards})
    for found in fold_payload.later(held):
        yield Later(folds=found)


def on_parameter(
    services: Services, caller: Caller, selection: Selection, parameters: Mapping[str, float]
) -> Iterator[Asked]:
    """What a rule chooses with another parameter, at once without its band.

    Raises:
        InvalidInput: the parameter is out of range.
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.analysis.thresholds import METHODS
    from playground.ui.views.threshold import panel_payload

    yield Asked(gr.skip(), gr.skip())
    method, parameter = caller.text("method"), caller.event.get("parameter")
    held = _held(services, caller, selection, caller.text("token"))
    if held is None or method not in METHODS or not isinstance(parameter, int | float):
        return
    asked = {**parameters, method: float(parameter)}
    yield Asked({"token": held.token, "suggestions": panel_payload.cards(held, asked)}, asked)
    for cards in panel_payload.with_bands(held, asked):
        yield Asked({"token": held.token, "suggestions": cards}, asked)


def on_line(services: Services, caller: Caller, selection: Selection) -> Any:
    """How far the line can be trusted where it stands now.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.analysis.thresholds import METHODS
    from playground.ui.views.threshold.uncertainty_payload import trust

    threshold, parameter, method = caller.event.get("threshold"), caller.event.get("parameter"), caller.text("method")
    held = _held(services, caller, selection, caller.text("token"))
    if held is None or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        return gr.skip()
    chosen = float(parameter) if method in METHODS and isinstance(parameter, int | float) else None
    try:
        return trust(held, float(threshold), method if chosen is not None else BY_HAND, chosen)
    except InvalidInput as error:
        return {"token": held.token, "at": None, "reason": texts.of_error(error)}


def on_texts(services: Services, caller: Caller, selection: Selection) -> Any:
    """The beginnings of the pairs that the page shows and does not have yet.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.ui.views.threshold import panel_payload

    held = _held(services, caller, selection, caller.text("token"))
    asked = caller.event.get("places")
    if held is None or not isinstance(asked, list):
        return gr.skip()
    places = [place for place in asked[: panel_payload.MOST_ASKED] if _is_place(place, held)]
    return {"token": held.token, "previews": panel_payload.previews(held, places), "whole": None}


def on_open(services: Services, caller: Caller, selection: Selection) -> Any:
    """One pair in full.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    from playground.ui.views.threshold import panel_payload

    held = _held(services, caller, selection, caller.text("token"))
    place = caller.event.get("place")
    if held is None or not _is_place(place, held):
        return gr.skip()
    assert isinstance(place, int)
    return {"token": held.token, "previews": None, "whole": panel_payload.whole(held, place)}


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the part. None of them is needed to move the line."""
    services, me = page.services, page.me
    quick: dict[str, Any] = {
        "me": me,
        "trigger_mode": "always_last",
        "concurrency_id": "threshold",
        "concurrency_limit": 4,
    }
    slow = {**quick, "concurrency_id": "threshold-bands", "concurrency_limit": 2}
    both = [frame.selection, w.parameters]
    listen(w.panel.shown, partial(on_later, services), inputs=both, outputs=[w.cards, w.folds], **slow)
    listen(w.cards.asked, partial(on_parameter, services), inputs=both, outputs=[w.cards, w.parameters], **slow)
    listen(w.sure.asked, partial(on_line, services), inputs=[frame.selection], outputs=[w.sure], **slow)
    texts_of = {**quick, "trigger_mode": "multiple"}
    listen(w.around.wanted, partial(on_texts, services), inputs=[frame.selection], outputs=[w.around], **texts_of)
    listen(w.around.opened, partial(on_open, services), inputs=[frame.selection], outputs=[w.around], **texts_of)


def _held(services: Services, caller: Caller, selection: Selection, token: str) -> Held | None:
    """What the page shows; None where it shows something else by now, which brings its own panel_payload."""
    from playground.ui.views.threshold import held_pairs

    held = held_pairs.find(caller.owner, token)
    if held is not None:
        return held
    in_view = open_set(services, caller, selection)
    if in_view.judged is None or in_view.shown is None or not len(in_view.judged):
        return None
    held = held_pairs.keep(caller.owner, held_pairs.hold(in_view, selection.relevant_from))
    return held if held.token == token else None


def _is_place(place: object, held: Held) -> bool:
    return isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(held.judged)


def _why_empty(in_view: SetInView) -> list[texts.Phrase]:
    """Why there is nothing to draw, and what to do."""
    if in_view.problem is not None:
        return [texts.of_error(in_view.problem)]
    labels = in_view.labelled.counts()
    n_judged = sum(n for grade, n in labels.items() if grade is not None and grade >= 0)
    if not in_view.labelled.queries:
        return [phrase("panel.why_empty_set")]
    if not n_judged:
        return [phrase("panel.why_no_labels", n=in_view.labelled.n_pairs)]
    if in_view.scores is None or not in_view.scores.n_scored:
        return [phrase("panel.why_no_scores", n=n_judged)]
    return [phrase("panel.why_no_both", n=n_judged)]
