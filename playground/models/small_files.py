"""The JSON files beside a model's weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playground.core.errors import ModelBroken


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a model's file; empty where there is no such file.

    Raises:
        ModelBroken: the file is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelBroken("{file} of the model cannot be read. Download the model again.", file=path.name) from error
    if not isinstance(value, dict):
        raise ModelBroken("{file} of the model cannot be read. Download the model again.", file=path.name)
    return value


def modules(folder: Path) -> list[dict[str, Any]]:
    """The steps of a sentence-transformers model (`modules.json`); empty for a plain transformers model.

    Raises:
        ModelBroken: the file is no list of steps.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return []
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))
        return [{"type": str(step["type"]), "path": str(step["path"])} for step in steps]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelBroken("{file} of the model cannot be read. Download the model again.", file=path.name) from error


def steps(folder: Path) -> list[str]:
    """The class names of `modules`."""
    return [step["type"].rsplit(".", 1)[-1] for step in modules(folder)]
