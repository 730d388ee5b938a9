"""The models of the embeddings: the box where they are chosen, and the instruction of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import InvalidInput
from playground.models import catalog
from playground.models.named import parse_choice
from playground.ui.components.html_parts import phrases
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import model_name
from playground.ui.texts import Phrase
from playground.ui.workspace.choices import model_facts

# More do not fit beside each other.
MOST_MODELS = 4


class Slot(NamedTuple):
    """What stands under the models box for one chosen model: its facts, the switch and text of its instruction."""

    box: gr.Column
    line: gr.HTML
    switch: gr.Checkbox
    text: gr.Textbox


class SlotUpdate(NamedTuple):
    """A slot after another choice of models."""

    box: Any
    line: Any
    switch: Any
    text: Any


class Chosen(NamedTuple):
    """The models chosen, and what was said of their instructions."""

    models: tuple[str, ...]
    slotted: tuple[str, ...]
    switches: tuple[bool, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, models: Sequence[str] | None, slotted: Sequence[str] | None, *typed: Any) -> Chosen:
        """From the values of `Widgets.chosen`; a model that was named twice stands once."""
        names = dict.fromkeys(name.strip() for name in models or () if name and name.strip())
        switches, written = typed[:MOST_MODELS], typed[MOST_MODELS:]
        said = tuple(map(bool, switches)), tuple(text or "" for text in written)
        return cls(tuple(names), tuple(slotted or ()), *said)

    def said(self, model: str) -> tuple[bool, str]:
        """Switch and text of a model: as they stand, or as they begin for one that has no slot yet."""
        if model not in self.slotted:
            entry = catalog.find(parse_choice(model)[0]) if model else None
            return entry is None or bool(entry.instruction), entry.instruction if entry is not None else ""
        place = self.slotted.index(model)
        return self.switches[place], self.texts[place]

    def instruction(self, model: str) -> str | None:
        """For `Engine.embed`: None takes the model's own, an empty text none. The text's own spaces count."""
        on, text = self.said(model)
        return "" if not on else text if text.strip() else None

    def checked(self) -> Chosen:
        """The same.

        Raises:
            InvalidInput: no model, or too many.
        """
        if not self.models:
            raise InvalidInput("Choose at least one embedding model.")
        if len(self.models) > MOST_MODELS:
            raise InvalidInput(
                "{n} models do not fit beside each other. Choose at most {most}.", n=len(self.models), most=MOST_MODELS
            )
        return self


def build_slot(place: int, models: Sequence[str], localized: Localized) -> Slot:
    """One slot, filled where a model stands in it from the start."""
    model = models[place] if place < len(models) else ""
    on, text = Chosen(tuple(models), (), (), ()).said(model)
    with gr.Column(visible=bool(model), elem_classes="pg-slot", elem_id=f"embeddings-slot-{place}") as box:
        line = phrases(facts(model) if model else None)
        with gr.Row(elem_classes="pg-slot-row"):
            switch = localized(
                gr.Checkbox(value=on, elem_id=f"embeddings-switch-{place}", scale=0, min_width=210, container=False),
                label="embeddings.instruction",
            )
            written = localized(
                gr.Textbox(
                    value=text,
                    lines=1,
                    max_lines=4,
                    container=False,
                    show_label=False,
                    elem_id=f"embeddings-text-{place}",
                    min_width=200,
                ),
                label="embeddings.instruction_text",
                placeholder="embeddings.instruction_own",
            )
    return Slot(box, line, switch, written)


def updates(chosen: Chosen) -> list[SlotUpdate]:
    """One slot for each model; what was typed for a model stays with it."""
    found: list[SlotUpdate] = []
    for place in range(MOST_MODELS):
        if place >= len(chosen.models):
            found.append(SlotUpdate(gr.update(visible=False), [], gr.skip(), gr.skip()))
            continue
        model = chosen.models[place]
        on, text = chosen.said(model)
        found.append(SlotUpdate(gr.update(visible=True), facts(model), on, text))
    return found


def facts(model: str) -> list[Phrase]:
    """The model's name and what is known of it."""
    name = model_name(model)
    return [{"en": name, "zh": name, "tone": "name"}, *model_facts(model)]
