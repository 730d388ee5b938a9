"""Why a passage of the ranking has its score: the words, matches and parts that it is made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from playground.core.errors import InvalidInput
from playground.core.types import RerankRequest, RerankResult
from playground.ui.components import explained
from playground.ui.components.html_parts import html_part, packed
from playground.ui.components.labels import mark
from playground.ui.components.progress_line import step_of
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import phrase
from playground.ui.wiring import Caller, listen


def build() -> gr.HTML:
    """The unseen part through which explanations reach the list."""
    return html_part("ranking/why_answer", "<span></span>", elem_id="ranking-why", elem_classes="pg-unseen")


def on_why(services: Services, caller: Caller, visit: Any) -> Iterator[dict[str, object]]:
    """Take the score of one row apart: steps `said`, then what was `told`, or why it `failed`; all stand in the row."""
    row = {"run": caller.text("run"), "index": caller.event.get("index")}
    yield from explained.in_steps(services, caller, _key(caller), row, partial(_answers, services, caller, visit))


def on_stop(services: Services, caller: Caller) -> None:
    """Ask the explanation of one row to end."""
    services.stops.stop(_key(caller))


def wire(page: Page, results: gr.HTML, answer: gr.HTML, visit: gr.State) -> None:
    """Listeners of the buttons in the rows."""
    options: dict[str, Any] = {"me": page.me, "concurrency_limit": 4, "trigger_mode": "multiple"}
    asked: dict[str, Any] = {"inputs": [visit], "outputs": [answer], "concurrency_id": "why"}
    listen(results.whyasked, partial(on_why, page.services), **asked, **options)
    listen(results.whystopped, partial(on_stop, page.services), concurrency_id="stop-why", **options)


def _key(caller: Caller) -> str:
    return f"{caller.session} why {caller.event.get('index')}"


def _answers(services: Services, caller: Caller, visit: Any, stop: threading.Event) -> Iterator[dict[str, object]]:
    result: RerankResult | None = visit.result
    index = caller.event.get("index")
    there = result is not None and caller.text("of") == mark(result.request)
    if result is None or not there or type(index) is not int or not 0 <= index < len(result.request.passages):
        raise InvalidInput("The list on the page has changed since. Rank it again, then open the row.")
    for step in services.engine.explain(_read(result, index), visit.choice, index, stop=stop):
        if step.phase == "stopped":
            yield {"failed": phrase("explained.stopped", "muted")}
        elif step.result is None:
            yield {"said": phrase("explained.reading", "muted") if step.phase == "score" else step_of(step)}
        elif step.result.spec.fingerprint != result.spec.fingerprint:
            raise InvalidInput(
                "The weights of {model} are no longer those that made this list. Rank it again, then open the row.",
                model=result.spec.model_id,
            )
        else:
            yield {"told": packed(explained.payload(step.result))}


def _read(result: RerankResult, index: int) -> RerankRequest:
    """The request, with the window that won in place of a passage that was read in some."""
    scored = next((each for each in result.scored if each.index == index), None)
    if scored is None or scored.windows is None:
        return result.request
    won, passages = scored.windows.won, list(result.request.passages)
    passages[index] = replace(scored.passage, text=scored.passage.text[won.start : won.end])
    return replace(result.request, passages=tuple(passages))
