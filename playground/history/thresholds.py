"""Thresholds that were saved, by owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.thresholds import Threshold
from playground.history import domain
from playground.history.database import HistoryFile
from playground.history.manifests import clean
from playground.history.records import new_id, owned, stamp


class ThresholdStore:
    """Thresholds in the history's file. Every method raises HistoryError where the file cannot be used or a threshold
    is absent.
    """

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def save(self, owner: str, threshold: Threshold) -> str:
        """Keep a threshold under a new id; it is on the disk when the id comes back."""
        owner, id = owned(owner), new_id()
        row = {
            "id": id,
            "owner": owner,
            "saved_at": stamp(threshold.saved_at),
            "body": domain.to_json(replace(threshold, id=id)),
        }
        with self._file.writing(owner) as db:
            db.table("thresholds").insert(row)
        return id

    def get(self, owner: str, threshold_id: str) -> Threshold:
        """One threshold, deleted or not."""
        with self._file.reading() as db:
            body = _found(db, owned(owner), threshold_id)[1]
        found = domain.sound_threshold(body)
        if found is None:
            raise HistoryError(
                "The threshold {threshold_id!r} is damaged and cannot be used.", threshold_id=threshold_id[:40]
            )
        return found

    def delete(self, owner: str, threshold_id: str) -> None:
        """Put a threshold into the bin; `restore` takes it back until it is removed for good."""
        self._bin(owner, threshold_id, stamp(datetime.now(UTC)))

    def restore(self, owner: str, threshold_id: str) -> None:
        """Undo `delete`, as long as the threshold was not removed for good."""
        self._bin(owner, threshold_id, None)

    def list(self, owner: str) -> list[Threshold]:
        """Newest first, without damaged ones."""
        sql = "SELECT body FROM thresholds WHERE owner = ? AND deleted_at IS NULL ORDER BY saved_at DESC, number DESC"
        with self._file.reading() as db:
            bodies = [str(row[0]) for row in db.execute(sql, [owned(owner)])]
        return [found for found in map(domain.sound_threshold, bodies) if found is not None]

    def named(self, name: str) -> tuple[Threshold, ...]:
        """Newest first, of any owner; for use on this machine. Damaged ones are left out."""
        sql = "SELECT body FROM thresholds WHERE deleted_at IS NULL ORDER BY saved_at DESC, number DESC"
        with self._file.reading() as db:
            bodies = [str(row[0]) for row in db.execute(sql)]
        found = (domain.sound_threshold(body) for body in bodies)
        return tuple(each for each in found if each is not None and each.name == name)

    def _bin(self, owner: str, threshold_id: str, moment: str | None) -> None:
        with self._file.writing() as db:
            number, _ = _found(db, owned(owner), threshold_id)
            db.table("thresholds").update(number, {"deleted_at": moment})


def _found(db: Database, owner: str, threshold_id: str) -> tuple[int, str]:
    """Number and body of a threshold.

    Raises:
        HistoryError: `owner` has no such threshold.
    """
    sql = "SELECT number, body FROM thresholds WHERE id = ? AND owner = ?"
    found = db.execute(sql, [clean(threshold_id), owner]).fetchone()
    if found is None:
        raise HistoryError(
            "There is no threshold {threshold_id!r} of yours. It may be deleted, or belong to another browser.",
            threshold_id=threshold_id[:40],
        )
    return int(found[0]), str(found[1])
