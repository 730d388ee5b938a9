"""What the model boxes offer, by family, and what stands beside a name."""

from __future__ import annotations

from typing import Final

from playground.core.types import Kind
from playground.models import bm25, catalog
from playground.models.backends import TITLES
from playground.models.named import parse_choice, short_name, split
from playground.models.room import Room, gib
from playground.remote.address import is_remote
from playground.ui import texts
from playground.ui.services import Services
from playground.ui.texts import Language

Choices = list[tuple[str, str]]
# In the order in which they are offered; the keys of `texts.family`.
GROUPS: Final = ("built_in", "own", "cross_encoders", "language_models", "apart", "embedders", "keywords")
_GROUP_OF: Final = {
    "cross_encoder": "cross_encoders",
    "causal_lm": "language_models",
    "seq2seq": "language_models",
    "layerwise": "language_models",
    "m3": "apart",
    "splade": "apart",
    "colbert": "apart",
    "bi_encoder": "embedders",
}


def reranker_choices(services: Services) -> Choices:
    """The built-in reranker, models named at the start, then the catalogue's rerankers by family."""
    found = _with_own(services, _known("reranker"))
    return sorted(found, key=lambda choice: GROUPS.index(group_of(choice[1])))


def described(choices: Choices, language: Language, room: Room | None) -> Choices:
    """The same, each name with its family, its size and whether it fits: gradio's list has no headings."""
    return [(_described(name, model_id, language, room), model_id) for name, model_id in choices]


def group_of(model_id: str) -> str:
    """Where a choice stands in the list: one of `GROUPS`."""
    if model_id == bm25.MODEL_ID:
        return "keywords"
    entry = _entry(model_id)
    return "own" if entry is None else "built_in" if entry.built_in else _GROUP_OF[entry.family]


def size_in_words(model_id: str, language: Language, room: Room | None) -> str:
    """Parameters and download of a known model, and whether it fits where that is known; empty for any other."""
    entry = _entry(model_id)
    if entry is None or entry.built_in:
        return ""
    said = [size.replace(" ", "\u00a0") for size in (in_words(entry.n_parameters), gib(entry.download_mib))]
    if room is not None:
        said.append(texts.say(f"fit.{room.fit(entry.n_parameters)}", language))
    return " · ".join(said)


def in_words(n: int) -> str:
    """A number of parameters for people: "278 M", "2.5 B"."""
    return f"{n / 1e9:.1f} B" if n >= 1e9 else f"{n / 1e6:.0f} M"


def embedder_choices(services: Services) -> Choices:
    """The built-in embedder, then the catalogue's."""
    return _known("embedder")


def any_choices(services: Services) -> Choices:
    """All that can rank: rerankers, embedders, and BM25 as the keyword baseline right after the built-in models."""
    rerankers, embedders = reranker_choices(services), embedder_choices(services)
    return [rerankers[0], embedders[0], (bm25.NAME, bm25.MODEL_ID), *rerankers[1:], *embedders[1:]]


def kind_of(model: str) -> Kind | None:
    """What is known of a typed model without opening it; `Engine.kind_of` looks into its files."""
    model_id, _ = parse_choice(model)
    if model_id == bm25.MODEL_ID or is_remote(model_id):
        return "reranker"
    entry = catalog.find(split(model_id).name)
    return None if entry is None else entry.kind


def model_name(model_id: str) -> str:
    """The name people know a model by: BM25's, the catalogue's for a built-in one and what runs it, a trained one's
    folder, else its id."""
    if model_id == bm25.MODEL_ID:
        return bm25.NAME
    entry = catalog.find(model_id)
    if entry is None or not entry.built_in:
        return short_name(model_id)
    backend = split(model_id).backend
    return f"{entry.name} · {TITLES.get(backend, backend)}" if backend else entry.name


def _described(name: str, model_id: str, language: Language, room: Room | None) -> str:
    size = size_in_words(model_id, language, room)
    return f"{name} — {texts.say(f'family_of.{group_of(model_id)}', language)} · {size}" if size else name


def _entry(model_id: str) -> catalog.CatalogEntry | None:
    return catalog.find(model_id) or catalog.find(split(model_id).name)


def _known(kind: Kind) -> Choices:
    known: Choices = []
    for entry in catalog.entries():
        if entry.kind == kind:
            tasks = [(f"{entry.name} ({task})", f"{entry.id}#task={task}") for task in entry.tasks]
            known += tasks or [(entry.name, entry.id)]
    return known


def _with_own(services: Services, known: Choices) -> Choices:
    own = [(name, name) for name in services.settings.models if name not in {model_id for _, model_id in known}]
    # On a public page one visitor's names are not for another.
    trained = [] if services.settings.public else services.trained.list(None)
    own += [(each.ask.name, str(each.path)) for each in trained]
    return [*known[:1], *own, *known[1:]]
