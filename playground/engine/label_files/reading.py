"""Files become a labelled set: which format they are in is told from their content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.engine.label_files import json_rows
from playground.engine.label_files.gathering import Gathering, Kind, LabelFile, TooMuch
from playground.engine.label_files.sources import load
from playground.engine.limits import LOCAL, Limits


def read(paths: Sequence[Path], *, name: str | None = None, limits: Limits = LOCAL) -> LabelFile:
    """The labelled set that these files hold; all of it, or an error.

    Args:
        name: of the set; None takes the first file's.
    Raises:
        InvalidInput: a broken line (all are counted, the first few named with file and line), labels that contradict
            each other, no labels, or a limit is passed.
    """
    sources, notes = load([Path(path) for path in paths], limits)
    gathering = Gathering(limits)
    gathering.notes += notes
    kind: Kind = "flagembedding"
    for source in sources:
        for place, row in json_rows.entries(source):
            try:
                if isinstance(row, InvalidInput):
                    raise row
                json_rows.add_flagembedding(gathering, place, row)
            except TooMuch:
                raise
            except InvalidInput as problem:
                gathering.broken(problem)
    return gathering.finish(name or _stem(Path(paths[0])), kind)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name
