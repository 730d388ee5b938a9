"""A labelled set becomes files that its readers, and other people's tools, accept."""

from __future__ import annotations

import json

from playground.core.labels import LabelledSet, SetScores
from playground.engine.inputs.items import Note
from playground.engine.label_files.gathering import Kind


def write(labelled: LabelledSet, kind: Kind, scores: SetScores | None = None) -> dict[str, str]:
    """The set as files: text by file name."""
    lines = []
    for query in labelled.queries:
        graded = list(zip(query.passages, query.grades(), strict=True))
        pos = [passage.text for passage, grade in graded if grade]
        neg = [passage.text for passage, grade in graded if grade == 0]
        if pos and neg:
            lines.append(json.dumps({"query": query.query, "pos": pos, "neg": neg}, ensure_ascii=False))
    return {"flagembedding.jsonl": "".join(f"{line}\n" for line in lines)}


def losses(labelled: LabelledSet, kind: Kind, scores: SetScores | None = None) -> tuple[Note, ...]:
    """What files of this kind cannot hold of this set."""
    return ()
