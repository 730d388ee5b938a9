"""A part of the Threshold view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.ui.components.bound import Bound
from playground.ui.components.drawn import phrases
from playground.ui.lab.desk import Desk, Frame, Lab
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.wiring import Caller


@dataclass(frozen=True)
class Widgets:
    """The components of the part."""

    status: gr.HTML

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.status]

    @property
    def settings(self) -> list[Any]:
        """The components whose values `show` gets."""
        return []


def build(services: Services, bound: Bound) -> Widgets:
    """Layout only."""
    return Widgets(phrases(elem_id="lab_quality-status"))


def show(services: Services, caller: Caller, lab: Lab, desk: Desk, *settings: Any) -> tuple[Any, ...]:
    """What the page shows of the desk; one value for each component of `Widgets.shown`."""
    return ([],)


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the part."""
