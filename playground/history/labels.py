"""Labels of pairs, by owner: what a person or a file said, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from playground.core.labels import Label, LabelledQuery, LabelledSet, LabelSource
from playground.core.types import Passage
from playground.history import label_rows, pairs
from playground.history.database import HistoryFile
from playground.history.records import owned

ALL = """
    SELECT query_id, passage_id, grade, source, at FROM labels JOIN pairs ON pairs.id = labels.pair
    WHERE owner = ? ORDER BY labels.number
"""
TEXTS = """
    SELECT id, text FROM pair_texts WHERE id IN (
        SELECT query_id FROM labels JOIN pairs ON pairs.id = labels.pair WHERE owner = :owner
        UNION SELECT passage_id FROM labels JOIN pairs ON pairs.id = labels.pair WHERE owner = :owner
    )
"""


class LabelStore:
    """Labels in the history's file. Every method raises HistoryError where the file cannot be used.

    A pair is its exact query and passage texts, so a label is found wherever the pair appears, with any model.
    """

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def put(
        self,
        owner: str,
        query: str,
        text: str,
        grade: int | None,
        source: LabelSource = "human",
        at: datetime | None = None,
    ) -> Label | None:
        """Label one pair; None removes its label. It is on the disk when this returns.

        Args:
            at: aware; None is now.
        Returns:
            The label that stood there before, for `restore`.
        Raises:
            InvalidInput: there is no such grade.
        """
        label = None if grade is None else Label(grade, source, at or datetime.now(UTC))
        return self.restore(owner, query, text, label)

    def restore(self, owner: str, query: str, text: str, label: Label | None) -> Label | None:
        """Make `label` the label of one pair, with its time and source; None removes it. Returns the one before."""
        owner, pair = owned(owner), (query, text)
        with self._file.writing(None if label is None else owner) as db:
            before = label_rows.find(db, owner, [pair]).get(0)
            if label is not None:
                label_rows.put(db, owner, pair, label)
            elif before is not None:
                label_rows.remove(db, owner, pair)
        return before

    def find(self, owner: str, query: str, texts: Sequence[str]) -> list[Label | None]:
        """The label of each passage under `query`, in step with `texts`."""
        owner = owned(owner)
        with self._file.reading() as db:
            found = label_rows.find(db, owner, [(query, text) for text in texts])
        return [found.get(place) for place in range(len(texts))]

    def all(self, owner: str) -> LabelledSet:
        """Every labelled pair; queries, and passages within them, in the order in which they were first labelled."""
        owner = owned(owner)
        with self._file.reading() as db:
            rows = db.execute(ALL, [owner]).fetchall()
            texts = {id: pairs.original(text) for id, text in db.execute(TEXTS, {"owner": owner}).fetchall()}
        by_query: dict[int, list[tuple[str, Label]]] = {}
        for query_id, passage_id, *said in rows:
            by_query.setdefault(query_id, []).append((texts[passage_id], label_rows.label_of(*said)))
        queries = (_query(place, texts[id], group) for place, (id, group) in enumerate(by_query.items(), start=1))
        return LabelledSet("labels", "", tuple(queries))

    def count(self, owner: str) -> int:
        """How many pairs have a label, unsure ones included."""
        with self._file.reading() as db:
            return db.table("labels").count_where("owner = ?", [owned(owner)])

    def version(self, owner: str) -> str:
        """A word that changes whenever a label, a score or a set of `owner` does; for caches."""
        with self._file.reading() as db:
            found = db.execute("SELECT version FROM label_versions WHERE owner = ?", [owned(owner)]).fetchone()
        return "" if found is None else str(found[0])


def _query(place: int, query: str, labelled: Sequence[tuple[str, Label]]) -> LabelledQuery:
    passages = (Passage(str(number), text) for number, (text, _) in enumerate(labelled, start=1))
    return LabelledQuery(str(place), query, tuple(passages), tuple(label for _, label in labelled))
