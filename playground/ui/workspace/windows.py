"""What becomes of passages that are too long: cut, or read in windows."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import gradio as gr

from playground.core.windows import TOP_K
from playground.ui import texts
from playground.ui.components.asked import CUT, IN_WINDOWS, USUAL_OVERLAP
from playground.ui.components.localized import Localized
from playground.ui.texts import Language
from playground.ui.wiring import Caller, listen


class Boxes(NamedTuple):
    """The components, in the order of the last fields of an `Asked`; then what is shown for windows only."""

    reading: gr.Radio
    tokens: gr.Number
    overlap: gr.Dropdown
    by: gr.Dropdown
    top_k: gr.Number
    numbers: gr.Column

    @property
    def asked(self) -> list[Any]:
        return [self.reading, self.tokens, self.overlap, self.by, self.top_k]


class Seen(NamedTuple):
    """Which boxes are shown."""

    numbers: Any
    top_k: Any


def reading_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"windows.{name}", language), name) for name in (CUT, IN_WINDOWS)]


def overlap_choices(language: Language) -> list[tuple[str, str]]:
    """What is offered; any number may be typed."""
    return [
        (texts.say("windows.overlap_usual", language), USUAL_OVERLAP),
        (texts.say("windows.overlap_0", language), "0"),
    ]


def by_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"windows.by_{name}", language), name) for name in ("max", "mean", "first")]


def build(localized: Localized) -> Boxes:
    """The choice, and under it the numbers of windows, which show once windows are chosen."""
    reading = localized(
        gr.Radio(cast("Any", reading_choices("en")), value=CUT, elem_id="workspace-reading"),
        label="windows.reading",
        choices=reading_choices,
    )
    with gr.Column(visible=False, elem_id="workspace-windows") as numbers:
        with gr.Row(elem_classes="pg-pair"):
            tokens = _number(localized, "tokens", None)
            # Gradio makes an empty number box 0 as soon as one leaves it, and no overlap is not the usual one.
            overlap = localized(
                gr.Dropdown(
                    cast("Any", overlap_choices("en")),
                    value=USUAL_OVERLAP,
                    allow_custom_value=True,
                    elem_id="workspace-window-overlap",
                    min_width=110,
                ),
                label="windows.overlap",
                choices=overlap_choices,
            )
        with gr.Row(elem_classes=["pg-pair", "pg-pair-wide"]):
            by = localized(
                gr.Dropdown(
                    cast("Any", by_choices("en")), value="max", elem_id="workspace-window-by", filterable=False
                ),
                label="windows.by",
                choices=by_choices,
            )
            top_k = _number(localized, "top_k", TOP_K, visible=False)
    return Boxes(reading, tokens, overlap, by, top_k, numbers)


def _number(localized: Localized, name: str, value: int | None, *, visible: bool = True) -> gr.Number:
    # Gradio shows an empty number box as 0, and no placeholder.
    said = {"info": f"windows.{name}_empty"} if value is None else {}
    box = gr.Number(value=value, precision=0, elem_id=f"workspace-window-{name}", min_width=110, visible=visible)
    return localized(box, label=f"windows.{name}", **said)


def on_reading(caller: Caller, reading: str, by: str) -> Seen:
    """The boxes that matter for what was chosen."""
    return Seen(gr.update(visible=reading == IN_WINDOWS), gr.update(visible=by == "mean"))


def wire(boxes: Boxes, me: gr.BrowserState) -> None:
    """What is shown follows what is chosen, also where the history chose it."""
    for source in (boxes.reading, boxes.by):
        listen(
            source.change,
            on_reading,
            me=me,
            inputs=[boxes.reading, boxes.by],
            outputs=[boxes.numbers, boxes.top_k],
            trigger_mode="always_last",
        )
