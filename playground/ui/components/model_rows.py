"""The models of a comparison: what the picker offers, and what its rows ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from playground.core.errors import PlaygroundError
from playground.core.types import Comparison, Kind, ModelChoice, ModelRun, PrecisionName
from playground.models import bm25, catalog
from playground.models.named import is_folder, parse_choice, split
from playground.models.readings import readings_of
from playground.ui.components.asked import Asked
from playground.ui.components.model_choices import any_choices, kind_of, model_name
from playground.ui.services import Services

PRECISIONS: tuple[PrecisionName, ...] = ("auto", "fp32", "fp16", "bf16")
KEYWORDS = "keywords"


def offered(
    services: Services, model: str, precision: str, *, opened: Comparison | None = None, nonce: str | None = None
) -> dict[str, object]:
    """What the picker draws. The rows beyond the first live in the browser, but for those of an opened comparison.

    Args:
        model, precision: what stands in the workspace: the first model.
        nonce: of the opened comparison; its rows are taken over once.
    """
    choices = [
        {"value": value, "label": label, "kind": KEYWORDS if value == bm25.MODEL_ID else kind_of(value) or "own"}
        for label, value in any_choices(services)
    ]
    return {
        "choices": choices,
        "precisions": list(PRECISIONS),
        "limit": services.engine.limits.models,
        "first": {"model": model_name(model or ""), "id": model or "", "precision": precision},
        "readings": _readings(services, [model or "", *(each["value"] for each in choices)]),
        "rows": None if opened is None else [row_of(run) for run in opened.runs[1:]],
        "nonce": nonce,
    }


def _readings(services: Services, models: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    """The ways in which these models can be read, by their ids without an option: what it takes to compare them."""
    found: dict[str, list[dict[str, object]]] = {}
    for name in dict.fromkeys(split(model).name for model in models if model):
        # No folder of a public page is looked into.
        if ways := () if services.settings.public and is_folder(name) else readings_of(name):
            short = name.rstrip("/").rsplit("/", 1)[-1]
            # What differs stands first: a row has room for the beginning of a name only.
            found[name] = [
                {
                    "what": way.what,
                    "model": short,
                    "values": way.values,
                    "choices": [{"value": id, "label": f"{id.removeprefix(name + '#')} · {short}"} for id in way.ids],
                    "plain": way.plain,
                }
                for way in ways
            ]
    return found


def row_of(run: ModelRun) -> dict[str, object]:
    """The row that asks for this model again."""
    choice = run.choice
    known = kind_of(choice.model_id) is not None
    return {"model": typed(choice), "precision": choice.precision, "kind": "auto" if known else choice.kind}


def typed(choice: ModelChoice) -> str:
    """The model as one would type it."""
    return f"{choice.model_id}@{choice.revision}" if choice.revision else choice.model_id


def chosen(services: Services, asked: Asked, rows: object) -> list[ModelChoice]:
    """The workspace's model, then one for each row; all with the workspace's device, length and truncation.

    Args:
        rows: mappings of model, precision and kind. They come from the browser: anything may be in them.

    Raises:
        PlaygroundError: a row without a model, or a folder on a public page.
    """
    found = [_choice(services, asked, "auto")]
    for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
        if isinstance(row, Mapping):
            precision = row.get("precision")
            wanted = asked._replace(
                model=str(row.get("model") or ""),
                precision=cast("PrecisionName", precision if precision in PRECISIONS else "auto"),
            )
            found.append(_choice(services, wanted, row.get("kind")))
    return found


def instruction_of(asked: Asked) -> str | None:
    """The instruction that the visitor wrote; None where it is only the first model's own: then each takes its own."""
    written = (asked.instruction or "").strip()
    entry = catalog.find(parse_choice(asked.model)[0])
    return None if not written or (entry is not None and written == entry.instruction.strip()) else written


def _choice(services: Services, asked: Asked, kind: object) -> ModelChoice:
    choice = asked.choice(services)
    if choice.model_id == bm25.MODEL_ID:
        return ModelChoice(bm25.MODEL_ID)
    return replace(choice, kind=_kind(services, choice, kind))


def _kind(services: Services, choice: ModelChoice, wanted: object) -> Kind:
    known = kind_of(choice.model_id)
    if known is not None:
        return known
    if wanted in ("reranker", "embedder"):
        return wanted
    try:
        return services.engine.kind_of(choice.model_id, choice.revision)
    except PlaygroundError:
        # Its own column will say why it cannot be opened; the others go on.
        return "reranker"
