"""How long what was deleted can be restored, and its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlite_utils import Database

from playground.history import records, set_rows

KEPT_AFTER_DELETE = timedelta(days=7)


def purge(db: Database, before: datetime) -> int:
    """Remove for good what was deleted until `before`, with texts nobody else holds. Returns how many runs are gone."""
    set_rows.purge(db, before)
    db.execute("DELETE FROM thresholds WHERE deleted_at <= ?", [records.stamp(before)])
    return records.purge(db, before)
