"""Rows of corpora, in and out. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils import Database, Migrations

from playground.core.corpora import Chunking, CorpusInfo, CorpusPassage, Document, Heading
from playground.core.errors import HistoryError, InvalidInput
from playground.core.limits import Limits, clean
from playground.history.manifests import hash_of

MIGRATIONS = Migrations("playground.corpora")
# The owner of what comes with the project.
SHIPPED = ""
# Of one transaction, so that no other writer waits long.
SLICE_ROWS = 5_000
SLICE_CHARS = 2_000_000

SCHEMA_1 = """
CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
);
CREATE TABLE corpora (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    chunking TEXT NOT NULL,
    digest TEXT,
    n_documents INTEGER NOT NULL DEFAULT 0,
    n_passages INTEGER NOT NULL DEFAULT 0,
    n_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX corpora_owner ON corpora (owner, created_at, number);
CREATE INDEX corpora_digest ON corpora (digest);
CREATE TABLE documents (
    corpus INTEGER NOT NULL REFERENCES corpora (number),
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    text_id INTEGER NOT NULL REFERENCES texts (id),
    headings TEXT NOT NULL,
    PRIMARY KEY (corpus, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX documents_id ON documents (corpus, id);
CREATE INDEX documents_text ON documents (text_id);
CREATE TABLE passages (
    corpus INTEGER NOT NULL REFERENCES corpora (number),
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    document INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    PRIMARY KEY (corpus, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX passages_id ON passages (corpus, id);
"""

COLUMNS = "number, id, name, owner, created_at, chunking, digest, n_documents, n_passages, n_bytes"


@MIGRATIONS(name="0001_corpora")
def corpora(db: Database) -> None:
    """Corpora, their documents and passages. `corpora.digest` is NULL as long as one is still being written."""
    db.executescript(SCHEMA_1)


@dataclass(slots=True)
class Slice:
    documents: list[tuple[int, Document]] = field(default_factory=list)
    passages: list[tuple[int, int, CorpusPassage]] = field(default_factory=list)
    n_chars: int = 0

    @property
    def full(self) -> bool:
        return len(self.documents) + len(self.passages) >= SLICE_ROWS or self.n_chars >= SLICE_CHARS


class Totals:
    """What there is of a corpus so far.

    Raises:
        InvalidInput: more than the limits allow.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._digest = hashlib.sha256()
        self.n_documents = self.n_passages = self.n_bytes = 0

    def add(self, document: Document, passages: Sequence[CorpusPassage]) -> None:
        self.n_documents += 1
        self.n_passages += len(passages)
        self.n_bytes += len(document.text.encode())
        for passage in passages:
            if len(passage.indexed) > self._limits.passage_chars:
                raise InvalidInput(
                    "The document {id!r} has a passage of {n:,} characters; the limit is {limit:,}. Cut documents into "
                    "shorter passages.",
                    id=document.id[:80],
                    n=len(passage.indexed),
                    limit=self._limits.passage_chars,
                )
            self._digest.update(f"{passage.id}\0{passage.title}\0{passage.text}\0".encode())
        if self.n_passages > self._limits.corpus_passages:
            raise InvalidInput(
                "These files make more than {limit:,} passages, the most of one corpus here. Use longer passages, or "
                "fewer files.",
                limit=self._limits.corpus_passages,
            )
        if self.n_bytes > self._limits.corpus_bytes:
            raise InvalidInput(
                "These files hold more than {limit:,} MB of text, the most of one corpus here. Use fewer files.",
                limit=self._limits.corpus_bytes // 1_000_000,
            )

    def row(self) -> dict[str, object]:
        return {
            "digest": self._digest.hexdigest(),
            "n_documents": self.n_documents,
            "n_passages": self.n_passages,
            "n_bytes": self.n_bytes,
        }


def slices(cut: Iterable[tuple[Document, Sequence[CorpusPassage]]], totals: Totals) -> Iterator[Slice]:
    """A corpus in its order.

    Args:
        totals: grows as it is read.
    """
    part = Slice()
    for document, passages in cut:
        document_place, passage_place = totals.n_documents, totals.n_passages
        totals.add(document, passages)
        part.documents.append((document_place, document))
        part.n_chars += len(document.text)
        for place, passage in enumerate(passages, passage_place):
            part.passages.append((place, document_place, passage))
            if part.full:
                yield part
                part = Slice()
    if part.documents or part.passages:
        yield part


def add(db: Database, number: int, part: Slice) -> None:
    check_there(db, number)
    hashes = [hash_of(document.text) for _, document in part.documents]
    db.conn.executemany(
        "INSERT INTO texts (hash, text) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
        [(hash, document.text) for hash, (_, document) in zip(hashes, part.documents, strict=True)],
    )
    sql = "SELECT hash, id FROM texts WHERE hash IN (SELECT value FROM json_each(?))"
    ids = dict(db.execute(sql, [json.dumps(hashes)]).fetchall())
    db.conn.executemany(
        "INSERT INTO documents (corpus, place, id, title, text_id, headings) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, place, each.id, each.title, ids[hash], json.dumps([astuple(heading) for heading in each.headings]))
            for hash, (place, each) in zip(hashes, part.documents, strict=True)
        ],
    )
    db.conn.executemany(
        "INSERT INTO passages (corpus, place, id, title, document, start, stop) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (number, place, each.id, each.title, document, each.start, each.end)
            for place, document, each in part.passages
        ],
    )


def read(db: Database, number: int, where: str, values: Sequence[object]) -> Iterator[tuple[int, CorpusPassage]]:
    """Place and passage, in order; a document's text is read once for all of its passages that stand together."""
    sql = f"""
        SELECT passages.place, passages.id, passages.title, documents.id, start, stop, text_id
        FROM passages JOIN documents ON documents.corpus = passages.corpus AND documents.place = document
        WHERE passages.corpus = ? AND {where} ORDER BY passages.place
    """  # noqa: S608 - fixed parts
    held, text = None, ""
    for place, id, title, document_id, start, stop, text_id in db.execute(sql, [number, *values]).fetchall():
        if text_id != held:
            held, text = text_id, db.execute("SELECT text FROM texts WHERE id = ?", [text_id]).fetchone()[0]
        yield place, CorpusPassage(id, text[start:stop], title, document_id, start, stop)


def document_of(id: str, title: str, text: str, headings: str) -> Document:
    """A row of a document with its text."""
    return Document(id, title, text, tuple(Heading(*heading) for heading in json.loads(headings)))


def shrink(db: Database, number: int) -> bool:
    """Removes some rows of a corpus; whether there are more."""
    sql = """
        DELETE FROM passages WHERE corpus = ? AND place IN
        (SELECT place FROM passages WHERE corpus = ? ORDER BY place LIMIT ?)
    """
    if db.execute(sql, [number, number, SLICE_ROWS]).rowcount:
        return True
    sql = "SELECT place, text_id FROM documents WHERE corpus = ? ORDER BY place LIMIT ?"
    if rows := db.execute(sql, [number, SLICE_ROWS]).fetchall():
        db.execute("DELETE FROM documents WHERE corpus = ? AND place <= ?", [number, rows[-1][0]])
        db.execute(
            """
            DELETE FROM texts WHERE id IN (SELECT value FROM json_each(?))
            AND NOT EXISTS (SELECT 1 FROM documents WHERE text_id = texts.id)
            """,
            [json.dumps([text_id for _, text_id in rows])],
        )
        return True
    db.execute("DELETE FROM corpora WHERE number = ?", [number])
    return False


def find(db: Database, id: str, owner: str) -> Mapping[str, Any]:
    sql = f"SELECT {COLUMNS} FROM corpora WHERE id = ? AND owner IN (?, ?) AND digest NOT NULL"  # noqa: S608 - fixed
    found = next(iter(db.query(sql, [clean(id), SHIPPED, clean(owner)])), None)
    if found is None:
        raise HistoryError("This corpus is not there any more. Choose another one.")
    return found


def info(found: Mapping[str, Any]) -> CorpusInfo:
    known = {name: found[name] for name in found if name not in ("number", "chunking", "created_at")}
    return CorpusInfo(
        **known,
        chunking=Chunking(**json.loads(found["chunking"])),
        created_at=datetime.fromisoformat(found["created_at"]),
    )


def check_there(db: Database, number: int) -> None:
    if not db.execute("SELECT 1 FROM corpora WHERE number = ?", [number]).fetchone():
        raise HistoryError("The corpus was removed while it was being stored. Add it again.")
