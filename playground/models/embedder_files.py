"""What an embedder's files say of pooling and of the instruction before a query."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playground.core.errors import ModelUnsuitable
from playground.models.catalog import CatalogEntry
from playground.models.small_files import modules, read_json, steps

Pooling = Literal["cls", "mean", "last"]

_POOLING_FLAGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
_POOLING_NAMES: dict[str, Pooling] = {"cls": "cls", "mean": "mean", "lasttoken": "last"}


def pooling_of(model_id: str, folder: Path, entry: CatalogEntry | None) -> Pooling:
    unknown = set(steps(folder)) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise ModelUnsuitable(
            "{model} adds a step ({step}) after pooling that this version does not run. Try another embedder.",
            model=model_id,
            step=", ".join(sorted(unknown)),
        )
    path = next((step["path"] for step in modules(folder) if step["type"].endswith(".Pooling")), None)
    if path is None:
        if entry is not None and entry.pooling:
            return entry.pooling
        raise ModelUnsuitable("{model} does not say how its tokens are pooled. Try another embedder.", model=model_id)
    pooling = _declared_pooling(read_json(folder / path / "config.json"))
    if pooling is None:
        raise ModelUnsuitable(
            "{model} pools its tokens in a way that this version does not run. Try one with CLS, mean or last token.",
            model=model_id,
        )
    return pooling


def _declared_pooling(config: dict[str, Any]) -> Pooling | None:
    # sentence-transformers 6 writes one name; earlier versions a flag per mode, of which several may be on.
    if isinstance(config.get("pooling_mode"), str):
        return _POOLING_NAMES.get(config["pooling_mode"])
    on = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    return _POOLING_FLAGS.get(on[0]) if len(on) == 1 else None


def instruction_of(model_id: str, folder: Path, entry: CatalogEntry | None) -> str:
    if entry is not None:
        return entry.instruction
    config = read_json(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") or {}
    if any(prompts.get(name) for name in ("document", "passage", "corpus")) or config.get("default_prompt_name"):
        raise ModelUnsuitable(
            "{model} puts a prompt before every passage, which this version does not do. Try another embedder.",
            model=model_id,
        )
    return str(prompts.get("query") or "")
