"""Rows of labels, in and out. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from sqlite_utils import Database

from playground.core.labels import Label, LabelSource
from playground.history import pairs
from playground.history.pairs import Pair
from playground.history.records import stamp

UPSERT = """
    INSERT INTO labels (owner, pair, grade, source, at, kept) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (pair, owner) DO UPDATE
    SET grade = excluded.grade, source = excluded.source, at = excluded.at, kept = max(kept, excluded.kept)
"""
# What a person said stands; a label that is said again keeps its time.
FROM_A_SET = """
    INSERT INTO labels (owner, pair, grade, source, at, kept) VALUES (?, ?, ?, 'imported', ?, 0)
    ON CONFLICT (pair, owner) DO UPDATE
    SET at = iif(grade = excluded.grade, at, excluded.at), grade = excluded.grade WHERE source <> 'human'
"""
# What a person said stands over what a file said; else what was said last.
FROM_AN_EXPORT = """
    INSERT INTO labels (owner, pair, grade, source, at, kept) VALUES (:owner, :pair, :grade, :source, :at, NOT EXISTS (
        SELECT 1 FROM set_pairs JOIN sets ON sets.number = set_number
        WHERE pair = :pair AND owner = :owner AND origin NOT NULL
    ))
    ON CONFLICT (pair, owner) DO UPDATE
    SET grade = excluded.grade, source = excluded.source, at = excluded.at, kept = max(kept, excluded.kept)
    WHERE (excluded.source = 'human', excluded.at) > (source = 'human', at)
"""
# CROSS JOIN keeps the order of the tables: the planner would look through the list once per label.
FIND = """
    SELECT asked.key, grade, source, at FROM json_each(:hashes) AS asked
    CROSS JOIN pairs ON pairs.hash = asked.value
    CROSS JOIN labels ON labels.pair = pairs.id AND labels.owner = :owner
"""
IS_IN_A_SET = """
    SELECT EXISTS (SELECT 1 FROM set_pairs JOIN sets ON sets.number = set_number
        WHERE pair = :pair AND owner = :owner AND origin NOT NULL)
"""
RELEASE_LABELS = """
    DELETE FROM labels WHERE pair IN (SELECT value FROM json_each(:pairs)) AND owner = :owner
    AND source = 'imported' AND NOT kept AND NOT EXISTS (
        SELECT 1 FROM set_pairs JOIN sets ON sets.number = set_pairs.set_number
        WHERE set_pairs.pair = labels.pair AND sets.owner = :owner
    )
"""
RELEASE_SCORES = """
    DELETE FROM scores WHERE pair IN (SELECT value FROM json_each(:pairs))
    AND scorer IN (SELECT number FROM scorers WHERE owner = :owner)
    AND NOT EXISTS (
        SELECT 1 FROM set_pairs JOIN sets ON sets.number = set_pairs.set_number
        WHERE set_pairs.pair = scores.pair AND sets.owner = :owner
    )
    AND NOT EXISTS (SELECT 1 FROM labels WHERE labels.pair = scores.pair AND labels.owner = :owner)
"""
RELEASE_SCORERS = """
    DELETE FROM scorers WHERE owner = :owner
    AND NOT EXISTS (SELECT 1 FROM scores WHERE scores.scorer = scorers.number)
"""


def label_of(grade: int, source: str, at: str) -> Label:
    """A label from its columns."""
    return Label(grade, cast("LabelSource", source), datetime.fromisoformat(at))


def find(db: Database, owner: str, wanted: Iterable[Pair]) -> dict[int, Label]:
    """The labels of `owner`, by place in `wanted`; no entry where there is none."""
    values = {"hashes": json.dumps(pairs.hashes_of(wanted)), "owner": owner}
    return {place: label_of(*said) for place, *said in db.execute(FIND, values).fetchall()}


def put(db: Database, owner: str, pair: Pair, label: Label) -> None:
    """Make `label` the label of one pair."""
    (id,) = pairs.add(db, [pair])
    held = db.execute(IS_IN_A_SET, {"pair": id, "owner": owner}).fetchone()[0]
    db.execute(UPSERT, _row(owner, id, label, kept=not held))
    renew_version(db, owner)


def remove(db: Database, owner: str, pair: Pair) -> None:
    """Take the label of one pair away, and its texts where nothing else holds them."""
    id = pairs.id_of(db, *pair)
    if id is not None:
        db.execute("DELETE FROM labels WHERE pair = ? AND owner = ?", [id, owner])
        pairs.drop_unused(db, [id])
        renew_version(db, owner)


def rows_of_set(owner: str, labels: Iterable[tuple[int, Label]]) -> list[tuple[str, int, int, str]]:
    """What `add_of_set` stores, made before the transaction so that it is short; labels by row id of their pair."""
    return [(owner, pair, label.grade, stamp(label.at)) for pair, label in labels]


def add_of_set(db: Database, owner: str, rows: Sequence[tuple[str, int, int, str]]) -> None:
    """Store what a set says of pairs, except where a person said something."""
    db.conn.executemany(FROM_A_SET, rows)
    renew_version(db, owner)


def merge(db: Database, owner: str, labels: Iterable[tuple[int, Label]]) -> int:
    """Take in labels of an export, by the row ids of their pairs; how many are new or newer."""
    rows = [
        {"owner": owner, "pair": pair, "grade": label.grade, "source": label.source, "at": stamp(label.at)}
        for pair, label in labels
    ]
    renew_version(db, owner)
    return max(0, db.conn.executemany(FROM_AN_EXPORT, rows).rowcount)


def release(db: Database, owner: str, numbers: Sequence[int], queries: Sequence[int] = ()) -> None:
    """Remove what `owner` has of these pairs only because of sets that are gone: imported labels, scores, texts.

    Args:
        numbers: row ids of the pairs.
        queries: row ids of query texts to look at as well.
    """
    values = {"pairs": json.dumps(numbers), "owner": owner}
    db.execute(RELEASE_LABELS, values)
    db.execute(RELEASE_SCORES, values)
    db.execute(RELEASE_SCORERS, {"owner": owner})
    pairs.drop_unused(db, numbers, queries)
    renew_version(db, owner)


def renew_version(db: Database, owner: str) -> None:
    """Make what was cached for `owner` outdated. A random word: a fresh file never repeats one of the file before."""
    db.execute(
        "INSERT INTO label_versions VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET version = excluded.version",
        [owner, secrets.token_hex(8)],
    )


def _row(owner: str, pair: int, label: Label, *, kept: bool) -> tuple[object, ...]:
    return owner, pair, label.grade, label.source, stamp(label.at), int(kept)
