"""The models of a comparison: what the picker offers, and what its rows ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import cast

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.types import PRECISIONS, Comparison, Kind, ModelChoice, ModelRun, PrecisionName
from playground.core.windows import Windows, windows_of
from playground.models import bm25
from playground.models.named import is_folder, split
from playground.models.readings import readings_of
from playground.models.settings import own_instruction
from playground.remote.address import is_remote
from playground.ui import texts
from playground.ui.components.asked import CUT, IN_WINDOWS, Asked
from playground.ui.components.model_choices import GROUPS, any_choices, group_of, kind_of, model_name, size_in_words
from playground.ui.services import Services


def offered(
    services: Services,
    model: str,
    precision: str,
    reading: str = CUT,
    *,
    opened: Comparison | None = None,
    nonce: str | None = None,
) -> dict[str, object]:
    """What the picker draws. The rows beyond the first live in the browser, but for those of an opened comparison.

    Args:
        model, precision, reading: what stands in the workspace: the first model.
        nonce: of the opened comparison; its rows are taken over once.
    """
    room = services.room(services.settings.device, cast("PrecisionName", precision))
    choices = [
        {
            "value": value,
            "label": label,
            "group": group_of(value),
            "size": {language: size_in_words(value, language, room) for language in texts.LANGUAGES},
        }
        for label, value in any_choices(services)
    ]
    return {
        "choices": choices,
        "groups": list(GROUPS),
        "precisions": list(PRECISIONS),
        "limit": services.engine.limits.models,
        "first": {"model": model_name(model or ""), "id": model or "", "precision": precision, "reading": reading},
        "readings": _readings(services, [model or "", *(str(each["value"]) for each in choices)]),
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
    return {
        "model": typed(choice),
        "precision": choice.precision,
        "kind": "auto" if known else choice.kind,
        "reading": CUT if choice.windows is None else IN_WINDOWS,
        "windows": None if choice.windows is None else asdict(choice.windows),
    }


def typed(choice: ModelChoice) -> str:
    """The model as one would type it."""
    return f"{choice.model_id}@{choice.revision}" if choice.revision else choice.model_id


def chosen(services: Services, asked: Asked, rows: object) -> list[ModelChoice]:
    """The workspace's model, then one for each row; all with the workspace's device, length and truncation.

    Args:
        rows: mappings of model, precision, kind, reading and windows; without a reading it is the workspace's. They
            come from the browser: anything may be in them.

    Raises:
        PlaygroundError: a row without a model, or a folder on a public page.
    """
    found = [choice_of(services, asked, "auto")]
    for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
        if isinstance(row, Mapping):
            precision, reading = row.get("precision"), row.get("reading")
            wanted = asked._replace(
                model=str(row.get("model") or ""),
                precision=cast("PrecisionName", precision if precision in PRECISIONS else "auto"),
                reading=str(reading) if reading in (CUT, IN_WINDOWS) else asked.reading,
            )
            choice = choice_of(services, wanted, row.get("kind"))
            found.append(choice if choice.windows is None else replace(choice, windows=_windows(row, choice.windows)))
    return found


def instruction_of(services: Services, asked: Asked) -> str | None:
    """The instruction that the visitor wrote; None where it is only the first model's own: then each takes its own."""
    written = (asked.instruction or "").strip()
    own = own_instruction(asked.model, folders=not services.settings.public).strip()
    return None if not written or written == own else written


def choice_of(services: Services, asked: Asked, kind: object) -> ModelChoice:
    """The model that stands in `asked`, with what holds for its kind; `auto` asks the model's files."""
    choice = asked.choice(services)
    if choice.model_id == bm25.MODEL_ID:
        return ModelChoice(bm25.MODEL_ID)
    if is_remote(choice.model_id):
        return ModelChoice(choice.model_id, max_length=choice.max_length, windows=choice.windows)
    return replace(choice, kind=_kind(services, choice, kind))


def _windows(row: Mapping[str, object], workspace: Windows) -> Windows:
    """Those of the comparison that the row was opened from, else the workspace's."""
    given = row.get("windows")
    try:
        return windows_of(given) or workspace if isinstance(given, Mapping) else workspace
    except (InvalidInput, TypeError):
        return workspace


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
