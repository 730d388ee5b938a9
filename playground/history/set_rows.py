"""Rows of labelled sets, in and out. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.types import EMPTY, Passage
from playground.history import label_rows, pairs
from playground.history.pairs import Pair, original, stored
from playground.history.records import new_id, stamp

# What one transaction may hold, so that nobody else waits long: some 50 ms on a slow machine.
MAX_ROWS = 1_000
MAX_CHARS = 500_000

QUERIES = """
    SELECT place, set_queries.id, text FROM set_queries JOIN pair_texts ON pair_texts.id = query_id
    WHERE set_number = ? ORDER BY place
"""
PASSAGES = """
    SELECT query_place, set_pairs.id, text, said, meta, grade, source, at FROM set_pairs
    JOIN pairs ON pairs.id = set_pairs.pair JOIN pair_texts ON pair_texts.id = pairs.passage_id
    LEFT JOIN labels ON labels.pair = set_pairs.pair AND labels.owner = ?
    WHERE set_number = ? ORDER BY query_place, place
"""
LIST = """
    SELECT id, name, created_at, n_queries, n_pairs, (
        SELECT json_array(total(grade > 0), total(grade = 0), total(grade < 0))
        FROM set_pairs JOIN labels ON labels.pair = set_pairs.pair AND labels.owner = sets.owner
        WHERE set_number = sets.number
    ) AS said
    FROM sets WHERE owner = ? AND deleted_at IS NULL ORDER BY created_at DESC, number DESC
"""


@dataclass(slots=True)
class Slice:
    """As much of a set as goes into one transaction, with places from 0.

    Attributes:
        queries: place and query.
        pairs: place of the query, place of the passage in it, the query's text, and the passage.
    """

    queries: list[tuple[int, LabelledQuery]] = field(default_factory=list)
    pairs: list[tuple[int, int, str, Passage]] = field(default_factory=list)
    n_chars: int = 0

    @property
    def full(self) -> bool:
        return len(self.queries) + len(self.pairs) >= MAX_ROWS or self.n_chars >= MAX_CHARS


def slices(labelled: LabelledSet) -> Iterator[Slice]:
    """A set in its order, one slice at the least."""
    part = Slice()
    for query_place, query in enumerate(labelled.queries):
        if part.full:
            yield part
            part = Slice()
        part.queries.append((query_place, query))
        part.n_chars += len(query.query)
        for place, passage in enumerate(query.passages):
            if part.full:
                yield part
                part = Slice()
            part.pairs.append((query_place, place, query.query, passage))
            part.n_chars += len(passage.text)
    yield part


def pairs_of(labelled: LabelledSet) -> Iterator[Pair]:
    """Every pair of a set, in its order."""
    return ((query.query, passage.text) for query in labelled.queries for passage in query.passages)


def begin(db: Database, owner: str, labelled: LabelledSet, name: str, created_at: datetime) -> int:
    """The number of a new set without rows. It lies in the bin until `show`, and without an origin nobody restores it.

    Where its writer is killed, it goes with what else was deleted long ago.
    """
    row = {
        "id": new_id(),
        "owner": owner,
        "name": name,
        "created_at": stamp(created_at),
        "n_queries": len(labelled.queries),
        "n_pairs": labelled.n_pairs,
        "deleted_at": stamp(datetime.now(UTC)),
    }
    return cast("int", db.table("sets").insert(row).last_pk)


def add(db: Database, number: int, part: Slice) -> list[int]:
    """Store one slice of a set that was begun; the row ids of its pairs, in step.

    Raises:
        HistoryError: the set was removed meanwhile.
        TypeError: what a passage carries along holds something that JSON does not.
    """
    _check_there(db, number)
    texts = pairs.add_texts(db, (query.query for _, query in part.queries))
    db.conn.executemany(
        "INSERT INTO set_queries (set_number, place, id, query_id) VALUES (?, ?, ?, ?)",
        [(number, place, stored(query.id), texts[query.query]) for place, query in part.queries],
    )
    ids = pairs.add(db, [(query, passage.text) for _, _, query, passage in part.pairs])
    db.conn.executemany(
        "INSERT INTO set_pairs (set_number, query_place, place, id, pair, said, meta) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (number, query_place, place, stored(passage.id), pair, passage.label, _meta_json(passage.meta))
            for pair, (query_place, place, _, passage) in zip(ids, part.pairs, strict=True)
        ],
    )
    return ids


def show(db: Database, owner: str, number: int, origin: str | None = None) -> str:
    """Take a set that is written out of the bin, and the id under which it stands now.

    Args:
        origin: the id under which it was first saved; None where that is here.
    Raises:
        HistoryError: the set was removed meanwhile.
    """
    _check_there(db, number)
    id = str(db.execute("SELECT id FROM sets WHERE number = ?", [number]).fetchone()[0])
    if origin is not None and not db.execute("SELECT 1 FROM sets WHERE id = ?", [origin]).fetchone():
        id = origin  # and so keeps its place in links and settings
    values = {"id": id, "origin": origin or id, "deleted_at": None}
    db.table("sets").update(number, values)
    label_rows.renew_version(db, owner)
    return id


def read(db: Database, owner: str, number: int, id: str, name: str) -> LabelledSet:
    """One set with the labels of now."""
    passages: dict[int, list[Passage]] = {}
    labels: dict[int, list[Label | None]] = {}
    for place, passage_id, text, said, meta, *label in db.execute(PASSAGES, [owner, number]):
        known = EMPTY if meta is None else json.loads(meta)
        passage = Passage(original(passage_id), original(text), None if said is None else bool(said), known)
        passages.setdefault(place, []).append(passage)
        labels.setdefault(place, []).append(None if label[0] is None else label_rows.label_of(*label))
    queries = (
        LabelledQuery(original(query_id), original(text), tuple(passages.get(place, ())), tuple(labels.get(place, ())))
        for place, query_id, text in db.execute(QUERIES, [number])
    )
    return LabelledSet(id, name, tuple(queries))


def shrink(db: Database, owner: str, number: int, *, with_marks: bool = True) -> bool:
    """Remove the next MAX_ROWS rows of a set for good, with what nobody else holds; whether the set is gone by now.

    Args:
        with_marks: imported labels and scores of pairs that no other set holds go as well.
    """
    sql = "SELECT query_place, place, pair FROM set_pairs WHERE set_number = ? ORDER BY query_place, place LIMIT ?"
    rows = db.execute(sql, [number, MAX_ROWS]).fetchall()
    if rows:
        sql = "DELETE FROM set_pairs WHERE set_number = ? AND (query_place, place) <= (?, ?)"
        db.execute(sql, [number, *rows[-1][:2]])
    room = MAX_ROWS - len(rows)
    sql = "SELECT place, query_id FROM set_queries WHERE set_number = ? ORDER BY place LIMIT ?"
    queries = db.execute(sql, [number, room]).fetchall()
    if queries:
        db.execute("DELETE FROM set_queries WHERE set_number = ? AND place <= ?", [number, queries[-1][0]])
    gone = len(queries) < room
    if gone:
        db.execute("DELETE FROM sets WHERE number = ?", [number])
    held, texts = [pair for _, _, pair in rows], [query_id for _, query_id in queries]
    if with_marks:
        label_rows.release(db, owner, held, texts)
    else:
        pairs.drop_unused(db, held, texts)
    return gone


def _check_there(db: Database, number: int) -> None:
    if not db.execute("SELECT 1 FROM sets WHERE number = ?", [number]).fetchone():
        raise HistoryError("The set was removed while it was being stored. Import it again.")


def _meta_json(meta: Mapping[str, object]) -> str | None:
    return json.dumps(dict(meta), separators=(",", ":")) if meta else None
