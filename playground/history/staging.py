"""Labelled sets on their way in: a slice at a time and out of sight, so that nobody waits and nothing is seen half."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import LabelledSet
from playground.history import set_rows
from playground.history.database import HistoryFile
from playground.history.set_rows import Slice


@dataclass(slots=True)
class Staged:
    """A set of which every row is on the disk, in the bin.

    Attributes:
        pairs: row ids of its pairs, in its order.
    """

    number: int = 0
    pairs: list[int] = field(default_factory=list)


@contextmanager
def staged(
    file: HistoryFile, owner: str, labelled: LabelledSet, name: str, created_at: datetime, *, with_marks: bool = True
) -> Iterator[Staged]:
    """A set, written without its labels, for `set_rows.show` inside; whatever was not shown is removed afterwards.

    Args:
        with_marks: labels and scores that its pairs got inside are removed with it.
    Raises:
        HistoryError: the file cannot be written, or the set was removed meanwhile.
        TypeError: what a passage carries along holds something that JSON does not.
    """
    made = Staged()

    def write(db: Database, part: Slice) -> None:
        if not made.number:
            made.number = set_rows.begin(db, owner, labelled, name, created_at)
        made.pairs += set_rows.add(db, made.number, part)

    try:
        file.write_slices(set_rows.slices(labelled), write)
        yield made
    finally:
        # On a full disk not even this may work; then it lies in the bin until it is purged.
        with suppress(HistoryError):
            _discard(file, owner, made.number, with_marks)


def _discard(file: HistoryFile, owner: str, number: int, with_marks: bool) -> None:
    with file.reading() as db:
        hidden = db.execute("SELECT 1 FROM sets WHERE number = ? AND origin IS NULL", [number]).fetchone()
    gone = hidden is None
    while not gone:
        with file.writing() as db:
            gone = set_rows.shrink(db, owner, number, with_marks=with_marks)
