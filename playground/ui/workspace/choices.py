"""What the boxes of the workspace offer, and what they say of a model, in both languages."""

from __future__ import annotations

import os
import sys
from functools import cache

from playground.core.errors import PlaygroundError
from playground.core.types import PRECISIONS, DeviceName, PrecisionName
from playground.inputs.pasted_text import MODES
from playground.inputs.scenarios import Scenario, load_all
from playground.models import catalog
from playground.models.named import split
from playground.models.room import gib, largest, need_of
from playground.models.settings import size_of
from playground.remote.address import is_remote, parse
from playground.remote.backend import backend
from playground.ui import texts
from playground.ui.components.model_choices import described, in_words, reranker_choices
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase


def model_facts(model: str) -> list[Phrase]:
    """One line about a model, from the catalogue, with the size of its download."""
    entry = catalog.find(split(model.split("@")[0]).name)
    if entry is None:
        return [phrase("model.own", "muted")]
    size = gib(entry.download_mib)
    where = phrase("model.is_built_in", "muted") if entry.built_in else phrase("model.downloads", "muted", size=size)
    return [_facts(entry), where]


def model_line(services: Services, model: str, device: DeviceName, precision: PrecisionName) -> list[Phrase]:
    """The line under the model box: what is known of the model, what it needs, and whether it fits here."""
    if is_remote(model):
        return elsewhere(model)
    folders = not services.settings.public
    entry = catalog.find(split(model.split("@")[0]).name)
    said = [_facts(entry) if entry is not None else phrase("model.own", "muted")]
    # Another backend runs in fp32, or makes its int8 of it.
    runs: PrecisionName = "fp32" if split(model).backend else precision
    size, room = size_of(model, folders=folders), services.room(device, runs)
    if size is None:
        return said
    if entry is not None and entry.built_in:
        said.append(phrase("model.is_built_in", "muted"))
    elif size.download_mib and services.settings.offline:
        said.append(phrase("model.offline", "warn", size=gib(size.download_mib)))
    elif size.download_mib:
        said.append(phrase("model.downloads", "muted", size=gib(size.download_mib)))
    else:
        said.append(phrase("model.is_here", "muted"))
    if room is None:
        return said
    memory = gib(need_of(size.n_parameters, room.precision).memory_mib)
    said.append(phrase("model.needs", "muted", memory=memory, precision=room.precision))
    fit = room.fit(size.n_parameters)
    if fit == "fits":
        return [*said, phrase("model.fits", "good")]
    if fit == "tight":
        return [*said, phrase("model.tight", "warn", free=gib(room.free_mib))]
    kind = "reranker" if entry is None or split(model).mode else entry.kind
    instead = largest(kind, lambda known: room.fit(known.n_parameters) == "fits")
    return [*said, phrase("model.too_large", "bad", free=gib(room.free_mib), instead=instead)]


def elsewhere(model: str) -> list[Phrase]:
    """The line of a model on another machine. Asks nobody."""
    try:
        address = parse(model)
    except PlaygroundError as error:
        return [texts.of_error(error)]
    kind = backend(address.kind)
    if address.servers:
        return [phrase("model.elsewhere", "muted", title=kind.title, at=address.at)]
    has_key = bool(os.environ.get(kind.key_variable))
    known = phrase("model.has_key" if has_key else "model.no_key", "muted", variable=kind.key_variable)
    return [phrase("model.service", "muted", title=kind.title), known]


def is_at_hand(services: Services, model: str, device: DeviceName, precision: PrecisionName) -> bool:
    """Whether a model may be loaded before anybody asks: its files are on this machine, and it fits. On a public page
    strangers would have the machine load whatever they look at.
    """
    size, room = size_of(model), services.room(device, precision)
    if split(model).backend:
        # Its file may have to be made first, which takes minutes.
        return False
    if services.settings.public or size is None or size.download_mib or room is None:
        return False
    return room.fit(size.n_parameters) == "fits"


def _facts(entry: catalog.CatalogEntry) -> Phrase:
    said: Phrase = {"tone": "muted"}
    for language in texts.LANGUAGES:
        said[language] = texts.say(
            "model.facts",
            language,
            parameters=in_words(entry.n_parameters),
            max_length=f"{entry.max_length:,}",
            languages=_language_names(entry.languages, language),
            licence=entry.licence,
        )
    return said


def _language_names(codes: tuple[str, ...], language: Language) -> str:
    known = texts.texts()
    return ", ".join(known[f"language.{code}"][language] if f"language.{code}" in known else code for code in codes)


def model_choices(
    services: Services, language: Language, device: DeviceName, precision: PrecisionName
) -> list[tuple[str, str]]:
    """What the model box offers, with what of it fits on this device in this precision."""
    return described(reranker_choices(services), language, services.room(device, precision))


@cache
def examples() -> tuple[Scenario, ...]:
    """The example scenarios, read once."""
    return load_all()


def example_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say("input.example_hint", language), ""), *((each.title[language], each.id) for each in examples())]


def split_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"input.split_{mode.replace(' ', '_')}", language), mode) for mode in MODES]


def device_choices(language: Language) -> list[tuple[str, str]]:
    graphics = "mps" if sys.platform == "darwin" else "cuda"
    names = [
        ("model.auto", "auto"),
        ("model.mps" if graphics == "mps" else "model.gpu", graphics),
        ("model.cpu", "cpu"),
    ]
    return [(texts.say(key, language), value) for key, value in names]


def precision_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say("model.auto", language) if name == "auto" else name, name) for name in PRECISIONS]


def truncation_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"model.{name}", language), name) for name in ("only_second", "longest_first")]
