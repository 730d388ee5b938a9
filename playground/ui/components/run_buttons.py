"""Run and Stop of a view, and what Stop does."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.ui.components.localized import Localized
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.wiring import Caller, listen


def run_and_stop(localized: Localized, view: str, says: str) -> tuple[gr.Button, gr.Button]:
    """The buttons `<view>-run`, with the text of this key, and `<view>-stop`."""
    run = gr.Button(variant="primary", elem_id=f"{view}-run", scale=0, min_width=150)
    stop = gr.Button(variant="stop", elem_id=f"{view}-stop", interactive=False, scale=0, min_width=90)
    return localized(run, value=says), localized(stop, value="run.stop")


def busy() -> dict[str, Any]:
    """The buttons while something runs."""
    return {"run": gr.update(interactive=False), "stop": gr.update(interactive=True)}


def idle() -> dict[str, Any]:
    """The buttons while nothing runs."""
    return {"run": gr.update(interactive=True), "stop": gr.update(interactive=False)}


def on_stop(services: Services, caller: Caller) -> list[Phrase]:
    """Ask what this page runs to end after the batch that is being computed."""
    services.stops.stop(caller.session)
    return [phrase("run.stopping", "muted")]


def wire_stop(services: Services, me: gr.BrowserState, stop: gr.Button, status: gr.HTML, queue: str = "stop") -> None:
    """Stop is heard while everything else waits, and the line says so."""
    listen(
        stop.click, partial(on_stop, services), me=me, outputs=[status], concurrency_limit=None, concurrency_id=queue
    )
