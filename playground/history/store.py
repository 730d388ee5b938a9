"""The history: every run, label and labelled set of every visitor, each visitor seeing their own."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history import manifests, records, retention, transfer
from playground.history.database import HistoryFile
from playground.history.labels import LabelStore
from playground.history.manifests import clean
from playground.history.retention import KEPT_AFTER_DELETE
from playground.history.rows import Run, RunRow
from playground.history.search import condition
from playground.history.sets import SetStore
from playground.history.thresholds import ThresholdStore

BUSY_SECONDS = 5.0
MAX_NOTE_CHARS = 10_000
RUN_ID = re.compile(r"[A-Za-z0-9_-]{22}")


class HistoryStore:
    """Runs in one SQLite file. Opens a connection per call, so any thread and any process may use it.

    Every method raises HistoryError where the file cannot be used or a run is absent; nothing is then half-written.
    An owner is the random id that a browser keeps; deleted runs are removed for good after KEPT_AFTER_DELETE.

    Attributes:
        labels, sets, thresholds: what was said of pairs, and what follows from it; each by owner, in the same file.
    Args:
        path: made at first use, with its folder.
        public: no run of another owner is shown, not even to somebody who has its link.
        busy_seconds: how long a call waits for another program that writes.
    """

    def __init__(self, path: Path, *, public: bool = False, busy_seconds: float = BUSY_SECONDS) -> None:
        self.public = public
        self._file = HistoryFile(Path(path), busy_seconds)
        self.labels = LabelStore(self._file)
        self.sets = SetStore(self._file)
        self.thresholds = ThresholdStore(self._file)

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def notices(self) -> tuple[str, ...]:
        """What happened to the file and the user should know, in sentences: a damaged one was set aside."""
        return self._file.notices

    def prepare(self) -> None:
        """Open, check and bring up to date now rather than at first use."""
        with self._file.reading():
            pass

    def save(self, owner: str, manifest: Mapping[str, object]) -> str:
        """Keep a run; it is on the disk when its id comes back.

        Raises:
            TypeError: the manifest holds something that JSON does not.
        """
        owner = records.owned(owner)
        id = records.new_id()
        run = transfer.new_run(manifest, id)
        with self._file.writing() as db:
            retention.purge(db, datetime.now(UTC) - KEPT_AFTER_DELETE)
            records.add_run(db, owner, run, id)
        return id

    def get(self, run_id: str, owner: str | None) -> Run:
        """One run of `owner`, deleted or not; `owner=None` is for use on this machine and finds anybody's."""
        where = "runs.id = :id" if owner is None else "runs.id = :id AND runs.owner = :owner"
        return self._run(run_id, where, {"owner": None if owner is None else records.owned(owner)})

    def open_link(self, run_id: str, owner: str | None = None) -> Run:
        """The run that a link names: one's own, and unless the store is public anybody's that is not deleted."""
        where = "runs.id = :id AND (runs.owner = :owner OR (runs.deleted_at IS NULL AND NOT :public))"
        return self._run(run_id, where, {"owner": clean(owner or ""), "public": self.public})

    def search(
        self,
        owner: str,
        *,
        text: str = "",
        model_id: str | None = None,
        starred: bool = False,
        limit: int = 50,
        before: RunRow | None = None,
    ) -> list[RunRow]:
        """Newest first. Every word of `text` occurs in query, passages or note, in any case and inside longer words.

        Args:
            before: the last row of the page before; runs that are saved meanwhile do not shift the next page.
        """
        page = "(:before_at IS NULL OR (runs.created_at, runs.number) < (:before_at, :before_number))"
        values: dict[str, object] = {"limit": limit, "before_at": None, "before_number": None}
        if before is not None:
            values |= {"before_at": records.stamp(before.created_at), "before_number": before.number}
        order = "ORDER BY runs.created_at DESC, runs.number DESC LIMIT :limit"
        with self._file.reading() as db:
            which = condition(db, records.owned(owner), clean(text), model_id, starred)
            rows = records.select(db, f"{which.sql} AND {page} {order}", which.values | values)
            return [_row(found) for found in rows]

    def count(self, owner: str, *, text: str = "", model_id: str | None = None, starred: bool = False) -> int:
        """How many runs `search` would find without a limit."""
        with self._file.reading() as db:
            which = condition(db, records.owned(owner), clean(text), model_id, starred)
            return db.table("runs").count_where(which.sql, which.values)

    def models(self, owner: str) -> list[str]:
        """Ids of the models in the runs of `owner`, in alphabetical order."""
        sql = "SELECT DISTINCT model_id FROM runs WHERE owner = ? AND deleted_at IS NULL AND model_id <> '' ORDER BY 1"
        with self._file.reading() as db:
            return [str(found[0]) for found in db.execute(sql, [records.owned(owner)])]

    def scales_of(self, owner: str, run_ids: Sequence[str]) -> dict[str, set[tuple[str, str]]]:
        """(fingerprint, scale name) of every model that gave scores, by run; only runs of `owner`."""
        with self._file.reading() as db:
            return records.scales_of(db, records.owned(owner), run_ids)

    def star(self, run_id: str, owner: str, on: bool) -> None:
        """Mark or unmark a run."""
        with self._file.writing() as db:
            db.table("runs").update(_number(db, run_id, owner), {"starred": int(on)})

    def note(self, run_id: str, owner: str, text: str) -> None:
        """Replace the note of a run; blank text removes it. NUL and lone surrogates become U+FFFD."""
        if len(text) > MAX_NOTE_CHARS:
            raise HistoryError(
                "The note has {found} characters, more than {limit}. Shorten it.", found=len(text), limit=MAX_NOTE_CHARS
            )
        with self._file.writing() as db:
            records.set_note(db, _number(db, run_id, owner), clean(text).strip())

    def delete(self, run_id: str, owner: str) -> None:
        """Put a run into the bin; `restore` takes it back."""
        with self._file.writing() as db:
            db.table("runs").update(_number(db, run_id, owner), {"deleted_at": records.stamp(datetime.now(UTC))})

    def restore(self, run_id: str, owner: str) -> None:
        """Undo `delete`, as long as the run was not removed for good."""
        with self._file.writing() as db:
            db.table("runs").update(_number(db, run_id, owner), {"deleted_at": None})

    def purge(self, older_than: timedelta = KEPT_AFTER_DELETE) -> int:
        """Remove for good what was deleted `older_than` ago or earlier, with texts nobody else holds.

        Sets and thresholds go as well.

        Returns:
            How many runs are gone.
        """
        with self._file.writing() as db:
            return retention.purge(db, datetime.now(UTC) - older_than)

    def export(self, owner: str) -> bytes:
        """Every run of `owner` that is not deleted, as one file (.jsonl.gz)."""
        with self._file.reading() as db:
            return transfer.export(db, records.owned(owner))[0]

    def export_to(self, owner: str, target: Path) -> int:
        """Write `export` to `target`, all of it or nothing. Returns how many runs it holds."""
        with self._file.reading() as db:
            data, n_runs = transfer.export(db, records.owned(owner))
        _write(target, data)
        return n_runs

    def import_(self, owner: str, source: Path | bytes) -> int:
        """Take the runs of an exported file into the history of `owner`; all of them or, after any error, none.

        A run that is there already is not added again; one that lies in the bin comes back.

        Returns:
            How many runs are new or came back.
        """
        owner = records.owned(owner)
        runs = transfer.read(source)
        with self._file.writing() as db:
            return sum(_take_in(db, owner, run) for run in runs)

    def _run(self, run_id: str, where: str, values: Mapping[str, object]) -> Run:
        with self._file.reading() as db:
            rows = records.select(db, where, {**values, "id": clean(run_id)}, ", runs.manifest")
            found = next(rows, None)
            if found is None:
                raise _absent(run_id)
            texts = records.texts_of(db, int(str(found["number"])))
        fields: dict[str, Any] = records.fields(found)
        try:
            return Run(**fields, manifest=manifests.join(str(found["manifest"]), texts))
        except (KeyError, ValueError) as error:
            raise HistoryError("The run {run_id!r} is damaged and cannot be shown.", run_id=run_id[:40]) from error


def _number(db: Database, run_id: str, owner: str) -> int:
    sql = "SELECT number FROM runs WHERE id = ? AND owner = ?"
    found = db.execute(sql, [clean(run_id), records.owned(owner)]).fetchone()
    if found is None:
        raise _absent(run_id)
    return int(found[0])


def _absent(run_id: str) -> HistoryError:
    return HistoryError(
        "There is no run {run_id!r} in your history. It may be deleted, or belong to another browser.",
        run_id=run_id[:40],
    )


def _row(found: Mapping[str, object]) -> RunRow:
    fields: dict[str, Any] = records.fields(found)
    return RunRow(**fields)


def _take_in(db: Database, owner: str, run: records.NewRun) -> bool:
    """Add one imported run; False where it is there already. It keeps its id, and so its link, where that is free."""
    known = db.execute(
        "SELECT number, deleted_at FROM runs WHERE owner = ? AND origin = ?", [owner, run.origin]
    ).fetchone()
    if known is not None:
        db.execute("UPDATE runs SET deleted_at = NULL WHERE number = ?", [known[0]])
        return known[1] is not None
    taken = db.execute("SELECT 1 FROM runs WHERE id = ?", [run.origin]).fetchone()
    keeps = taken is None and RUN_ID.fullmatch(run.origin)
    records.add_run(db, owner, replace(run, note=run.note[:MAX_NOTE_CHARS]), run.origin if keeps else records.new_id())
    return True


def _write(target: Path, data: bytes) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            part = Path(file.name)
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                part.unlink()
                raise
        part.replace(target)
    except OSError as error:
        raise HistoryError(
            "The export could not be written to {path}: {detail}.", path=target, detail=error.strerror or error
        ) from error
