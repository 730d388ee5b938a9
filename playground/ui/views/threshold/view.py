"""The Threshold view: a labelled set, a threshold that can be moved, and what can be said for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import PlaygroundError
from playground.core.labels import LabelledSet
from playground.ui import texts
from playground.ui.components.html_parts import phrases
from playground.ui.components.localized import Localized
from playground.ui.components.progress_line import step
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.threshold import labelling_tab, quality_tab, saved_tab, set_bar, threshold_panel, training_tab
from playground.ui.views.threshold.labelled_set_in_view import PAGE, Frame, Parameters, Selection, SetInView, open_set
from playground.ui.wiring import Caller, listen

TABS: dict[str, Any] = {
    "panel": threshold_panel,
    "labelling": labelling_tab,
    "quality": quality_tab,
    "saved": saved_tab,
    "training": training_tab,
}

FIRST = "panel"
# Parts that a tab draws on: the line that is saved, or that a saved threshold is put on, stands in the panel.
ALONG = {"saved": ("panel",)}

log = logging.getLogger("playground.ui")


class Part(NamedTuple):
    """One part of the view, and the line that says why it could not be shown."""

    name: str
    module: Any
    widgets: Any
    trouble: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.trouble, *self.widgets.shown]


@dataclass(frozen=True)
class Widgets:
    """The parts of the view. `selection` is what this page looks at."""

    data: set_bar.Widgets
    panel: threshold_panel.Widgets
    labelling: labelling_tab.Widgets
    quality: quality_tab.Widgets
    saved: saved_tab.Widgets
    training: training_tab.Widgets
    troubles: dict[str, gr.HTML]
    selection: gr.State
    tab: dict[str, gr.Tab]

    @property
    def parts(self) -> list[Part]:
        """The strip, then the tabs."""
        modules = {"data": set_bar} | TABS
        return [Part(name, module, getattr(self, name), self.troubles[name]) for name, module in modules.items()]


def build(services: Services, localized: Localized) -> Widgets:
    """The strip with the set and the models, then one tab for each thing to do with them."""
    troubles = {"data": phrases(elem_id="threshold-trouble-data", elem_classes="threshold-trouble")}
    data = set_bar.build(services, localized)
    tab: dict[str, gr.Tab] = {}
    built: dict[str, Any] = {}
    with gr.Tabs(elem_id="threshold-tabs", selected=FIRST):
        for name, module in TABS.items():
            tab[name] = localized(gr.Tab(id=name, elem_id=f"threshold-tab-{name}"), label=f"threshold.tab_{name}")
            with tab[name]:
                troubles[name] = phrases(elem_id=f"threshold-trouble-{name}", elem_classes="threshold-trouble")
                built[name] = module.build(services, localized)
    return Widgets(data, **built, troubles=troubles, selection=gr.State(Selection()), tab=tab)


def on_refresh(
    services: Services, parts: Sequence[Part], caller: Caller, selection: Selection, parameters: Parameters
) -> Iterator[tuple[Any, ...]]:
    """The strip and the open tab anew, with what that draws on; the others once they are opened, since some of them
    take seconds.

    A part that fails says so in its place. Once the page asks again, what is left of an older answer is dropped.
    """
    turn = services.turns.take(caller.session, [part.name for part in parts])
    if caller.text("tab") in TABS:
        services.turns.open(caller.session, caller.text("tab"))
    # An answer must hold something, also where all of it is dropped.
    yield _outputs(parts, {})
    if not caller.owner:
        return  # the page is still loading; `on_arrived` shows everything
    in_view, gone = _set_in_view(services, caller, selection)
    opened = services.turns.opened(caller.session) or FIRST
    turns_away = services.turns.turns_to(caller.session, _subject(selection, in_view))
    names = [
        each for each in ("data", *ALONG.get(opened, ()), opened) if services.turns.claim(caller.session, each, turn)
    ]
    # What stands there is of another set or model: that must not pass for an answer while the next one is made. A tab
    # that was opened meanwhile shows itself; nobody would take the line off it again.
    working = _working(parts, opened) if turns_away and opened in names else {}
    for name in names:
        if not services.turns.is_last(caller.session, turn):
            break
        said = gone if name == "data" else []
        fresh = _shown(services, parts, name, caller, selection, in_view, parameters, said)
        if services.turns.is_last(caller.session, turn):
            yield _outputs(parts, working | {name: fresh})
            working = {}
    # Gradio sends what came last once more when a stream ends, over what a newer answer said meanwhile: the line over a
    # part that a newer answer had shown came back, and the part stayed greyed.
    yield _outputs(parts, {})


def on_arrived(
    services: Services, parts: Sequence[Part], caller: Caller, selection: Selection, parameters: Parameters
) -> Iterator[tuple[Any, ...]]:
    """Everything, for a visitor who opened the tab before the browser had an id."""
    if services.turns.asked(caller.session):
        yield from on_refresh(services, parts, caller, selection, parameters)
    else:
        yield _outputs(parts, {})


def on_open(
    services: Services, parts: Sequence[Part], name: str, caller: Caller, selection: Selection, parameters: Parameters
) -> Iterator[tuple[Any, ...]]:
    """A tab that was opened; it is shown anew only where something changed since it was open last."""
    turn = services.turns.open(caller.session, name)
    names = [each for each in (*ALONG.get(name, ()), name) if services.turns.claim(caller.session, each, turn)]
    if not names:
        yield _outputs(parts, {})
        return
    shown = name in names and services.turns.is_last(caller.session, turn)
    yield _outputs(parts, _working(parts, name) if shown else {})
    in_view, _ = _set_in_view(services, caller, selection)
    fresh = {each: _shown(services, parts, each, caller, selection, in_view, parameters, []) for each in names}
    # Where the page asked again meanwhile, that answer shows this tab; the line over it must not come back.
    if services.turns.is_last(caller.session, turn):
        yield _outputs(parts, fresh)
    yield _outputs(parts, {})


def _subject(selection: Selection, in_view: SetInView) -> tuple[object, ...]:
    """What the page looks at; labels may change under it."""
    page = selection.nonce if selection.set_id == PAGE else ""
    return (selection.set_id, page, in_view.shown.key if in_view.shown else "", selection.relevant_from)


def _working(parts: Sequence[Part], name: str) -> dict[str, list[Any]]:
    """A line over the part that is being made; what stands under it is greyed by the style sheet."""
    part = next(part for part in parts if part.name == name)
    return {name: [[step("labelled_set.working")], *(gr.skip() for _ in part.widgets.shown)]}


def _set_in_view(services: Services, caller: Caller, selection: Selection) -> tuple[SetInView, list[Phrase]]:
    """The set in view; where it cannot be opened an empty one, so that another set can be chosen, and why."""
    try:
        return open_set(services, caller, selection), []
    except Exception as error:  # noqa: BLE001 - the parts still have to be shown
        return SetInView(LabelledSet(selection.set_id, "", ()), ()), [_sentence(error)]


def _shown(
    services: Services,
    parts: Sequence[Part],
    name: str,
    caller: Caller,
    selection: Selection,
    in_view: SetInView,
    parameters: Parameters,
    said: list[Phrase],
) -> list[Any]:
    """The outputs of one part."""
    part = next(part for part in parts if part.name == name)
    try:
        return [said, *part.module.show(services, caller, selection, in_view, parameters)]
    except Exception as error:  # noqa: BLE001 - the other parts go on
        return [[*said, _sentence(error)], *(gr.skip() for _ in part.widgets.shown)]


def _outputs(parts: Sequence[Part], fresh: Mapping[str, Sequence[Any]]) -> tuple[Any, ...]:
    """Every output of the view. Only what is new goes out: another part may have moved on meanwhile.

    Args:
        fresh: the outputs of a part, by its name.
    """
    return tuple(value for part in parts for value in fresh.get(part.name, [gr.skip()] * len(part.outputs)))


def _sentence(error: Exception) -> Phrase:
    if isinstance(error, PlaygroundError):
        return texts.of_error(error)
    log.error("unexpected error", exc_info=error)
    return phrase("app.unexpected", "bad")


def wire(page: Page) -> None:
    """Listeners of the parts; each may ask for everything to be shown anew."""
    w: Widgets = page.views["threshold"]
    services, me = page.services, page.me
    outputs = [component for part in w.parts for component in part.outputs]
    inputs = [w.selection, w.panel.parameters]
    shows: dict[str, Any] = {"me": me, "inputs": inputs, "outputs": outputs, "concurrency_id": "threshold"}

    def refresh(event: Callable[..., Any]) -> Any:
        answer = partial(on_refresh, services, w.parts)
        return listen(event, answer, trigger_mode="always_last", concurrency_limit=4, **shows)

    frame = Frame(w.selection, refresh)
    page.arrivals.append(lambda event: listen(event, partial(on_arrived, services, w.parts), **shows))
    entered = listen(
        page.tab["threshold"].select,
        partial(set_bar.on_enter, services),
        me=me,
        inputs=[w.selection, w.data.kept, *page.workspace.asked],
        outputs=[w.selection, w.data.notice],
    )
    refresh(entered.then)
    for name, tab in w.tab.items():
        listen(tab.select, partial(on_open, services, w.parts, name), **shows)
    for part in w.parts:
        part.module.wire(page, part.widgets, frame)
