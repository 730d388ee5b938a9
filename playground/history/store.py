"""The history: every run, label and labelled set of every visitor, each visitor seeing their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history import importing, manifests, records, retention, transfer
from playground.history.corpora import CorpusStore
from playground.history.database import HistoryFile
from playground.history.labels import LabelStore
from playground.history.manifests import clean
from playground.history.retention import KEPT_AFTER_DELETE
from playground.history.rows import Kept, Run, RunRow
from playground.history.search import condition
from playground.history.sets import SetStore
from playground.history.thresholds import ThresholdStore

BUSY_SECONDS = 5.0
MAX_NOTE_CHARS = 10_000


class HistoryStore:
    """Runs in one SQLite file. Opens a connection per call, so any thread and any process may use it.

    Every method raises HistoryError where the file cannot be used or a run is absent; nothing is then half-written.
    An owner is the random id that a browser keeps; deleted runs are removed for good after KEPT_AFTER_DELETE.

    Attributes:
        labels, sets, thresholds: what was said of pairs, and what follows from it; each by owner, in the same file.
        corpora: documents and their passages, by owner, in a file beside it.
    Args:
        path: made at first use, with its folder.
        public: no run of another owner is shown, not even to somebody who has its link.
        busy_seconds: how long a call waits for another program that writes.
        most_bytes: that one owner may keep, roughly; None has no limit.
    """

    def __init__(
        self,
        path: Path,
        *,
        public: bool = False,
        busy_seconds: float = BUSY_SECONDS,
        most_bytes: int | None = None,
    ) -> None:
        self.public = public
        self.most_bytes = most_bytes
        check = None if most_bytes is None else partial(retention.check_room, limit=most_bytes)
        self._file = HistoryFile(Path(path), busy_seconds, check)
        self.labels = LabelStore(self._file)
        self.sets = SetStore(self._file)
        self.thresholds = ThresholdStore(self._file)
        self.corpora = CorpusStore(Path(path), busy_seconds)

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
        with self._file.writing(owner) as db:
            retention.purge_some(db, datetime.now(UTC) - KEPT_AFTER_DELETE)
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
    ) -> list[RunRow]:
        """Newest first. Every word of `text` occurs in query, passages or note, in any case and inside longer words."""
        order = "ORDER BY runs.created_at DESC, runs.number DESC LIMIT :limit"
        with self._file.reading() as db:
            which = condition(db, records.owned(owner), clean(text), model_id, starred)
            rows = records.select(db, f"{which.sql} {order}", which.values | {"limit": limit})
            return [_row(found) for found in rows]

    def count(self, owner: str) -> Kept:
        """How much of each kind an owner keeps, without what was deleted."""
        with self._file.reading() as db:
            return retention.count(db, records.owned(owner))

    def n_bytes(self, owner: str) -> int:
        """How many bytes that takes, with what was deleted and can still be restored; roughly."""
        with self._file.reading() as db:
            return retention.n_bytes(db, records.owned(owner))

    def models(self, owner: str) -> list[str]:
        """Ids of the models in the runs of `owner`, in alphabetical order."""
        sql = "SELECT DISTINCT model_id FROM runs WHERE owner = ? AND deleted_at IS NULL AND model_id <> '' ORDER BY 1"
        with self._file.reading() as db:
            return [str(found[0]) for found in db.execute(sql, [records.owned(owner)])]

    def scales_of(self, owner: str, run_ids: Sequence[str]) -> dict[str, set[tuple[str, str, str]]]:
        """As `records.scales_of`; only runs of `owner`."""
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
        with self._file.writing(owner if text.strip() else None) as db:
            records.set_note(db, _number(db, run_id, owner), clean(text).strip())

    def delete(self, run_id: str, owner: str) -> None:
        """Put a run into the bin; `restore` takes it back."""
        with self._file.writing() as db:
            db.table("runs").update(_number(db, run_id, owner), {"deleted_at": records.stamp(datetime.now(UTC))})

    def restore(self, run_id: str, owner: str) -> None:
        """Undo `delete`, as long as the run was not removed for good."""
        with self._file.writing() as db:
            db.table("runs").update(_number(db, run_id, owner), {"deleted_at": None})

    def purge(self, older_than: timedelta = KEPT_AFTER_DELETE) -> None:
        """Remove for good the runs, sets and thresholds that were deleted `older_than` ago or earlier."""
        before = datetime.now(UTC) - older_than
        self._until_nothing(lambda db: retention.purge_some(db, before))

    def forget(self, owner: str) -> Kept:
        """Remove everything of `owner` for good, the bin too; what that was. Others' things stay, also shared texts.

        It goes in many short transactions: where one fails, some of it may still be there.
        """
        gone = self.count(owner)
        self._until_nothing(lambda db: retention.forget_some(db, records.owned(owner)))
        self.corpora.forget(owner)
        return gone

    def export(self, owner: str, outward: Callable[[str], str] = str) -> bytes:
        """Everything of `owner` that is not deleted, as one file (.jsonl.gz).

        Args:
            outward: what becomes of each line but those of texts, which have their hashes to keep.
        """
        with self._file.reading() as db:
            return transfer.export(db, records.owned(owner), outward)

    def import_(self, owner: str, source: Path | bytes) -> Kept:
        """Take an exported file into the history of `owner`; all of it or, after any error, nothing.

        What is there already is not added again; what lies in the bin comes back. Of two labels or scores for one pair
        the newer stands, a person's label over a file's.

        Returns:
            How much is new or came back.
        """
        return importing.take_in(self._file, records.owned(owner), transfer.read(source))

    def _until_nothing(self, remove: Callable[[Database], int]) -> None:
        """Remove a little in each transaction, until nothing is left."""
        n = 1

        def again() -> Iterator[None]:
            while n:
                yield None

        def write(db: Database, _: None) -> None:
            nonlocal n
            n = remove(db)

        self._file.write_slices(again(), write)

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
