"""The modes of bge-m3 beside each other: how each ranks the passages, and what it sees in one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import gradio as gr

from playground.core.errors import InvalidInput
from playground.core.types import DeviceName, EmbeddingResult, ModelChoice, ModelSpec, RerankResult
from playground.models import modes
from playground.models.named import split
from playground.plots import find
from playground.ui.components import explained
from playground.ui.components.figures import words
from playground.ui.components.html_parts import html_part, packed
from playground.ui.components.progress_line import step_of
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import LANGUAGES, Language, phrase, say
from playground.ui.wiring import Caller, listen


def build() -> gr.HTML:
    """The unseen part through which the modes reach the page."""
    return html_part("embeddings/modes_answer", "<span></span>", elem_id="embeddings-modes", elem_classes="pg-unseen")


def on_modes(services: Services, caller: Caller, visit: Any) -> Iterator[dict[str, object]]:
    """Rank the passages by each mode, unless the page has that already, and take one of them apart.

    Steps are `said`; then come `figure` and `ranks`, and what was `told` of the passage; or why it `failed`.
    """
    event = caller.event
    about = {"run": caller.text("run"), "column": event.get("column"), "place": event.get("place")}
    yield from explained.in_steps(services, caller, _key(caller), about, partial(_answers, services, caller, visit))


def on_stop(services: Services, caller: Caller) -> None:
    """Ask the comparison of modes to end after the batch that is being computed."""
    services.stops.stop(_key(caller))


def wire(page: Page, results: gr.HTML, answer: gr.HTML, visit: gr.State) -> None:
    """Listeners of the part that shows the modes."""
    options: dict[str, Any] = {"me": page.me, "concurrency_limit": 4, "trigger_mode": "multiple"}
    asked: dict[str, Any] = {"inputs": [visit], "outputs": [answer], "concurrency_id": "modes"}
    listen(results.modesasked, partial(on_modes, page.services), **asked, **options)
    listen(results.modesstopped, partial(on_stop, page.services), concurrency_id="stop-modes", **options)


def choice_of(spec: ModelSpec) -> ModelChoice:
    """The reranker of all three modes that runs as this embedder ran."""
    return ModelChoice(
        f"{split(spec.model_id).name}#mode={modes.named(dict(modes.MAKERS))}",
        spec.revision,
        device=cast("DeviceName", spec.device),
        precision="auto" if spec.precision == "unknown" else spec.precision,
        max_length=spec.max_length,
        truncation=spec.truncation,
    )


def _key(caller: Caller) -> str:
    return f"{caller.session} modes"


def _answers(services: Services, caller: Caller, visit: Any, stop: threading.Event) -> Iterator[dict[str, object]]:
    result = _asked(caller, visit)
    request = replace(result.request, instruction=result.instruction)
    choice, place = choice_of(result.spec), cast(int, caller.event["place"])
    if caller.event.get("ranked") is not True:
        for step in services.engine.by_mode(request, choice, stop=stop):
            if step.phase == "stopped":
                yield {"failed": phrase("modes.stopped", "muted")}
                return
            if step.result is None:
                yield {"said": step_of(step)}
            else:
                yield {"ranks": _ranks(step.result), "figure": _figures(step.result)}
    for told in services.engine.explain(request, choice, place, stop=stop):
        if told.phase == "stopped":
            yield {"failed": phrase("modes.stopped", "muted")}
        elif told.result is None:
            yield {"said": phrase("explained.reading", "muted") if told.phase == "score" else step_of(told)}
        else:
            yield {"told": packed(explained.payload(told.result))}


def _asked(caller: Caller, visit: Any) -> EmbeddingResult:
    column, place = caller.event.get("column"), caller.event.get("place")
    there = caller.text("run") == visit.nonce and type(column) is int and 0 <= column < len(visit.columns)
    result: EmbeddingResult | None = visit.columns[column].result if there else None
    if result is None or type(place) is not int or not 0 <= place < len(result.request.passages):
        raise InvalidInput("The results on the page have changed since. Embed again, then compare the modes.")
    if not visit.columns[column].modes:
        raise InvalidInput(
            "{model} has one way to score, so there are no modes to compare.", model=result.spec.model_id
        )
    return result


def _ranks(results: Sequence[RerankResult]) -> dict[str, list[str]]:
    """By mode, the place of each passage in input order; "2=" for one that others share."""
    return {
        split(result.spec.model_id).mode: [
            f"{scored.rank}=" if scored.tied else str(scored.rank)
            for scored in sorted(result, key=lambda scored: scored.index)
        ]
        for result in results
    }


def _figures(results: Sequence[RerankResult]) -> dict[Language, str] | None:
    """Lines over ranks as plotly's JSON in each language; None for a single passage, which has nobody to pass."""
    if len(results[0]) < 2:
        return None
    drawn: dict[Language, str] = {}
    for language in LANGUAGES:
        names = [say(f"explained.part_{split(result.spec.model_id).mode}", language) for result in results]
        drawn[language] = str(find("rank_shift")(results, names=names, words=words(language)).to_json(engine="json"))
    return drawn
