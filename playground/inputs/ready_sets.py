"""Ready examples: small labelled sets of our own writing, in `assets/labelled/`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.types import Passage
from playground.paths import ASSETS

# "example" is as a help page or an encyclopedia would put it; "traps" is hard on purpose.
NAMES = ("example", "traps")


def path(name: str) -> Path:
    return ASSETS / "labelled" / f"{name}.json"


@cache
def load(name: str = "example") -> LabelledSet:
    """One of `NAMES`, with its name as id. Every passage has a label: 0 not relevant, 1 to 3 relevant."""
    content = json.loads(path(name).read_text(encoding="utf-8"))
    at = datetime.fromisoformat(content["written"]).replace(tzinfo=UTC)
    queries = tuple(
        LabelledQuery(
            query["id"],
            query["query"],
            tuple(Passage(item["id"], item["text"], item["grade"] > 0) for item in query["passages"]),
            tuple(Label(item["grade"], "imported", at) for item in query["passages"]),
        )
        for query in content["queries"]
    )
    return LabelledSet(name, content["name"], queries)
