"""What somebody keeps, how much that is, and its end: a bin of seven days, and everything of one owner at once.

Every function works inside a transaction that its caller opened. What removes does so a little at a time and says
whether there is more, so that nobody else waits long.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history import label_rows, pairs, records, set_rows
from playground.history.records import stamp
from playground.history.rows import Kept

KEPT_AFTER_DELETE = timedelta(days=7)
# Of a row with its ids and its place in the indexes, beside its texts; roughly.
ROW_BYTES = 200
SCORE_BYTES = 50

COUNT = """
    SELECT (SELECT count(*) FROM runs WHERE owner = :owner AND deleted_at IS NULL),
    (SELECT count(*) FROM labels WHERE owner = :owner),
    (SELECT count(*) FROM sets WHERE owner = :owner AND deleted_at IS NULL),
    (SELECT count(*) FROM scores WHERE scorer IN (SELECT number FROM scorers WHERE owner = :owner)),
    (SELECT count(*) FROM thresholds WHERE owner = :owner AND deleted_at IS NULL)
"""
# length() counts the characters of a text and the bytes of a BLOB.
BYTES = """
    WITH own_runs AS (SELECT * FROM runs WHERE owner = :owner),
    own_sets AS (SELECT number FROM sets WHERE owner = :owner),
    own_pairs AS (
        SELECT pair FROM labels WHERE owner = :owner
        UNION SELECT pair FROM set_pairs WHERE set_number IN own_sets
        UNION SELECT pair FROM scores WHERE scorer IN (SELECT number FROM scorers WHERE owner = :owner)
    ),
    sizes AS (
        SELECT length(CAST(manifest AS BLOB)) AS size FROM own_runs
        UNION ALL SELECT length(CAST(body AS BLOB)) FROM thresholds WHERE owner = :owner
        UNION ALL SELECT length(CAST(text AS BLOB)) FROM texts WHERE id IN (
            SELECT text_id FROM run_texts WHERE run IN (SELECT number FROM own_runs)
            UNION SELECT top_id FROM own_runs UNION SELECT note_id FROM own_runs
        )
        UNION ALL SELECT length(CAST(text AS BLOB)) FROM pair_texts WHERE id IN (
            SELECT query_id FROM pairs WHERE id IN own_pairs UNION SELECT passage_id FROM pairs WHERE id IN own_pairs
            UNION SELECT query_id FROM set_queries WHERE set_number IN own_sets
        )
        UNION ALL SELECT coalesce(length(CAST(meta AS BLOB)), 0) FROM set_pairs WHERE set_number IN own_sets
        UNION ALL SELECT 0 FROM own_pairs
        UNION ALL SELECT :score - :row FROM scores WHERE scorer IN (SELECT number FROM scorers WHERE owner = :owner)
    )
    SELECT coalesce(sum(size), 0) + :row * count(*) FROM sizes
"""

OWN_PAIRS = """
    SELECT pair FROM labels WHERE owner = :owner
    UNION SELECT pair FROM scores WHERE scorer IN (SELECT number FROM scorers WHERE owner = :owner) LIMIT :most
"""
UNLABEL = "DELETE FROM labels WHERE owner = :owner AND pair IN (SELECT value FROM json_each(:pairs))"
UNSCORE = """
    DELETE FROM scores WHERE pair IN (SELECT value FROM json_each(:pairs))
    AND scorer IN (SELECT number FROM scorers WHERE owner = :owner)
"""


def count(db: Database, owner: str) -> Kept:
    """How much of each kind an owner keeps, without what lies in the bin."""
    return Kept(*db.execute(COUNT, {"owner": owner}).fetchone())


def n_bytes(db: Database, owner: str) -> int:
    """How many bytes an owner keeps, with the bin; roughly. A text that several things hold counts once."""
    return int(db.execute(BYTES, {"owner": owner, "row": ROW_BYTES, "score": SCORE_BYTES}).fetchone()[0])


def check_room(db: Database, owner: str, limit: int) -> None:
    """That an owner keeps no more than `limit` bytes; where it is more, the bin is emptied first.

    Raises:
        HistoryError: it is still more.
    """
    if n_bytes(db, owner) <= limit:
        return
    while _remove_some(db, "owner = :owner AND deleted_at NOT NULL", {"owner": owner}):
        pass
    if n_bytes(db, owner) > limit:
        raise HistoryError(
            "You keep {limit} MB here, the most that this page holds for one visitor, so this was not kept. In "
            "History, delete what you do not need, or export it and forget everything.",
            limit=limit // 1_000_000,
        )


def purge_some(db: Database, before: datetime) -> int:
    """Remove for good some of what was deleted until `before`, with texts nobody else holds; 0 where none is left."""
    return _remove_some(db, "deleted_at <= :before", {"before": stamp(before)})


def forget_some(db: Database, owner: str) -> int:
    """Remove for good some of all that an owner has, with the bin; 0 where nothing is left."""
    n = _remove_some(db, "owner = :owner", {"owner": owner})
    if not n:
        rows = db.execute(OWN_PAIRS, {"owner": owner, "most": set_rows.MAX_ROWS}).fetchall()
        n = len(rows)
        values = {"owner": owner, "pairs": json.dumps([row[0] for row in rows])}
        db.execute(UNLABEL, values)
        db.execute(UNSCORE, values)
        pairs.drop_unused(db, [row[0] for row in rows])
        label_rows.renew_version(db, owner)
    if not n:
        db.execute("DELETE FROM scorers WHERE owner = ?", [owner])
        db.execute("DELETE FROM label_versions WHERE owner = ?", [owner])
    return n


def _remove_some(db: Database, where: str, values: dict[str, object]) -> int:
    """Remove some of the sets, thresholds and runs that this condition means; how many."""
    held = db.execute(f"SELECT owner, number FROM sets WHERE {where} LIMIT 1", values).fetchone()  # noqa: S608 - ours
    if held is not None:
        set_rows.shrink(db, *held)
        return 1
    n = db.execute(f"DELETE FROM thresholds WHERE {where}", values).rowcount  # noqa: S608 - ours
    return int(n) + records.remove(db, where, values)
