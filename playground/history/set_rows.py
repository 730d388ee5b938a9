"""Rows of labelled sets, in and out. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from sqlite_utils import Database

from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.types import EMPTY, Passage
from playground.history import label_rows, pairs
from playground.history.pairs import Pair, original, stored
from playground.history.records import stamp

ADD = """
    INSERT INTO sets (id, owner, name, created_at, n_queries, n_pairs)
    VALUES (:id, :owner, :name, :created_at, :n_queries, :n_pairs)
"""
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


def pairs_of(labelled: LabelledSet) -> Iterator[Pair]:
    """Every pair of a set, in its order."""
    return ((query.query, passage.text) for query in labelled.queries for passage in query.passages)


def add(db: Database, owner: str, labelled: LabelledSet, id: str, name: str) -> None:
    """Store a set, its texts, and its labels as imported ones."""
    now = stamp(datetime.now(UTC))
    row = {"id": id, "owner": owner, "name": name, "created_at": now}
    db.execute(ADD, row | {"n_queries": len(labelled.queries), "n_pairs": labelled.n_pairs})
    number = db.execute("SELECT number FROM sets WHERE id = ?", [id]).fetchone()[0]
    texts = pairs.add_texts(db, (query.query for query in labelled.queries))
    db.conn.executemany(
        "INSERT INTO set_queries (set_number, place, id, query_id) VALUES (?, ?, ?, ?)",
        [(number, place, stored(query.id), texts[query.query]) for place, query in enumerate(labelled.queries)],
    )
    ids = pairs.add(db, [*pairs_of(labelled)])
    left = iter(ids)
    db.conn.executemany(
        "INSERT INTO set_pairs (set_number, query_place, place, id, pair, said, meta) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (number, query_place, place, stored(passage.id), next(left), passage.label, _meta_json(passage.meta))
            for query_place, query in enumerate(labelled.queries)
            for place, passage in enumerate(query.passages)
        ],
    )
    labels = (label for query in labelled.queries for label in query.labels)
    said = {
        pair: Label(label.grade, "imported", label.at)
        for pair, label in zip(ids, labels, strict=True)
        if label is not None
    }
    label_rows.take_in(db, owner, said, kept=False)


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


def purge(db: Database, before: datetime) -> int:
    """Remove for good every set deleted until `before`, with what nobody else holds. Returns how many sets."""
    sql = "SELECT number, owner FROM sets WHERE deleted_at <= ?"
    gone = db.execute(sql, [stamp(before)]).fetchall()
    for number, owner in gone:
        held = [row[0] for row in db.execute("SELECT DISTINCT pair FROM set_pairs WHERE set_number = ?", [number])]
        queries = [row[0] for row in db.execute("SELECT query_id FROM set_queries WHERE set_number = ?", [number])]
        db.execute("DELETE FROM sets WHERE number = ?", [number])
        label_rows.release(db, owner, held, queries)
    return len(gone)


def _meta_json(meta: Mapping[str, object]) -> str | None:
    return json.dumps(dict(meta), separators=(",", ":")) if meta else None
