"""The models: what is loaded and how its checks went, the catalogue, the cards of the built-in ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from playground.engine.loaded import LoadedModel
from playground.models import catalog
from playground.paths import BUILT_IN_MODELS
from playground.ui import texts
from playground.ui.components.html_parts import html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import model_name
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import phrase
from playground.ui.views.models import speed
from playground.ui.wiring import Caller, listen

# Of the other ways in which loaded weights were read; a slider leaves many.
MOST_OTHERS = 6
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Widgets:
    """The components of the view."""

    models: gr.HTML
    speed: speed.Widgets


def build(services: Services, localized: Localized) -> Widgets:
    """What is fastest here, loaded models and the catalogue, then the cards."""
    timed = speed.build()
    models = html_part("models/list", '<div class="pg-models"></div>', elem_id="models-list")
    cards = model_cards()
    if cards:
        phrases([phrase("models.cards")], elem_classes="pg-heading")
    for name, text in cards:
        with gr.Accordion(name, open=False, elem_classes="pg-model-card"):
            # Ours, not a user's: the one place where Markdown is drawn.
            gr.Markdown(text)
    return Widgets(models, timed)


def on_look(services: Services, caller: Caller) -> dict[str, object]:
    """What is loaded now, and the catalogue."""
    can_unload = not services.settings.public
    return {
        "loaded": [_loaded(model, can_unload) for model in services.engine.loaded()],
        "catalogue": [_entry(entry) for entry in catalog.entries()],
    }


def on_unload(services: Services, caller: Caller) -> dict[str, object]:
    """Drop a model, then look again. Visitors of a public page share the models and cannot."""
    if not services.settings.public:
        services.engine.unload(caller.text("fingerprint"))
    return on_look(services, caller)


def model_cards() -> list[tuple[str, str]]:
    """Name and card of each model that ships with the project, without the front matter."""
    found = []
    for entry in catalog.entries():
        path = BUILT_IN_MODELS / entry.path / "README.md"
        if entry.built_in and path.is_file():
            found.append((entry.name, _FRONT_MATTER.sub("", path.read_text(encoding="utf-8"))))
    return found


def _loaded(model: LoadedModel, can_unload: bool) -> dict[str, object]:
    spec = model.spec
    return {
        "name": model_name(spec.model_id),
        "revision": spec.revision,
        "fingerprint": spec.fingerprint,
        "device": spec.device,
        "precision": spec.precision,
        "max_length": spec.max_length,
        "others": [other.model_id.partition("#")[2] for other in model.others[:MOST_OTHERS]],
        "memory_mib": model.memory_mib,
        "in_use": model.in_use,
        "can_unload": can_unload,
        "checks": [
            {"name": texts.both(c.name), "status": c.status, "detail": texts.both(c.detail)} for c in model.checks
        ],
    }


def _entry(entry: catalog.CatalogEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "kind": entry.kind,
        "n_parameters": entry.n_parameters,
        "download_mib": entry.download_mib,
        "max_length": entry.max_length,
        "languages": list(entry.languages),
        "licence": entry.licence,
        "built_in": entry.built_in,
    }


def wire(page: Page) -> None:
    """Listeners of the view."""
    w: Widgets = page.views["models"]
    look: dict[str, Any] = {"me": page.me, "outputs": [w.models]}
    listen(page.tab["models"].select, partial(on_look, page.services), **look)
    listen(w.models.unloaded, partial(on_unload, page.services), **look)
    listen(speed.wire(page, w.speed).then, partial(on_look, page.services), **look)
