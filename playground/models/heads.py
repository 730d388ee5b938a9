"""Which output of a classifier's head says that a passage is relevant."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from playground.core.errors import InvalidInput, ModelUnsuitable

# What makers of rerankers, NLI and QNLI models call it.
RELEVANT = frozenset({"relevant", "entailment", "yes", "true"})
_NAMELESS = re.compile(r"(LABEL_)?\d+")


class Label(NamedTuple):
    """One output of a head.

    Attributes:
        place: its column.
        name: as the model's files call it; empty where they name none.
    """

    place: int
    name: str


def label_names(config: dict[str, Any]) -> list[str]:
    """The names of a head's outputs in order: `id2label`, else as many nameless ones as `num_labels`, else two."""
    labels = config.get("id2label")
    if isinstance(labels, dict) and labels:
        return [str(labels[key]) for key in sorted(labels, key=int)]
    return [f"LABEL_{place}" for place in range(int(config.get("num_labels") or 2))]


def relevant_label(model_id: str, config: dict[str, Any], asked: str = "") -> Label:
    """The output that means relevant: the one asked for, the only one, the one whose name says so, or the second of
    two that only have numbers.

    Args:
        asked: a name or a number; empty where nothing was asked.

    Raises:
        InvalidInput: no such label.
        ModelUnsuitable: several labels, and none that says so, or more than one.
    """
    names = label_names(config)
    listed = ", ".join(names)
    if asked:
        found = [place for place, name in enumerate(names) if asked.lower() in (name.lower(), str(place))]
        if not found:
            raise InvalidInput(
                "{model} has no label {label!r}. Its labels are {labels}.", model=model_id, label=asked, labels=listed
            )
        return Label(found[0], names[found[0]])
    if len(names) == 1:
        return Label(0, names[0])
    if len(names) == 2 and all(_NAMELESS.fullmatch(name) for name in names):
        return Label(1, names[1])
    found = [place for place, name in enumerate(names) if name.lower() in RELEVANT]
    if len(found) != 1:
        raise ModelUnsuitable(
            "{model} is a classifier with the labels {labels}; which of them says that a passage is relevant is not "
            "clear. If one does, add it to the name: {model}#label={example}.",
            model=model_id,
            labels=listed,
            example=names[-1],
        )
    return Label(found[0], names[found[0]])
