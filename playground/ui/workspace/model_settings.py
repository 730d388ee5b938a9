"""The settings that only some models have, beside the model box, whose id they read and write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import PlaygroundError
from playground.models import backends, layers, modes, prompts
from playground.models.named import split
from playground.models.settings import ModelSettings, changed, mode_text, settings_of
from playground.ui import texts
from playground.ui.components.asked import Restored
from playground.ui.components.html_parts import phrases
from playground.ui.components.localized import Localized
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.wiring import Caller, listen

# What a weight may be dragged to; an id may say more.
LARGEST_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the controls of a page were last set to.

    Attributes:
        name: the model whose instruction stands in its box.
        settings: None where they are to be set anew.
    """

    name: str = ""
    settings: ModelSettings | None = None


class Controls(NamedTuple):
    """The components. `box`, `compression` and `weights` hold others; `backend`, which most people leave as it is, is
    rendered by the caller; `known` is what they were last set to."""

    box: gr.Column
    layer: gr.Slider
    compression: gr.Row
    ratio: gr.Dropdown
    at: gr.Dropdown
    weights: gr.Column
    dense: gr.Slider
    sparse: gr.Slider
    colbert: gr.Slider
    label: gr.Dropdown
    prompt: gr.Dropdown
    task: gr.Dropdown
    backend: gr.Dropdown
    said: gr.HTML
    known: gr.State

    @property
    def set_by_hand(self) -> list[Any]:
        """The components whose values make a `Wanted`, in its order."""
        compressed, weighed = [self.ratio, self.at], [self.dense, self.sparse, self.colbert]
        return [self.layer, *compressed, *weighed, self.label, self.prompt, self.task, self.backend]


class Wanted(NamedTuple):
    """What stands in the controls; those of other families hold anything."""

    layer: float | None
    ratio: int | None
    at: list[int] | None
    dense: float | None
    sparse: float | None
    colbert: float | None
    label: str | None
    prompt: str | None
    task: str | None
    backend: str | None


class Written(NamedTuple):
    """The model box, the instruction and the line under the controls, after one of them was moved."""

    model: Any
    instruction: Any
    said: list[Phrase]
    known: Any


def build(services: Services, localized: Localized) -> Controls:
    """All controls, of which those of the first model are seen."""
    found, _ = _read(services, services.first_model)
    start = _drawn(found, [])
    small: dict[str, Any] = {"min_width": 120}

    def made(kind: Any, field: str, elem_id: str, **options: Any) -> Any:
        props = {key: value for key, value in getattr(start, field).items() if key != "__type__"}
        return kind(elem_id=f"workspace-{elem_id}", **options | props)

    with made(gr.Column, "box", "settings") as box:
        layer = localized(
            made(gr.Slider, "layer", "layer", step=1, buttons=[]), label="settings.layer", info="settings.layer_info"
        )
        with made(gr.Row, "compression", "compression", elem_classes="pg-pair") as compression:
            ratio = localized(made(gr.Dropdown, "ratio", "ratio", filterable=False, **small), label="settings.ratio")
            at = localized(made(gr.Dropdown, "at", "at", multiselect=True, **small), label="settings.at")
        with made(gr.Column, "weights", "weights") as weights:
            phrases([phrase("settings.weights", "muted")])
            dense, sparse, colbert = (
                localized(made(gr.Slider, mode, mode, step=0.01, minimum=0, buttons=[]), label=f"settings.{mode}")
                for mode in modes.MAKERS
            )
        label = localized(made(gr.Dropdown, "label", "label"), label="settings.label", info="settings.label_info")
        prompt = localized(made(gr.Dropdown, "prompt", "prompt"), label="settings.prompt", info="settings.prompt_info")
        task = localized(made(gr.Dropdown, "task", "task"), label="settings.task", info="settings.task_info")
        said = phrases(_said(found), elem_id="workspace-settings-said")
    backend = localized(
        made(gr.Dropdown, "backend", "backend", filterable=False, render=False),
        label="settings.backend",
        info="settings.backend_info",
    )
    known = gr.State(Known(split(services.first_model).name, found))
    weighed = (weights, dense, sparse, colbert)
    return Controls(box, layer, compression, ratio, at, *weighed, label, prompt, task, backend, said, known)


class Drawn(NamedTuple):
    """The controls as a model wants them, in the order of `Controls`."""

    box: Any
    layer: Any
    compression: Any
    ratio: Any
    at: Any
    weights: Any
    dense: Any
    sparse: Any
    colbert: Any
    label: Any
    prompt: Any
    task: Any
    backend: Any
    said: Any
    known: Any


class Read(NamedTuple):
    """What the page knows of another model: its instruction, where it stands, and the controls."""

    instruction: Any
    place: Any
    controls: Drawn


UNCHANGED = Drawn(*(gr.skip() for _ in Drawn._fields))


def on_read(
    services: Services, caller: Caller, known: Known, model: str | None, instruction: str | None, *, typed: bool = False
) -> Read:
    """The controls as the id says. What a person wrote as the instruction stays while the model is the same.

    Args:
        typed: whether a person chose the id. Else the controls stay as they stand while they are those of the model:
            a person may be moving one, and the id follows.
    """
    found, said = _read(services, model or "")
    if not typed and _has_controls_of(known, found):
        return Read(gr.skip(), gr.skip(), UNCHANGED)
    name = found.name if found is not None else split(model or "").name
    own = _own(known.settings, found, instruction) if name == known.name else found.instruction if found else ""
    drawn = _drawn(found, said)._replace(known=Known(name, None if said else found))
    return Read(own, gr.update(elem_classes=instruction_classes(found)), drawn)


def on_write(services: Services, caller: Caller, model: str | None, instruction: str | None, *values: Any) -> Written:
    """The id as the controls say. What no model allows is said in a sentence, and the id stays."""
    try:
        found = settings_of(model or "", folders=not services.settings.public)
        options: dict[str, Any] = _options(found, Wanted(*values))
        written = changed(found.model, folders=not services.settings.public, **options)
        after = settings_of(written, folders=not services.settings.public)
    except PlaygroundError as error:
        return Written(gr.skip(), gr.skip(), [texts.of_error(error)], gr.skip())
    return Written(written, _own(found, after, instruction), _said(after), Known(after.name, after))


def known_of(workspace: Restored) -> Known:
    """For a run that is opened: its controls are to be set, and the instruction that was written for it stays."""
    return Known(split(str(workspace.model)).name if workspace.instruction else "")


def instruction_classes(found: ModelSettings | None) -> list[str]:
    """Where the instruction stands: in sight for a model that is told its task, else with the advanced settings."""
    return [] if found is not None and found.instructed else ["pg-advanced-only"]


def wire(
    services: Services, controls: Controls, model: gr.Dropdown, instruction: gr.Textbox, me: gr.BrowserState
) -> None:
    """A control that a person moves writes the id; how the id sets the controls is wired with the model box."""
    # One listener for all of them: what is moved last is written last.
    listen(
        partial(gr.on, [control.input for control in controls.set_by_hand]),
        partial(on_write, services),
        me=me,
        inputs=[model, instruction, *controls.set_by_hand],
        outputs=[model, instruction, controls.said, controls.known],
        trigger_mode="always_last",
    )


def _has_controls_of(known: Known, found: ModelSettings | None) -> bool:
    """Whether the page shows the controls of this model already, whatever they are set to."""
    before = known.settings
    if before is None or found is None or before.name != found.name:
        return False
    parts = (
        (each.layers, each.labels, each.prompts, each.tasks, each.backends, bool(each.weights))
        for each in (before, found)
    )
    return next(parts) == next(parts)


def _own(before: ModelSettings | None, after: ModelSettings | None, written: str | None) -> Any:
    """The makers' instruction of the settings as they are now, where that of before still stands in the box."""
    untouched = before is not None and after is not None and (written or "").strip() == before.instruction.strip()
    return after.instruction if untouched and after is not None else gr.skip()


def _read(services: Services, model: str) -> tuple[ModelSettings | None, list[Phrase]]:
    """(the settings of a model, or of the model without its options where these cannot be; what is wrong with them)."""
    folders = not services.settings.public
    try:
        return settings_of(model, folders=folders), []
    except PlaygroundError as error:
        said = [texts.of_error(error)]
    try:
        return settings_of(split(model).name, folders=folders), said
    except PlaygroundError:
        return None, said


def _drawn(found: ModelSettings | None, said: list[Phrase]) -> Drawn:
    found = found or ModelSettings("", "")
    depth, own = found.depth, found.layers
    weights = found.weights or (0.0, 0.0, 0.0)
    most = max(LARGEST_WEIGHT, *weights)
    parts = (own, found.weights, found.labels, found.prompts, found.tasks)
    layer: dict[str, Any] = {"visible": bool(own)}
    if depth is not None:
        step = own[1] - own[0] if len(own) > 1 else 1
        layer |= {"minimum": own[0], "maximum": own[-1], "step": step, "value": depth.layer}
    return Drawn(
        box=gr.update(visible=any(parts) or bool(said)),
        layer=gr.update(**layer),
        compression=gr.update(visible=bool(found.places)),
        ratio=gr.update(choices=[(str(ratio), ratio) for ratio in layers.RATIOS], value=depth.ratio if depth else 1),
        at=gr.update(choices=[(str(place), place) for place in found.places], value=list(depth.at) if depth else []),
        weights=gr.update(visible=bool(found.weights)),
        dense=gr.update(maximum=most, value=weights[0]),
        sparse=gr.update(maximum=most, value=weights[1]),
        colbert=gr.update(maximum=most, value=weights[2]),
        label=_choice(found.labels, found.label),
        prompt=_choice(found.prompts, found.prompt, {key: kind.title for key, kind in prompts.PROMPTS.items()}),
        task=_choice(found.tasks, found.task or next(iter(found.tasks), "")),
        backend=_choice(found.backends, found.backend, backends.TITLES),
        said=said or _said(found),
        known=Known(found.name, found),
    )


def _choice(values: tuple[str, ...], value: str, titles: Mapping[str, str] | None = None) -> Any:
    named = [((titles or {}).get(each, each), each) for each in values]
    return gr.update(visible=bool(values), choices=named, value=value or None)


def _options(found: ModelSettings, wanted: Wanted) -> dict[str, str]:
    """The options of an id that say what stands in the controls of this model."""
    if found.depth is not None:
        options = {"layer": str(int(wanted.layer or found.depth.layer))}
        if found.places:
            ratio = wanted.ratio if wanted.at else 1
            options |= {"ratio": str(ratio or 1), "at": "+".join(map(str, sorted(wanted.at or ())))}
        return options
    if found.weights:
        return {"mode": mode_text(tuple(round(weight or 0.0, 9) for weight in wanted[3:6]))}
    chosen = {"label": (found.labels, wanted.label), "prompt": (found.prompts, wanted.prompt)}
    chosen["task"] = (found.tasks, wanted.task)
    options = {key: value for key, (values, value) in chosen.items() if values and value}
    if found.backends:
        options["backend"] = "" if wanted.backend in (None, backends.PLAIN) else str(wanted.backend)
    return options


def _said(found: ModelSettings | None) -> list[Phrase]:
    """One line on what the settings make of the scores, or on what is still to be chosen."""
    if found is None:
        return []
    if found.weights:
        scale = modes.scale_of(modes.weights_of(mode_text(found.weights)))
        return [phrase(f"meaning.{scale.name}", "muted")]
    if found.places and found.depth is not None:
        depth = found.depth
        if not depth.at:
            return [phrase("settings.nothing_compressed", "muted")]
        return [phrase("settings.compressed", "muted", ratio=depth.ratio, at=", ".join(map(str, depth.at)))]
    if found.labels and not found.label:
        return [phrase("settings.label_unclear", "warn")]
    if found.prompts and not found.prompt:
        return [phrase("settings.prompt_unclear", "warn")]
    return []
