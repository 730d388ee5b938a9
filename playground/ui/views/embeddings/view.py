"""The embeddings: how one or more embedding models lay out the query and the passages of the workspace."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, cast

import gradio as gr

from playground.core.limits import validate
from playground.core.types import RerankRequest
from playground.models import catalog
from playground.ui import texts
from playground.ui.components import figures
from playground.ui.components.asked import Asked, note_phrase
from playground.ui.components.downloads import download_part, file
from playground.ui.components.html_parts import asset, html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import embedder_choices, model_name
from playground.ui.components.progress_line import step
from playground.ui.components.run_buttons import busy, idle, run_and_stop, wire_stop
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.views.embeddings import modes
from playground.ui.views.embeddings.chosen_models import MOST_MODELS, Chosen, Slot, build_slot, updates
from playground.ui.views.embeddings.embedding_run import embed
from playground.ui.views.embeddings.payload import (
    COLOURS,
    FIGURES,
    ORDERS,
    Arrangement,
    Column,
    as_page,
    caption,
    draw,
    order_of,
    payload,
    to_csv,
)
from playground.ui.wiring import Caller, listen

SECONDS_BETWEEN_STEPS = 0.25


@dataclass(frozen=True)
class Widgets:
    """The components of the view. `slotted` is which model each slot belongs to, `visit` what this page shows."""

    models: gr.Dropdown
    slots: tuple[Slot, ...]
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    shown: gr.HTML
    loader: gr.Plot
    download: gr.HTML
    modes: gr.HTML
    slotted: gr.State
    visit: gr.State

    @property
    def chosen(self) -> list[Any]:
        """The components whose values make a `Chosen`, in its order."""
        return [self.models, self.slotted, *(slot.switch for slot in self.slots), *(slot.text for slot in self.slots)]


@dataclass(frozen=True)
class Visit:
    """What one open page shows; `nonce` names the run."""

    columns: tuple[Column, ...] = ()
    arrangement: Arrangement = field(default_factory=Arrangement)
    warnings: tuple[Phrase, ...] = ()
    nonce: str = ""


class Ran(NamedTuple):
    """One step of a run; what did not change is skipped."""

    shown: Any
    visit: Any
    status: Any
    run: Any
    stop: Any
    loader: Any = gr.skip()
    query: Any = gr.skip()


class Shown(NamedTuple):
    """The same results, arranged in another way."""

    shown: Any
    visit: Any


def build(services: Services, localized: Localized) -> Widgets:
    """The strip with the models, then everything that is drawn."""
    first = (catalog.BUILT_IN_EMBEDDER,)
    with gr.Column(elem_id="embeddings-strip"):
        models = localized(
            gr.Dropdown(
                choices=cast("Any", embedder_choices(services)),
                value=list(first),
                multiselect=True,
                allow_custom_value=True,
                max_choices=MOST_MODELS,
                elem_id="embeddings-models",
            ),
            label="embeddings.models",
            info="embeddings.models_public" if services.settings.public else "embeddings.models_info",
        )
        slots = tuple(build_slot(place, first, localized) for place in range(MOST_MODELS))
        with gr.Row(elem_classes="pg-actions", elem_id="embeddings-actions"):
            run, stop = run_and_stop(localized, "embeddings", "embeddings.run")
            status = phrases(elem_id="embeddings-status")
    scripts = [f"embeddings/{name}" for name in ("heatmap", "pair", "table", "modes", "results")]
    shown = html_part(scripts, asset("embeddings/results.html"), elem_id="embeddings-result")
    loader = figures.loader("embeddings-loader")
    download = download_part("embeddings-download")
    unseen = (loader, download, modes.build())
    return Widgets(models, slots, run, stop, status, shown, *unseen, gr.State(first), gr.State(Visit()))


def on_models(services: Services, caller: Caller, *values: Any) -> tuple[Any, ...]:
    """One slot for each model; what was typed for a model stays with it."""
    chosen = Chosen.of(*values)
    return (chosen.models[:MOST_MODELS], *updates(chosen))


def on_embed(services: Services, caller: Caller, visit: Visit, *values: Any) -> Iterator[Ran]:
    """Run the models on the workspace, one after another; each shows as soon as it is done.

    Raises:
        InvalidInput: no query, no passages, no model, or too many. What is on the page stays.
    """
    with services.run(caller) as stop:
        yield _said([step("run.start")], **busy())._replace(loader=on_plotless(services, caller))
        n_chosen = len(values) - len(Asked._fields)
        chosen, asked = Chosen.of(*values[:n_chosen]).checked(), Asked(*values[n_chosen:])
        query, parsed = asked.read()
        checked = validate(RerankRequest(query, parsed.passages), services.engine.limits)
        warnings = tuple(note_phrase(note) for note in (*parsed.notes, *checked.notes))
        columns = [Column(model) for model in chosen.models]
        now = replace(visit, warnings=warnings, nonce=secrets.token_hex(4), arrangement=_fresh(visit.arrangement))
        for place, model in enumerate(chosen.models):
            steps = embed(services, model, chosen.instruction(model), asked, checked.request, stop)
            shown_at = 0.0
            while True:
                try:
                    said = next(steps)
                except StopIteration as end:
                    columns[place] = end.value
                    break
                if time.monotonic() - shown_at >= SECONDS_BETWEEN_STEPS:
                    shown_at = time.monotonic()
                    yield _said([*_which(model, place, len(columns)), said])
            now = replace(now, columns=tuple(columns))
            if place < len(columns) - 1 and not stop.is_set():
                yield _said(_which(chosen.models[place + 1], place + 1, len(columns)))._replace(
                    shown=_payload(now, caller.language, running=True), visit=now
                )
            if stop.is_set():
                break
        filled = query if query != asked.query else gr.skip()
        yield _ended(now, caller, stopped=stop.is_set())._replace(query=filled)


def on_plotless(services: Services, caller: Caller) -> dict[str, Any]:
    """The hidden plot with which plotly comes."""
    return figures.loaded()


def on_arrange(services: Services, caller: Caller, visit: Visit) -> Shown:
    """The same vectors in another order or with other colours, or with the large map that was asked for."""
    event, before = caller.event, visit.arrangement
    order, colours, by = event.get("order"), event.get("colours"), _place(event.get("by"), visit)
    arrangement = replace(
        before,
        order=next((each for each in ORDERS if each == order), before.order),
        colours=next((each for each in COLOURS if each == colours), before.colours),
        by=before.by if by is None else by,
        large=before.large or event.get("large") is True,
    )
    return _redrawn(replace(visit, arrangement=arrangement), caller.language)


def on_language(services: Services, caller: Caller, visit: Visit) -> Shown:
    """The figures in the language that was clicked; everything else follows by itself."""
    return _redrawn(visit, "zh" if caller.text("lang") == "zh" else "en")


def on_export(services: Services, caller: Caller, visit: Visit) -> Any:
    """The table as CSV, or one figure as a page. Pictures are made in the browser."""
    if caller.text("format") == "csv" and any(column.result is not None for column in visit.columns):
        return file(services, "embeddings.csv", "text/csv;charset=utf-8", to_csv(visit.columns))
    name = next((each for each in FIGURES if each == caller.text("figure")), None)
    place = _place(caller.event.get("column"), visit)
    if caller.text("format") != "html" or name is None or place is None or visit.columns[place].result is None:
        return gr.skip()
    column = visit.columns[place]
    figure = draw(column, name, order_of(visit.columns, visit.arrangement), visit.arrangement, caller.language)
    if figure is None:
        return gr.skip()
    from playground.plots.figure import safe

    title = f"{texts.say(f'embeddings.{name}', caller.language)}<br><sup>{safe(caption(column))}</sup>"
    return file(services, f"embeddings-{name}.html", "text/html;charset=utf-8", as_page(figure, title))


def failed(said: Phrase) -> Ran:
    """The page after an error: the sentence stays beside the button, the results stay where they are."""
    return _said([said], **idle())


def _redrawn(visit: Visit, language: Language) -> Shown:
    if not visit.nonce:
        return Shown(gr.skip(), visit)
    return Shown(_payload(visit, language), visit)


def _payload(visit: Visit, language: Language, *, running: bool = False) -> dict[str, object]:
    return payload(
        visit.columns, visit.arrangement, language, nonce=visit.nonce, warnings=visit.warnings, running=running
    )


def _ended(now: Visit, caller: Caller, *, stopped: bool) -> Ran:
    n_done = sum(column.result is not None for column in now.columns)
    n_failed = sum(column.error is not None for column in now.columns)
    if n_done == 0 and n_failed == 0:
        said = _said([phrase("embeddings.stopped_early", "muted")])
        return said._replace(**idle())
    if stopped:
        status = phrase("embeddings.stopped", "muted", n=n_done, total=len(now.columns))
    elif n_failed:
        status = phrase("embeddings.some_failed", "bad", n=n_failed, total=len(now.columns))
    else:
        ready = next(column.result for column in now.columns if column.result is not None)
        status = phrase("embeddings.done", "good", n=len(ready.request.passages))
    return Ran(shown=_payload(now, caller.language), visit=now, status=[status], **idle())


def _said(status: list[Phrase], run: Any = None, stop: Any = None) -> Ran:
    """A step that changes the status line, and maybe the buttons."""
    return Ran(gr.skip(), gr.skip(), status, run or gr.skip(), stop or gr.skip())


def _fresh(arrangement: Arrangement) -> Arrangement:
    """For new input: order and colours stay as chosen, the order is that of the first model again."""
    return replace(arrangement, by=0, large=False)


def _which(model: str, place: int, n: int) -> list[Phrase]:
    """Which model is at work, where there are several."""
    return [phrase("embeddings.model_of", "plain", place=place + 1, total=n, model=model_name(model))] if n > 1 else []


def _place(value: object, visit: Visit) -> int | None:
    """The column that an event names; None where there is none such."""
    return value if type(value) is int and 0 <= value < len(visit.columns) else None


def wire(page: Page) -> None:
    """Listeners of the view."""
    w: Widgets = page.views["embeddings"]
    panel, me, services = page.workspace, page.me, page.services
    slots = [component for slot in w.slots for component in slot]
    listen(
        w.models.change,
        partial(on_models, services),
        me=me,
        inputs=w.chosen,
        outputs=[w.slotted, *slots],
        trigger_mode="always_last",
    )
    listen(
        w.run.click,
        partial(on_embed, services),
        me=me,
        inputs=[w.visit, *w.chosen, *panel.asked],
        outputs=[w.shown, w.visit, w.status, w.run, w.stop, w.loader, panel.query],
        on_error=failed,
        concurrency_id="embed",
        concurrency_limit=4,
        trigger_mode="once",
    )
    wire_stop(services, me, w.stop, w.status, "stop-embed")
    listen(w.shown.plotless, partial(on_plotless, services), me=me, outputs=[w.loader])
    arranged: dict[str, Any] = {"me": me, "inputs": [w.visit], "outputs": [w.shown, w.visit]}
    listen(w.shown.arranged, partial(on_arrange, services), **arranged)
    listen(page.header.switched, partial(on_language, services), **arranged)
    listen(w.shown.exported, partial(on_export, services), me=me, inputs=[w.visit], outputs=[w.download])
    modes.wire(page, w.shown, w.modes, w.visit)
