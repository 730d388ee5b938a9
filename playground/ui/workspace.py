"""The workspace: query, passages, model and the buttons. Every view works on what stands here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import gradio as gr

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.types import DeviceName, ModelChoice, Passage, PrecisionName, RerankRequest, Truncation
from playground.engine.inputs.items import Note
from playground.models import catalog
from playground.models.resolve import is_folder, parse_choice
from playground.ui import texts
from playground.ui.components.bound import Bound
from playground.ui.components.drawn import phrases
from playground.ui.components.pickers import reranker_choices
from playground.ui.inputs.files import SUFFIXES, read_file
from playground.ui.inputs.parse import MODES, Parsed, as_text, parse_passages, remember
from playground.ui.inputs.scenarios import Scenario, load_all
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.wiring import Caller, listen

COUNT_AGAIN_SECONDS = 1.5


@dataclass(frozen=True)
class Widgets:
    """The components of the workspace. `known` is what passages came from a file or an example, with their labels."""

    query: gr.Textbox
    passages: gr.Textbox
    example: gr.Dropdown
    hint: gr.HTML
    upload: gr.UploadButton
    split: gr.Dropdown
    live: gr.HTML
    model: gr.Dropdown
    model_line: gr.HTML
    device: gr.Dropdown
    precision: gr.Dropdown
    max_length: gr.Number
    truncation: gr.Radio
    batch_tokens: gr.Number
    instruction: gr.Textbox
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    known: gr.State
    timer: gr.Timer

    @property
    def asked(self) -> list[Any]:
        """The components whose values make an `Asked`, in its order."""
        return [
            self.query,
            self.passages,
            self.split,
            self.model,
            self.device,
            self.precision,
            self.max_length,
            self.truncation,
            self.batch_tokens,
            self.instruction,
            self.known,
        ]


class Asked(NamedTuple):
    """What stands in the workspace."""

    query: str
    text: str
    split: str
    model: str
    device: DeviceName
    precision: PrecisionName
    max_length: float | None
    truncation: Truncation
    batch_tokens: float | None
    instruction: str
    known: tuple[Passage, ...]

    def parsed(self) -> Parsed:
        """The passages, with ids and labels where the text is still that of a file or an example.

        Raises:
            InvalidInput: the text cannot be split in the way chosen.
        """
        return remember(parse_passages(self.text or "", self.split), self.known or ())

    def choice(self, services: Services) -> ModelChoice:
        """The model and its settings.

        Raises:
            PlaygroundError: no such way to name a model, a number that makes no sense, or a folder on a public page.
        """
        model_id, revision = parse_choice(self.model or "")
        if services.settings.public and is_folder(model_id):
            raise InvalidInput("Folders of this machine cannot be opened on a public page. Type a Hugging Face id.")
        return ModelChoice(
            model_id,
            revision,
            device=self.device,
            precision=self.precision,
            max_length=_count("Maximum length", self.max_length),
            truncation=self.truncation,
            batch_tokens=_count("Tokens per batch", self.batch_tokens),
        )


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


class Restored(NamedTuple):
    """The workspace as it was when a run was made, in the order of `Widgets.asked`."""

    query: str
    passages: str
    split: str
    model: Any
    device: str
    precision: str
    max_length: int | None
    truncation: str
    batch_tokens: int | None
    instruction: str
    known: tuple[Passage, ...]


def build(services: Services, bound: Bound) -> Widgets:
    """The panel, in the order in which one fills it in."""
    query = bound(
        gr.Textbox(lines=1, max_lines=5, elem_id="workspace-query", autofocus=True),
        label="input.query",
        placeholder="input.query_hint",
    )
    with gr.Row(elem_classes=["pg-pair", "pg-pair-wide"]):
        example = bound(
            gr.Dropdown(
                cast("Any", _example_choices("en")),
                value=None,
                elem_id="workspace-example",
                filterable=False,
                min_width=120,
            ),
            label="input.example",
            choices=_example_choices,
        )
        split = bound(
            gr.Dropdown(
                cast("Any", _split_choices("en")),
                value="auto",
                elem_id="workspace-split",
                filterable=False,
                min_width=120,
            ),
            label="input.split",
            choices=_split_choices,
        )
    hint = phrases(elem_id="workspace-hint")
    with gr.Row(elem_classes="pg-above"):
        upload = bound(
            gr.UploadButton(file_types=list(SUFFIXES), size="sm", elem_id="workspace-upload", scale=0, min_width=110),
            label="input.upload",
        )
    passages = bound(
        gr.Textbox(lines=7, max_lines=9, elem_id="workspace-passages"),
        label="input.passages",
        placeholder="input.passages_hint",
    )
    live = phrases(elem_id="workspace-live")
    model_widgets = _build_model(services, bound)
    with gr.Column(elem_id="workspace-foot"):
        with gr.Row(elem_classes="pg-actions"):
            run = bound(gr.Button(variant="primary", elem_id="workspace-run", scale=3), value="run.run_keys")
            stop = bound(
                gr.Button(variant="stop", elem_id="workspace-stop", interactive=False, scale=1, min_width=80),
                value="run.stop",
            )
        status = phrases(elem_id="workspace-status")
    known, timer = gr.State(()), gr.Timer(COUNT_AGAIN_SECONDS, active=False)
    return Widgets(query, passages, example, hint, upload, split, live, *model_widgets, run, stop, status, known, timer)


class _Model(NamedTuple):
    model: gr.Dropdown
    model_line: gr.HTML
    device: gr.Dropdown
    precision: gr.Dropdown
    max_length: gr.Number
    truncation: gr.Radio
    batch_tokens: gr.Number
    instruction: gr.Textbox


def _build_model(services: Services, bound: Bound) -> _Model:
    model = bound(
        gr.Dropdown(
            choices=cast("Any", reranker_choices(services)),
            value=services.first_model,
            allow_custom_value=True,
            elem_id="workspace-model",
        ),
        label="model.model",
        info="model.model_info",
    )
    line = phrases(model_facts(services.first_model), elem_id="workspace-model-line")
    with gr.Row(elem_classes="pg-pair"):
        device = bound(
            gr.Dropdown(
                cast("Any", _device_choices("en")),
                value=services.settings.device,
                elem_id="workspace-device",
                filterable=False,
                min_width=120,
            ),
            label="model.device",
            choices=_device_choices,
        )
        precision = bound(
            gr.Dropdown(
                cast("Any", _precision_choices("en")),
                value=services.settings.precision,
                elem_id="workspace-precision",
                filterable=False,
                min_width=120,
            ),
            label="model.precision",
            choices=_precision_choices,
        )
    with bound(gr.Accordion(open=False, elem_id="workspace-advanced"), label="model.advanced"):
        with gr.Row(elem_classes="pg-pair"):
            max_length = bound(
                gr.Number(value=None, precision=0, minimum=0, elem_id="workspace-max-length", min_width=120),
                label="model.max_length",
                info="model.max_length_info",
            )
            batch_tokens = bound(
                gr.Number(value=None, precision=0, minimum=0, elem_id="workspace-batch-tokens", min_width=120),
                label="model.batch_tokens",
                info="model.batch_tokens_info",
            )
        truncation = bound(
            gr.Radio(cast("Any", _truncation_choices("en")), value="only_second", elem_id="workspace-truncation"),
            label="model.truncation",
            info="model.truncation_info",
            choices=_truncation_choices,
        )
        instruction = bound(
            gr.Textbox(lines=1, max_lines=4, elem_id="workspace-instruction", value=_instruction(services.first_model)),
            label="model.instruction",
            info="model.instruction_info",
        )
    return _Model(model, line, device, precision, max_length, truncation, batch_tokens, instruction)


def on_count(services: Services, caller: Caller, *values: Any) -> Counted:
    """How many passages and tokens there are, and how many will be cut. Loads nothing."""
    asked = Asked(*values)
    try:
        passages = asked.parsed().passages
        if not passages:
            return Counted([phrase("live.none", "muted")], gr.update(active=False))
        line = [phrase("live.passages", n=len(passages))]
        choice = asked.choice(services)
        found = services.engine.count(asked.query or "", [passage.text for passage in passages], choice)
    except PlaygroundError as error:
        return Counted([texts.of_error(error)], gr.update(active=False))
    if found is None:
        return Counted([*line, phrase("live.waiting", "muted")], gr.update(active=True))
    cut = (
        phrase("live.cut", "cut", n=found.n_cut_passages) if found.n_cut_passages else phrase("live.none_cut", "muted")
    )
    return Counted([*line, phrase("live.tokens", n=found.n_tokens), cut], gr.update(active=False))


def on_example(services: Services, caller: Caller, name: str | None) -> Filled:
    """Query and passages of an example."""
    if not name:
        return Filled(*(gr.skip() for _ in Filled._fields))
    scenario = next(each for each in examples() if each.id == name)
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


def on_model(services: Services, caller: Caller, model: str | None) -> tuple[list[Phrase], str]:
    """What is known of the model before it is loaded, and the instruction its makers gave."""
    return model_facts(model or ""), _instruction(model or "")


def restored(request: RerankRequest, choice: ModelChoice) -> Restored:
    """The workspace that gives this run again."""
    name = f"{choice.model_id}@{choice.revision}" if choice.revision else choice.model_id
    return Restored(
        query=request.query,
        passages=as_text(request.passages, marks=False),
        split="auto",
        model=name,
        device=choice.device,
        precision=choice.precision,
        max_length=choice.max_length,
        truncation=choice.truncation,
        batch_tokens=choice.batch_tokens,
        instruction=request.instruction or "",
        known=request.passages,
    )


def model_facts(model: str) -> list[Phrase]:
    """One line about a model, from the catalogue."""
    entry = catalog.find(model.split("@")[0])
    if entry is None:
        return [phrase("model.own", "muted")]
    said: Phrase = {"tone": "muted"}
    for language in texts.LANGUAGES:
        size = f"{entry.download_mib / 1024:.1f} GiB" if entry.download_mib >= 1000 else f"{entry.download_mib} MiB"
        where = "model.is_built_in" if entry.built_in else "model.downloads"
        said[language] = " · ".join(
            (
                texts.say(
                    "model.facts",
                    language,
                    parameters=_in_millions(entry.n_parameters),
                    max_length=f"{entry.max_length:,}",
                    languages=_language_names(entry.languages, language),
                    licence=entry.licence,
                ),
                texts.say(where, language, size=size),
            )
        )
    return [said]


def note_phrase(note: str) -> Phrase:
    """A remark of the input room, in both languages."""
    if isinstance(note, Note):
        return {"template": note.template, "values": dict(note.values), "tone": "warn"}
    return texts.both(note)


def _language_names(codes: tuple[str, ...], language: Language) -> str:
    known = texts.texts()
    return ", ".join(known[f"language.{code}"][language] if f"language.{code}" in known else code for code in codes)


def _in_millions(n: int) -> str:
    return f"{n / 1e9:.1f} B" if n >= 1e9 else f"{n / 1e6:.0f} M"


def _instruction(model: str) -> str:
    entry = catalog.find(model.split("@")[0])
    return entry.instruction if entry is not None else ""


def _count(name: str, value: float | None) -> int | None:
    """A number of tokens from a number box; None where it is empty or zero.

    Raises:
        InvalidInput: below zero.
    """
    if not value:
        return None
    if value < 0:
        raise InvalidInput("{name} cannot be below zero. Leave it empty for the model's own.", name=name)
    return int(value)


@cache
def examples() -> tuple[Scenario, ...]:
    """The example scenarios, read once."""
    return load_all()


def _example_choices(language: Language) -> list[tuple[str, str]]:
    return [(scenario.title[language], scenario.id) for scenario in examples()]


def _split_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"input.split_{mode.replace(' ', '_')}", language), mode) for mode in MODES]


def _device_choices(language: Language) -> list[tuple[str, str]]:
    graphics = "mps" if sys.platform == "darwin" else "cuda"
    names = [
        ("model.auto", "auto"),
        ("model.mps" if graphics == "mps" else "model.gpu", graphics),
        ("model.cpu", "cpu"),
    ]
    return [(texts.say(key, language), value) for key, value in names]


def _precision_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say("model.auto", language), "auto"), ("fp32", "fp32"), ("fp16", "fp16"), ("bf16", "bf16")]


def _truncation_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"model.{name}", language), name) for name in ("only_second", "longest_first")]


def wire(services: Services, widgets: Widgets, me: gr.BrowserState) -> None:
    """Listeners of the panel; the run itself is wired by the ranking view."""
    w = widgets
    filled = [w.query, w.passages, w.split, w.known, w.hint, w.status]
    listen(w.example.input, partial(on_example, services), me=me, inputs=[w.example], outputs=filled)
    listen(w.upload.upload, partial(on_upload, services), me=me, inputs=[w.upload], outputs=filled)
    listen(w.model.change, partial(on_model, services), me=me, inputs=[w.model], outputs=[w.model_line, w.instruction])
    for source in (w.query, w.passages, w.split, w.model, w.max_length, w.truncation):
        listen(
            source.change,
            partial(on_count, services),
            me=me,
            inputs=w.asked,
            outputs=[w.live, w.timer],
            trigger_mode="always_last",
            concurrency_limit=4,
            concurrency_id="count",
        )
    listen(
        w.timer.tick,
        partial(on_count, services),
        me=me,
        inputs=w.asked,
        outputs=[w.live, w.timer],
        concurrency_id="count",
    )
