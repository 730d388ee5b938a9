"""Corpora, by owner, in a file of their own beside the history's, so that a large one does not make that slow to open.

A document's text is stored once by the hash of its content, however many corpora of however many owners hold it; a
passage is characters of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from sqlite_utils import Database

from playground.core.corpora import Chunking, CorpusInfo, CorpusPassage, Document
from playground.core.errors import HistoryError, InvalidInput
from playground.core.limits import LOCAL, Limits, clean
from playground.history import corpus_rows
from playground.history.corpus_rows import COLUMNS, MIGRATIONS, SHIPPED, Totals
from playground.history.database import HistoryFile
from playground.history.records import new_id, owned, stamp

MAX_NAME_CHARS = 200
# What a killed process left half written goes after this.
ABANDONED = timedelta(days=1)
# And counts as one of the visitor's for so long.
ON_THE_WAY = timedelta(minutes=10)
READ_ROWS = 2_000


class CorpusStore:
    """Corpora in one SQLite file. Every method raises HistoryError where the file cannot be used or a corpus is absent;
    nothing is then half-written. Opens a connection per call, so any thread and any process may use it.

    Args:
        beside: the history's file.

    Attributes:
        folder: for everything of corpora: the file, and what is made of them.
    """

    def __init__(self, beside: Path, busy_seconds: float) -> None:
        self.folder = beside.with_name(f"{beside.stem}-corpora")
        self._file = HistoryFile(self.folder / "corpora.db", busy_seconds, migrations=MIGRATIONS)

    @property
    def notices(self) -> tuple[str, ...]:
        """As `HistoryStore.notices`."""
        return self._file.notices

    def create(
        self,
        owner: str,
        name: str,
        chunking: Chunking,
        cut: Iterable[tuple[Document, Sequence[CorpusPassage]]],
        limits: Limits = LOCAL,
    ) -> CorpusInfo:
        """Keep a corpus, all of it or after any error nothing; it is on the disk when this returns.

        Args:
            owner: `SHIPPED` for one that comes with the project.
            cut: each document with its passages; read while it is written.

        Raises:
            InvalidInput: no passage, or more than the limits allow.
        """
        owner = owner if owner == SHIPPED else owned(owner)
        self._make_room(owner, limits)
        row = {
            "id": new_id(),
            "owner": owner,
            "name": clean(name).strip()[:MAX_NAME_CHARS] or "Corpus",
            "created_at": stamp(datetime.now(UTC)),
            "chunking": json.dumps(asdict(chunking)),
        }
        with self._file.writing() as db:
            number = int(str(db.table("corpora").insert(row).last_pk))
        totals = Totals(limits)
        try:
            self._file.write_slices(corpus_rows.slices(cut, totals), lambda db, part: corpus_rows.add(db, number, part))
            if not totals.n_passages:
                raise InvalidInput("There is no text in it, so there is nothing to search. Choose other files.")
            with self._file.writing() as db:
                corpus_rows.check_there(db, number)
                db.table("corpora").update(number, totals.row())
        except BaseException:
            # On a full disk not even this may work; then it goes with what else was abandoned.
            with suppress(HistoryError):
                self._remove(number)
            raise
        return self.get(row["id"], owner)

    def listed(self, owner: str) -> list[CorpusInfo]:
        """Those of the project first, then one's own, newest first."""
        sql = f"""
            SELECT {COLUMNS} FROM corpora WHERE owner IN (?, ?) AND digest NOT NULL
            ORDER BY owner <> '', created_at DESC, number DESC
        """  # noqa: S608 - fixed parts
        with self._file.reading() as db:
            return [corpus_rows.info(found) for found in db.query(sql, [SHIPPED, clean(owner)])]

    def get(self, id: str, owner: str) -> CorpusInfo:
        """One corpus of this owner or of the project."""
        with self._file.reading() as db:
            return corpus_rows.info(corpus_rows.find(db, id, owner))

    def delete(self, id: str, owner: str) -> None:
        """Remove one's own corpus for good."""
        with self._file.writing() as db:
            found = corpus_rows.find(db, id, owned(owner))
            if found["owner"] == SHIPPED:
                raise HistoryError("This corpus comes with the playground and stays.")
            # Out of sight first.
            db.table("corpora").update(found["number"], {"digest": None})
        self._remove(int(found["number"]))

    def remove_shipped(self, id: str) -> None:
        """Remove one that comes with the project, for another version of it."""
        with self._file.reading() as db:
            number = int(corpus_rows.find(db, id, SHIPPED)["number"])
        self._remove(number)

    def forget(self, owner: str) -> None:
        """Remove everything of an owner for good."""
        if not self._file.path.exists():
            return
        with self._file.writing() as db:
            db.execute("UPDATE corpora SET digest = NULL WHERE owner = ?", [owned(owner)])
            gone = [row[0] for row in db.execute("SELECT number FROM corpora WHERE owner = ?", [owned(owner)])]
        for number in gone:
            self._remove(number)

    def digests(self) -> set[str]:
        """Of all corpora of all owners: what an index may belong to."""
        with self._file.reading() as db:
            return {row[0] for row in db.execute("SELECT digest FROM corpora WHERE digest NOT NULL")}

    def passages(self, id: str, owner: str, ids: Sequence[str]) -> list[CorpusPassage]:
        """Those with these ids, in the order asked for.

        Raises:
            InvalidInput: there is none of an id.
        """
        found = {passage.id: passage for passage in self.known(id, owner, ids)}
        if missing := [each for each in ids if each not in found]:
            raise InvalidInput("This corpus has no passage {id!r}.", id=missing[0][:80])
        return [found[each] for each in ids]

    def known(self, id: str, owner: str, ids: Sequence[str]) -> list[CorpusPassage]:
        """Those of these ids that there are, in the order of the corpus."""
        with self._file.reading() as db:
            number = corpus_rows.find(db, id, owner)["number"]
            where = "passages.id IN (SELECT value FROM json_each(?))"
            return [passage for _, passage in corpus_rows.read(db, number, where, [json.dumps(list(ids))])]

    def at(self, id: str, owner: str, rows: Sequence[int]) -> list[CorpusPassage]:
        """Those at these places, in the order asked for."""
        with self._file.reading() as db:
            number = corpus_rows.find(db, id, owner)["number"]
            where = "passages.place IN (SELECT value FROM json_each(?))"
            found = dict(corpus_rows.read(db, number, where, [json.dumps(list(rows))]))
        return [found[row] for row in rows]

    def ids_at(self, id: str, owner: str, rows: Sequence[int]) -> list[str]:
        """Ids of the passages at these places, in the order asked for."""
        with self._file.reading() as db:
            number = corpus_rows.find(db, id, owner)["number"]
            sql = "SELECT place, id FROM passages WHERE corpus = ? AND place IN (SELECT value FROM json_each(?))"
            found = dict(db.execute(sql, [number, json.dumps(list(rows))]).fetchall())
        return [found[row] for row in rows]

    def document(self, id: str, owner: str, document_id: str) -> Document:
        """One document, whole.

        Raises:
            InvalidInput: there is none of that id.
        """
        sql = """
            SELECT documents.id, title, text, headings FROM documents JOIN texts ON texts.id = text_id
            WHERE corpus = ? AND documents.id = ?
        """
        with self._file.reading() as db:
            found = db.execute(sql, [corpus_rows.find(db, id, owner)["number"], document_id]).fetchone()
        if found is None:
            raise _no_document(document_id)
        return corpus_rows.document_of(*found)

    def around(self, id: str, owner: str, document_id: str, start: int, end: int, n: int) -> tuple[str, str, int]:
        """Up to n characters before and after a place in a document, and how long that is.

        Raises:
            InvalidInput: there is none of that id.
        """
        sql = """
            SELECT substr(text, ?, ?), substr(text, ?, ?), length(text)
            FROM documents JOIN texts ON texts.id = text_id WHERE corpus = ? AND documents.id = ?
        """
        first = max(0, start - n)
        places = [first + 1, start - first, end + 1, n]
        with self._file.reading() as db:
            found = db.execute(sql, [*places, corpus_rows.find(db, id, owner)["number"], document_id]).fetchone()
        if found is None:
            raise _no_document(document_id)
        return tuple(found)

    def all(self, id: str, owner: str, first: int = 0, block: int = READ_ROWS) -> Iterator[list[CorpusPassage]]:
        """All passages from a place on, a block at a time, with no connection open between two."""
        for start in count(first, block):
            with self._file.reading() as db:
                number = corpus_rows.find(db, id, owner)["number"]
                found = list(
                    corpus_rows.read(db, number, "passages.place >= ? AND passages.place < ?", [start, start + block])
                )
            if not found:
                return
            yield [passage for _, passage in found]

    def _make_room(self, owner: str, limits: Limits) -> None:
        """Removes what was abandoned.

        Raises:
            InvalidInput: the owner has as many as may be.
        """
        before = stamp(datetime.now(UTC) - ABANDONED)
        with self._file.reading() as db:
            sql = "SELECT number FROM corpora WHERE digest IS NULL AND created_at < ?"
            gone = [row[0] for row in db.execute(sql, [before])]
        for number in gone:
            self._remove(number)
        with self._file.reading() as db:
            # Whole ones, and those that may be on their way: not what a killed process left.
            sql = "SELECT count(*) FROM corpora WHERE owner = ? AND (digest NOT NULL OR created_at >= ?)"
            recent = stamp(datetime.now(UTC) - ON_THE_WAY)
            n = db.execute(sql, [owner, recent]).fetchone()[0]
        if n >= limits.corpora:
            raise InvalidInput("You keep {n} corpora, the most here. Delete one first.", n=n)

    def _remove(self, number: int) -> None:
        left = True

        def again() -> Iterator[None]:
            while left:
                yield None

        def shrink(db: Database, _: None) -> None:
            nonlocal left
            left = corpus_rows.shrink(db, number)

        self._file.write_slices(again(), shrink)


def _no_document(id: str) -> InvalidInput:
    return InvalidInput("This corpus has no document {id!r}.", id=id[:80])
