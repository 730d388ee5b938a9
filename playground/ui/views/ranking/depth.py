"""Ranking's fold of a model that scores after several layers: how the ranking changes with depth."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.analysis.depth import ranks_by_depth
from playground.core.depths import Depths
from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice, RerankResult
from playground.models.named import split
from playground.models.settings import changed
from playground.ui.components.figures import in_both
from playground.ui.components.html_parts import html_part
from playground.ui.components.progress_line import step, step_of
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.wiring import MAX_RUNS, Caller, listen


class Looked(NamedTuple):
    """One step of the look at every layer; what did not change is skipped."""

    depth: Any
    visit: Any
    status: Any
    run: Any
    stop: Any


def build() -> gr.HTML:
    """Empty until a result of such a model is on the page."""
    return html_part("ranking/depth", '<div class="dp-here"></div>', elem_id="ranking-depth")


def shown(visit: Any) -> dict[str, object] | None:
    """What the fold shows beside the result on the page; nothing where its model has one depth."""
    result, depths = visit.result, visit.depths
    if result is None or result.spec.family != "layerwise":
        return None
    known = depths is not None and depths.request == result.request and _same_but_layer(depths, visit)
    if not known:
        return {"nonce": secrets.token_hex(4), "figure": None, "said": []}
    depths = replace(depths, chosen=int(split(result.spec.model_id).layer))
    return {"nonce": secrets.token_hex(4), "figure": in_both("depth", depths), "said": _said(depths, result)}


def sentences(depths: Depths) -> list[Phrase]:
    """From which layer on the ranking stays, what stopping there saves, and how the chosen layer does."""
    found, last = ranks_by_depth(depths), depths.layers[-1]
    saved = dict(zip(depths.layers, (round(100 * (1 - work)) for work in depths.work), strict=True))
    parts = []
    for what, layer in (("top", found.top_from), ("order", found.order_from)):
        if layer == last:
            parts.append(phrase(f"depth.{what}_never", last=last))
        else:
            parts.append(phrase(f"depth.{what}", layer=layer, last=last, percent=saved[layer]))
    tau = found.tau[depths.layers.index(depths.chosen)]
    if depths.chosen != last and tau is not None:
        parts.append(phrase("depth.chosen", layer=depths.chosen, tau=round(tau, 3), percent=saved[depths.chosen]))
    return [*parts, phrase("depth.choose", "muted")]


def _said(depths: Depths, result: RerankResult) -> list[Phrase]:
    cut = phrase("depth.cut", "warn") if any(scored.windows for scored in result.scored) else None
    return [*([cut] if cut else []), *sentences(depths)]


def on_look(services: Services, caller: Caller, visit: Any) -> Iterator[Looked]:
    """Score the passages on the page after every layer.

    Raises:
        PlaygroundError: the model cannot be run. What is on the page stays.
    """
    if visit.result is None or visit.choice is None:
        raise InvalidInput("There is nothing to compare yet. Run a model first.")
    skip = gr.skip()
    with services.run(caller) as stop:
        yield Looked(skip, skip, [step("run.start")], gr.update(interactive=False), gr.update(interactive=True))
        found = None
        for progress in services.engine.depths(visit.result.request, visit.choice, stop=stop):
            found = progress.result
            if progress.phase not in ("done", "stopped"):
                yield Looked(skip, skip, [step_of(progress)], skip, skip)
        free = (gr.update(interactive=True), gr.update(interactive=False))
        if found is None:
            yield Looked(skip, skip, [phrase("run.stopped_early", "muted")], *free)
            return
        now = replace(visit, depths=found, looked=visit.choice)
        status = [phrase("depth.done", "good", n=len(found.layers))]
        yield Looked(shown(now), now, status, *free)


def on_choose(services: Services, caller: Caller, model: str | None) -> str:
    """The model box with the layer that was clicked.

    Raises:
        InvalidInput: no layer.
    """
    layer = caller.event.get("layer")
    if not isinstance(layer, int | float) or not model:
        raise InvalidInput("Choose a layer of the plot.")
    return changed(model, folders=not services.settings.public, layer=str(int(layer)))


def failed(said: Phrase) -> Looked:
    """After an error what is on the page stays."""
    return Looked(gr.skip(), gr.skip(), [said], gr.update(interactive=True), gr.update(interactive=False))


def wire(page: Page, depth: gr.HTML, visit: gr.State) -> None:
    """Listeners of the fold."""
    panel, me = page.workspace, page.me
    outputs = [depth, visit, panel.status, panel.run, panel.stop]
    options: dict[str, Any] = {"concurrency_id": "rerank", "concurrency_limit": MAX_RUNS}
    options |= {"trigger_mode": "once", "on_error": failed}
    listen(depth.deepened, partial(on_look, page.services), me=me, inputs=[visit], outputs=outputs, **options)
    listen(depth.layered, partial(on_choose, page.services), me=me, inputs=[panel.model], outputs=[panel.model])


def _same_but_layer(depths: Depths, visit: Any) -> bool:
    """Whether the run on the page reads the same weights, with all but the layer as then.

    The figure is of cut passages, whether the list is of windows or not; `_said` tells the difference.
    """
    one, other, looked, choice = depths.spec, visit.result.spec, visit.looked, visit.choice
    return (
        # Of another model, which may be a folder that was closed since, nothing is asked.
        split(looked.model_id).name == split(choice.model_id).name
        and _without_layer(looked) == _without_layer(choice)
        and (one.revision, one.device, one.precision) == (other.revision, other.device, other.precision)
    )


def _without_layer(choice: ModelChoice) -> ModelChoice:
    return replace(choice, model_id=changed(choice.model_id, layer=""), batch_tokens=None, windows=None)
