"""What the model boxes offer."""

from __future__ import annotations

from playground.core.types import Kind
from playground.models import bm25, catalog
from playground.models.named import parse_choice, split
from playground.ui.services import Services

Choices = list[tuple[str, str]]


def reranker_choices(services: Services) -> Choices:
    """The built-in reranker, models named at the start, then the catalogue's rerankers."""
    return _with_own(services, _known("reranker"))


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
    if model_id == bm25.MODEL_ID:
        return "reranker"
    entry = catalog.find(split(model_id).name)
    return None if entry is None else entry.kind


def model_name(model_id: str) -> str:
    """The name people know a model by: BM25's, the catalogue's for a built-in one, else its id."""
    if model_id == bm25.MODEL_ID:
        return bm25.NAME
    entry = catalog.find(model_id)
    return entry.name if entry is not None and entry.built_in else model_id


def _known(kind: Kind) -> Choices:
    known: Choices = []
    for entry in catalog.entries():
        if entry.kind == kind:
            tasks = [(f"{entry.name} ({task})", f"{entry.id}#task={task}") for task in entry.tasks]
            known += tasks or [(entry.name, entry.id)]
    return known


def _with_own(services: Services, known: Choices) -> Choices:
    own = [(name, name) for name in services.settings.models if name not in {model_id for _, model_id in known}]
    return [*known[:1], *own, *known[1:]]
