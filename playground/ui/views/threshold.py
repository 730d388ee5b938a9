"""The Threshold Lab: a labelled set, a threshold that can be moved, and what can be said for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from playground.ui.components import lab_data, lab_panel, lab_quality, lab_saved, labelling
from playground.ui.components.bound import Bound
from playground.ui.lab.desk import Frame, Lab, open_desk
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.wiring import Caller, listen

TABS: dict[str, Any] = {"panel": lab_panel, "labelling": labelling, "quality": lab_quality, "saved": lab_saved}


@dataclass(frozen=True)
class Widgets:
    """The parts of the view. `lab` is what this page looks at."""

    data: lab_data.Widgets
    panel: lab_panel.Widgets
    labelling: labelling.Widgets
    quality: lab_quality.Widgets
    saved: lab_saved.Widgets
    lab: gr.State
    tab: dict[str, gr.Tab]

    @property
    def parts(self) -> list[tuple[Any, Any]]:
        """Module and widgets of each part, in the order in which they are shown."""
        return [
            (lab_data, self.data),
            (labelling, self.labelling),
            (lab_saved, self.saved),
            (lab_panel, self.panel),
            (lab_quality, self.quality),
        ]


def build(services: Services, bound: Bound) -> Widgets:
    """The strip with the set and the models, then one tab for each thing to do with them."""
    data = lab_data.build(services, bound)
    tab: dict[str, gr.Tab] = {}
    built: dict[str, Any] = {}
    with gr.Tabs(elem_id="threshold-tabs", selected="panel"):
        for name, module in TABS.items():
            tab[name] = bound(gr.Tab(id=name, elem_id=f"threshold-tab-{name}"), label=f"threshold.tab_{name}")
            with tab[name]:
                built[name] = module.build(services, bound)
    return Widgets(data, **built, lab=gr.State(Lab()), tab=tab)


def on_refresh(
    services: Services, parts: list[tuple[Any, Any]], caller: Caller, lab: Lab, *settings: Any
) -> Iterator[tuple[Any, ...]]:
    """Every part anew, one after another: the quick ones do not wait for the bootstrap of the others.

    Raises:
        HistoryError: the set is gone, or the database cannot be read.
    """
    desk = open_desk(services, caller, lab)
    outputs: list[Any] = [gr.skip() for _, widgets in parts for _ in widgets.shown]
    place = taken = 0
    for module, widgets in parts:
        n_settings, n_shown = len(widgets.settings), len(widgets.shown)
        own = settings[taken : taken + n_settings]
        # Only what is new goes out: another part may have moved on meanwhile.
        fresh: list[Any] = [gr.skip() for _ in outputs]
        fresh[place : place + n_shown] = module.show(services, caller, lab, desk, *own)
        yield tuple(fresh)
        place, taken = place + n_shown, taken + n_settings


def wire(page: Page) -> None:
    """Listeners of the parts; each may ask for everything to be shown anew."""
    w: Widgets = page.views["threshold"]
    services, me = page.services, page.me
    shown = [component for _, widgets in w.parts for component in widgets.shown]
    settings = [component for _, widgets in w.parts for component in widgets.settings]

    def refresh(event: Callable[..., Any]) -> Any:
        return listen(
            event,
            partial(on_refresh, services, w.parts),
            me=me,
            inputs=[w.lab, *settings],
            outputs=shown,
            trigger_mode="always_last",
            concurrency_id="lab",
            concurrency_limit=4,
        )

    frame = Frame(w.lab, refresh, w.tab)
    refresh(page.tab["threshold"].select)
    for module, widgets in w.parts:
        module.wire(page, widgets, frame)
