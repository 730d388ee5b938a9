"""The ready example: a small labelled set of our own writing, in `assets/labelled/example.json`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache

from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.types import Passage
from playground.paths import ASSETS

PATH = ASSETS / "labelled" / "example.json"


@cache
def load() -> LabelledSet:
    """The example, with the id "example". Every passage has a label: 0 not relevant, 1 to 3 relevant."""
    content = json.loads(PATH.read_text(encoding="utf-8"))
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
    return LabelledSet("example", content["name"], queries)
