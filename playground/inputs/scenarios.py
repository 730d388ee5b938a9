"""The example scenarios in `assets/scenarios`: one JSON file each, shown in the order of the file names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.core.types import Passage
from playground.inputs.keyed_items import gather, is_blank
from playground.paths import ASSETS

FOLDER = ASSETS / "scenarios"
LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A query with labelled passages that shows one thing.

    Attributes:
        title, look_for: by language ("en", "zh"): the name, and the line that says what to look for.
        passages: each with its own id and a label.
    """

    id: str
    title: Mapping[str, str]
    look_for: Mapping[str, str]
    query: str
    passages: tuple[Passage, ...]


def load_all(folder: Path = FOLDER) -> tuple[Scenario, ...]:
    """Every scenario of the folder, by file name.

    Raises:
        InvalidInput: a file that is no scenario, or two with the same id.
    """
    scenarios = tuple(load(path) for path in sorted(folder.glob("*.json")))
    ids = [scenario.id for scenario in scenarios]
    for own_id in ids:
        if ids.count(own_id) > 1:
            raise InvalidInput("Two scenarios have the id {id!r}.", id=own_id)
    return scenarios


def load(path: Path) -> Scenario:
    """One scenario.

    Raises:
        InvalidInput: the file cannot be read, is no JSON, or lacks a part; the sentence names file and part.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(
            "The scenario {name!r} cannot be read: {reason}.", name=path.name, reason=str(error)
        ) from error
    if not isinstance(content, dict):
        content = {}
    for part in ("id", "query"):
        if not isinstance(content.get(part), str) or is_blank(content[part]):
            raise _lacks(path, part)
    for part in ("title", "look_for"):
        words = content.get(part)
        if not isinstance(words, dict) or not all(isinstance(words.get(language), str) for language in LANGUAGES):
            raise _lacks(path, f"{part} ({', '.join(LANGUAGES)})")
    items = content.get("passages")
    if not isinstance(items, list) or not items:
        raise _lacks(path, "passages")
    passages = gather(enumerate(items, 1)).passages
    if len(passages) < len(items) or any(passage.label is None for passage in passages):
        raise _lacks(path, "passages (id, text, label)")
    return Scenario(content["id"], content["title"], content["look_for"], content["query"], passages)


def _lacks(path: Path, part: str) -> InvalidInput:
    return InvalidInput("The scenario {name!r} lacks its {part}.", name=path.name, part=part)
