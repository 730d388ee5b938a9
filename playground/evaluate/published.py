"""What makers published of their models, read from `published.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playground.models.named import parse_choice, split


@dataclass(frozen=True, slots=True)
class Published:
    """A figure of a model card.

    Attributes:
        metric: its key without a depth that says nothing ("map"), as in our tables.
        value: times 100.
        counted, ran: how it was counted, and in what the model ran, as far as that is known.
        source: its address.
    """

    model: str
    task: str
    metric: str
    value: float
    counted: str
    ran: str
    source: str


@cache
def figures() -> tuple[Published, ...]:
    """All of them, in the order of the file."""
    said = tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8"))
    return tuple(
        Published(model["id"], task, source["metric"], float(value), source["counted"], source["ran"], source["url"])
        for source in said["source"]
        for model in source["model"]
        for task, value in model["figures"].items()
    )


def find(model: str, task: str) -> tuple[Published, ...]:
    """What is published of this model on this task, whatever revision and options the model is named with."""
    name = split(parse_choice(model)[0]).name.lower()
    return tuple(one for one in figures() if one.model.lower() == name and _bare(one.task) == _bare(task))


def _bare(task: str) -> str:
    """A task's name as it is the same everywhere: of "C-MTEB/Mmarco-reranking" and "MMarcoReranking" it is "mmarco"."""
    return re.sub(r"[^a-z0-9]|reranking", "", task.rstrip("/").rpartition("/")[2].lower())
