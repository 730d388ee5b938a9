"""The workspace: query, passages, model and the buttons. Every view works on what stands here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import gradio as gr

from playground.core.errors import PlaygroundError
from playground.core.types import DeviceName, ModelChoice, PrecisionName
from playground.inputs.passage_files import SUFFIXES, read_file
from playground.inputs.pasted_text import as_text
from playground.models.named import parse_choice
from playground.remote.address import is_remote
from playground.ui import texts
from playground.ui.components.asked import Asked, note_phrase
from playground.ui.components.html_parts import phrases
from playground.ui.components.localized import Localized
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.wiring import Caller, listen
from playground.ui.workspace import model_settings, windows
from playground.ui.workspace.choices import (
    device_choices,
    example_choices,
    examples,
    is_at_hand,
    model_choices,
    model_line,
    precision_choices,
    split_choices,
    truncation_choices,
)

COUNT_AGAIN_SECONDS = 1.5


@dataclass(frozen=True)
class ModelWidgets:
    """The components around the model box. `runs` holds what a server decides for itself."""

    model: gr.Dropdown
    model_line: gr.HTML
    key: gr.Textbox
    controls: model_settings.Controls
    runs: gr.Row
    device: gr.Dropdown
    precision: gr.Dropdown
    max_length: gr.Number
    truncation: gr.Radio
    batch_tokens: gr.Number
    instruction: gr.Textbox
    place: gr.Column


@dataclass(frozen=True)
class Widgets(ModelWidgets):
    """The components of the workspace. `known` is what passages came from a file or an example, with their labels."""

    query: gr.Textbox
    passages: gr.Textbox
    example: gr.Dropdown
    hint: gr.HTML
    upload: gr.UploadButton
    split: gr.Dropdown
    live: gr.HTML
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    known: gr.State
    timer: gr.Timer
    windows: windows.Boxes

    @property
    def asked(self) -> list[Any]:
        """The components whose values make an `Asked`, in its order."""
        runs = (self.device, self.precision, self.max_length, self.truncation, self.batch_tokens)
        rest = (self.instruction, self.known, *self.windows.asked, self.key)
        return [self.query, self.passages, self.split, self.model, *runs, *rest]

    @property
    def restored(self) -> list[Any]:
        """The components of a `Restored`: all that a run is made of but the key, which stays as it is."""
        return self.asked[:-1]

    @property
    def filled(self) -> list[Any]:
        """The components of a `Filled`."""
        return [self.query, self.passages, self.split, self.known, self.hint, self.status]


class Filled(NamedTuple):
    """The boxes after an example or a file."""

    query: Any
    passages: Any
    split: Any
    known: Any
    hint: Any
    status: Any


class Counted(NamedTuple):
    """The live line; the timer runs until the tokens can be counted."""

    live: list[Phrase]
    timer: Any


class Modelled(NamedTuple):
    """What stands around the model box, and in it."""

    line: Any
    key: Any
    runs: Any
    read: model_settings.Read


def build(services: Services, localized: Localized) -> Widgets:
    """The panel, in the order in which one fills it in."""
    # The foot stands below what scrolls, and so never over it.
    with gr.Column(elem_id="workspace-body"):
        query = localized(
            gr.Textbox(lines=1, max_lines=5, elem_id="workspace-query", autofocus=True),
            label="input.query",
            placeholder="input.query_hint",
        )
        with gr.Row(elem_classes=["pg-pair", "pg-pair-wide"]):
            example = _dropdown(localized, "example", "input.example", example_choices, "")
            split = _dropdown(localized, "split", "input.split", split_choices, "auto")
        hint = phrases(elem_id="workspace-hint")
        with gr.Row(elem_classes="pg-above"):
            upload = localized(
                gr.UploadButton(
                    file_types=list(SUFFIXES), size="sm", elem_id="workspace-upload", scale=0, min_width=110
                ),
                label="input.upload",
            )
        passages = localized(
            gr.Textbox(lines=7, max_lines=9, elem_id="workspace-passages"),
            label="input.passages",
            placeholder="input.passages_hint",
        )
        live = phrases(elem_id="workspace-live")
        boxes = windows.build(localized)
        around = _build_model(services, localized)
    with gr.Column(elem_id="workspace-foot"):
        with gr.Row(elem_classes="pg-actions"):
            run = localized(gr.Button(variant="primary", elem_id="workspace-run", scale=3), value="run.run_keys")
            stop = localized(
                gr.Button(variant="stop", elem_id="workspace-stop", interactive=False, scale=1, min_width=80),
                value="run.stop",
            )
        status = phrases(elem_id="workspace-status")
    known, timer = gr.State(()), gr.Timer(COUNT_AGAIN_SECONDS, active=False)
    return Widgets(
        **vars(around),
        query=query,
        passages=passages,
        example=example,
        hint=hint,
        upload=upload,
        split=split,
        live=live,
        run=run,
        stop=stop,
        status=status,
        known=known,
        timer=timer,
        windows=boxes,
    )


def _dropdown(
    localized: Localized, name: str, label: str, choices: Callable[[Language], list[tuple[str, str]]], value: str
) -> gr.Dropdown:
    """A short list of fixed choices, in both languages."""
    first = cast("Any", choices("en"))
    box = gr.Dropdown(first, value=value, elem_id=f"workspace-{name}", filterable=False, min_width=120)
    return localized(box, label=label, choices=choices)


def _build_model(services: Services, localized: Localized) -> ModelWidgets:
    asked = (services.settings.device, services.settings.precision)
    away = is_remote(services.first_model)
    model = localized(
        gr.Dropdown(
            value=services.first_model,
            allow_custom_value=True,
            elem_id="workspace-model",
        ),
        label="model.model",
        info="model.model_info",
        choices=lambda language: model_choices(services, language, *asked),
    )
    line = phrases(model_line(services, services.first_model, *asked), elem_id="workspace-model-line")
    key = localized(
        gr.Textbox(type="password", elem_id="workspace-key", visible=away),
        label="model.key",
        info="model.key_info",
    )
    controls = model_settings.build(services, localized)
    found = controls.known.value.settings
    with gr.Column(
        elem_id="workspace-instruction-box", elem_classes=model_settings.instruction_classes(found)
    ) as place:
        instruction = localized(
            gr.Textbox(lines=1, max_lines=4, elem_id="workspace-instruction", value=found.instruction if found else ""),
            label="model.instruction",
            info="model.instruction_info",
        )
    with gr.Row(elem_classes="pg-pair", elem_id="workspace-runs", visible=not away) as runs:
        device = _dropdown(localized, "device", "model.device", device_choices, services.settings.device)
        precision = _dropdown(localized, "precision", "model.precision", precision_choices, services.settings.precision)
    with localized(gr.Accordion(open=False, elem_id="workspace-advanced"), label="model.advanced"):
        with gr.Row(elem_classes="pg-pair"):
            max_length = localized(
                gr.Number(value=None, precision=0, minimum=0, elem_id="workspace-max-length", min_width=120),
                label="model.max_length",
                info="model.max_length_info",
            )
            batch_tokens = localized(
                gr.Number(value=None, precision=0, minimum=0, elem_id="workspace-batch-tokens", min_width=120),
                label="model.batch_tokens",
                info="model.batch_tokens_info",
            )
        truncation = localized(
            gr.Radio(cast("Any", truncation_choices("en")), value="only_second", elem_id="workspace-truncation"),
            label="model.truncation",
            info="model.truncation_info",
            choices=truncation_choices,
        )
        cast("Any", controls.backend).render()
    return ModelWidgets(
        model=model,
        model_line=line,
        key=key,
        controls=controls,
        runs=runs,
        device=device,
        precision=precision,
        max_length=max_length,
        truncation=truncation,
        batch_tokens=batch_tokens,
        instruction=instruction,
        place=place,
    )


def on_count(services: Services, caller: Caller, *values: Any) -> Counted:
    """How many passages and tokens there are, and how many will be cut. Loads nothing."""
    asked = Asked(*values)
    try:
        passages = asked.parsed().passages
        if not passages:
            return Counted([phrase("live.none", "muted")], gr.update(active=False))
        line = [phrase("live.passages", n=len(passages))]
        choice = asked.choice(services)
        if is_remote(choice.model_id):
            return Counted([*line, phrase("live.elsewhere", "muted")], gr.update(active=False))
        found = services.engine.count(asked.query or "", [passage.text for passage in passages], choice)
    except PlaygroundError as error:
        return Counted([texts.of_error(error)], gr.update(active=False))
    if found is None:
        return Counted([*line, phrase("live.waiting", "muted")], gr.update(active=True))
    long = phrase("live.none_cut", "muted")
    if found.n_windowed:
        long = phrase("live.windowed", n=found.n_windowed)
    elif found.n_cut_passages:
        long = phrase("live.cut", "cut", n=found.n_cut_passages)
    return Counted([*line, phrase("live.tokens", n=found.n_tokens), long], gr.update(active=False))


def on_example(services: Services, caller: Caller, name: str | None) -> Filled:
    """Query and passages of an example."""
    scenario = next((each for each in examples() if each.id == name), None)
    if scenario is None:
        return Filled(*(gr.skip() for _ in Filled._fields))
    look_for: Phrase = {**scenario.look_for, "tone": "hint"}
    return Filled(scenario.query, as_text(scenario.passages, marks=False), "auto", scenario.passages, [look_for], [])


def on_upload(services: Services, caller: Caller, path: str | None) -> Filled:
    """Passages of a file; its query where it names one.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if not path:
        return Filled(*(gr.skip() for _ in Filled._fields))
    parsed = read_file(Path(path))
    said = [phrase("run.read", "good", n=len(parsed.passages)), *map(note_phrase, parsed.notes)]
    query = parsed.query if parsed.query else gr.skip()
    return Filled(query, as_text(parsed.passages, marks=False), "auto", parsed.passages, [], said)


def on_model(
    services: Services,
    caller: Caller,
    known: model_settings.Known,
    model: str | None,
    instruction: str | None,
    device: DeviceName,
    precision: PrecisionName,
    *,
    typed: bool = False,
) -> Modelled:
    """What is known of the model before it is loaded, its instruction and its settings.

    One that was chosen, and is at hand, is loaded while the visitor goes on: an error shows at its first run.
    """
    if not typed and model and is_at_hand(services, model, device, precision):
        services.engine.preload(ModelChoice(*parse_choice(model), device=device, precision=precision))
    line, away = model_line(services, model or "", device, precision), is_remote(model or "")
    read = model_settings.on_read(services, caller, known, model, instruction, typed=typed)
    return Modelled(line, gr.update(visible=away), gr.update(visible=not away), read)


def on_tick(
    services: Services, caller: Caller, known: model_settings.Known, model: str | None, instruction: str | None
) -> Modelled:
    """The settings of a model whose files have come meanwhile. What it needs was said before it took the room."""
    return Modelled(
        gr.skip(), gr.skip(), gr.skip(), model_settings.on_read(services, caller, known, model, instruction)
    )


def on_room(services: Services, caller: Caller, device: DeviceName, precision: PrecisionName) -> Any:
    """What the model box offers, in the language of the page, with what fits as things are now.

    Never of itself: a list that changes under a typing hand puts another model under the pointer.
    """
    return gr.update(choices=model_choices(services, caller.language, device, precision))


def wire(services: Services, widgets: Widgets, me: gr.BrowserState, switched: Callable[..., Any]) -> None:
    """Listeners of the panel; the run itself is wired by the ranking view.

    Args:
        switched: after the page got another language.
    """
    w = widgets
    listen(w.example.input, partial(on_example, services), me=me, inputs=[w.example], outputs=w.filled)
    listen(w.upload.upload, partial(on_upload, services), me=me, inputs=[w.upload], outputs=w.filled)
    _wire_model(services, w, me, switched)
    windows.wire(w.windows, me)
    count: dict[str, Any] = {"me": me, "inputs": w.asked, "outputs": [w.live, w.timer], "concurrency_id": "count"}
    counted = (w.query, w.passages, w.split, w.model, w.max_length, w.truncation)
    for source in (*counted, w.windows.reading, w.windows.tokens, w.windows.overlap):
        listen(source.change, partial(on_count, services), trigger_mode="always_last", concurrency_limit=4, **count)
    listen(w.timer.tick, partial(on_count, services), **count)


def _wire_model(services: Services, w: Widgets, me: gr.BrowserState, switched: Callable[..., Any]) -> None:
    """Listeners of the model box: its line, its settings, and what the box offers."""
    model_settings.wire(services, w.controls, w.model, w.instruction, me)
    outputs = [w.model_line, w.key, w.runs, w.instruction, w.place, *w.controls]
    # The timer runs while a model is on its way: what its files say is known once they are here.
    ticked = [w.controls.known, w.model, w.instruction]
    listen(w.timer.tick, partial(on_tick, services), me=me, inputs=ticked, outputs=outputs, concurrency_id="settings")
    for event in (w.model.input, w.model.change, w.device.change, w.precision.change):
        listen(
            event,
            partial(on_model, services, typed=event == w.model.input),
            me=me,
            inputs=[*ticked, w.device, w.precision],
            outputs=outputs,
            concurrency_id="settings",
        )
    room: dict[str, Any] = {"me": me, "inputs": [w.device, w.precision], "outputs": [w.model]}
    for event in (w.device.change, w.precision.change, switched):
        listen(event, partial(on_room, services), **room)
