"""The Threshold Lab: a labelled set, a threshold that can be moved, and what can be said for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import PlaygroundError
from playground.core.labels import LabelledSet
from playground.ui import texts
from playground.ui.components import lab_data, lab_panel, lab_quality, lab_saved, labelling
from playground.ui.components.bound import Bound
from playground.ui.components.drawn import phrases
from playground.ui.lab.desk import Desk, Frame, Lab, open_desk
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.wiring import Caller, listen

TABS: dict[str, Any] = {"panel": lab_panel, "labelling": labelling, "quality": lab_quality, "saved": lab_saved}

log = logging.getLogger("playground.ui")


class Part(NamedTuple):
    """One part of the view, and the line that says why it could not be shown."""

    module: Any
    widgets: Any
    trouble: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.trouble, *self.widgets.shown]


@dataclass(frozen=True)
class Widgets:
    """The parts of the view. `lab` is what this page looks at."""

    data: lab_data.Widgets
    panel: lab_panel.Widgets
    labelling: labelling.Widgets
    quality: lab_quality.Widgets
    saved: lab_saved.Widgets
    troubles: dict[str, gr.HTML]
    lab: gr.State
    tab: dict[str, gr.Tab]

    @property
    def parts(self) -> list[Part]:
        """In the order in which they are shown: the quick ones first."""
        return [
            Part(lab_data, self.data, self.troubles["data"]),
            Part(labelling, self.labelling, self.troubles["labelling"]),
            Part(lab_saved, self.saved, self.troubles["saved"]),
            Part(lab_panel, self.panel, self.troubles["panel"]),
            Part(lab_quality, self.quality, self.troubles["quality"]),
        ]


def build(services: Services, bound: Bound) -> Widgets:
    """The strip with the set and the models, then one tab for each thing to do with them."""
    troubles = {"data": phrases(elem_id="threshold-trouble-data", elem_classes="lab-trouble")}
    data = lab_data.build(services, bound)
    tab: dict[str, gr.Tab] = {}
    built: dict[str, Any] = {}
    with gr.Tabs(elem_id="threshold-tabs", selected="panel"):
        for name, module in TABS.items():
            tab[name] = bound(gr.Tab(id=name, elem_id=f"threshold-tab-{name}"), label=f"threshold.tab_{name}")
            with tab[name]:
                troubles[name] = phrases(elem_id=f"threshold-trouble-{name}", elem_classes="lab-trouble")
                built[name] = module.build(services, bound)
    return Widgets(data, **built, troubles=troubles, lab=gr.State(Lab()), tab=tab)


def on_refresh(
    services: Services, parts: Sequence[Part], caller: Caller, lab: Lab, *settings: Any
) -> Iterator[tuple[Any, ...]]:
    """Every part anew, one after another: the quick ones do not wait for the bootstrap of the others.

    A part that fails says so in its place. Once the page asks again, what is left of an older answer is dropped.
    """
    turn = services.turns.take(caller.session)
    nothing = [gr.skip() for part in parts for _ in part.outputs]
    # An answer must hold something, also where all of it is dropped.
    yield tuple(nothing)
    desk, gone = _desk(services, caller, lab)
    place = taken = 0
    for part in parts:
        own = settings[taken : taken + len(part.widgets.settings)]
        fresh = _shown(services, part, caller, lab, desk, own, gone if part.module is lab_data else [])
        if not services.turns.is_last(caller.session, turn):
            return
        # Only what is new goes out: another part may have moved on meanwhile.
        yield (*nothing[:place], *fresh, *nothing[place + len(fresh) :])
        place, taken = place + len(fresh), taken + len(own)


def _desk(services: Services, caller: Caller, lab: Lab) -> tuple[Desk, list[Phrase]]:
    """The desk; where it cannot be opened an empty one, so that another set can be chosen, and why."""
    try:
        return open_desk(services, caller, lab), []
    except Exception as error:  # noqa: BLE001 - the parts still have to be shown
        return Desk(LabelledSet(lab.set_id, "", ()), ()), [_sentence(error)]


def _shown(
    services: Services, part: Part, caller: Caller, lab: Lab, desk: Desk, settings: Sequence[Any], said: list[Phrase]
) -> list[Any]:
    """The outputs of one part."""
    try:
        return [said, *part.module.show(services, caller, lab, desk, *settings)]
    except Exception as error:  # noqa: BLE001 - the other parts go on
        return [[*said, _sentence(error)], *(gr.skip() for _ in part.widgets.shown)]


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
    settings = [component for part in w.parts for component in part.widgets.settings]

    def refresh(event: Callable[..., Any]) -> Any:
        return listen(
            event,
            partial(on_refresh, services, w.parts),
            me=me,
            inputs=[w.lab, *settings],
            outputs=outputs,
            trigger_mode="always_last",
            concurrency_id="lab",
            concurrency_limit=4,
        )

    frame = Frame(w.lab, refresh, w.tab)
    entered = listen(
        page.tab["threshold"].select,
        partial(lab_data.on_enter, services),
        me=me,
        inputs=[w.lab, *page.workspace.asked],
        outputs=[w.lab],
    )
    refresh(entered.then)
    for part in w.parts:
        part.module.wire(page, part.widgets, frame)
