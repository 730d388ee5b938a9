"""The file under the history: opened, checked, brought up to date, and set aside when it is damaged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database, Migrations

from playground.core.errors import HistoryError
from playground.history.migrations import MIGRATIONS

MAGIC = b"SQLite format 3\x00"
SUFFIXES = (".db", ".sqlite", ".sqlite3")
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
READ_ONLY = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)

T = TypeVar("T")


def known_migrations(migrations: Migrations = MIGRATIONS) -> frozenset[str]:
    """Names of every step that this version knows."""
    with closing(Database(memory=True, execute_plugins=False)) as empty:
        return frozenset(step.name for step in migrations.pending(empty))


class HistoryFile:
    """One SQLite file, with a connection per use.

    Args:
        busy_seconds: how long to wait while another connection writes.
        check: what is asked before what was written for an owner is kept; raises where it may not be.
        migrations: the steps to its schema.
    """

    def __init__(
        self,
        path: Path,
        busy_seconds: float,
        check: Callable[[Database, str], None] | None = None,
        migrations: Migrations = MIGRATIONS,
    ) -> None:
        self.path = path
        self._check_room = check
        self.notices: tuple[str, ...] = ()
        self._busy_seconds = busy_seconds
        self._migrations = migrations
        self._known = known_migrations(migrations)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._checked = False
        self._suspect = False

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """One snapshot: every query inside sees the same state.

        Raises:
            HistoryError: the file cannot be used, or was found damaged.
        """
        with self._translated(), closing(self._open()) as db, db.atomic():
            yield db

    @contextmanager
    def writing(self, adds_for: str | None = None) -> Iterator[Database]:
        """One transaction: all of it is on the disk afterwards, or after any error nothing of it.

        Args:
            adds_for: whose things become more by it.
        Raises:
            HistoryError: as `reading`, or the file cannot be written.
        """
        # Threads queue here without a limit; the busy timeout is for other processes.
        with self._writing, self._translated(), closing(self._open()) as db, _immediate(db):
            yield db
            if adds_for is not None and self._check_room is not None:
                self._check_room(db, adds_for)

    def write_slices(self, slices: Iterable[T], write: Callable[[Database, T], None]) -> None:
        """Each slice in a transaction of its own; what takes long to make is made between them.

        Raises:
            HistoryError: as `writing`; the slices before are written.
        """
        took = 0.0
        for part in slices:
            # SQLite's queue is no queue: who waits looks again now and then, and must find the file free.
            time.sleep(took)
            with self.writing() as db:
                began = time.monotonic()
                write(db, part)
            took = time.monotonic() - began

    def _open(self) -> Database:
        with self._lock:
            if not self._checked:
                self._check()
                self._checked = True
        db = self._connect()
        try:
            self._bring_up_to_date(db)
        except BaseException:
            db.close()
            raise
        return db

    def _connect(self) -> Database:
        # Gradio runs handlers in worker threads; a SQLite connection stays in its own.
        connection = sqlite3.connect(self.path, timeout=self._busy_seconds)
        try:
            db = Database(connection, execute_plugins=False)
            db.execute("PRAGMA foreign_keys = ON")
            # WAL with NORMAL may lose the last runs when the power goes; FULL does not. https://sqlite.org/pragma.html
            db.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return db

    def _bring_up_to_date(self, db: Database) -> None:
        with db.atomic():  # one snapshot: another process may be making the tables
            applied = {step.name for step in self._migrations.applied(db)}
            is_foreign = not applied and bool(db.table_names())
        if applied - self._known:
            raise HistoryError(
                "The history at {path} was made by a newer version of the playground. Update, or choose another --db.",
                path=self.path,
            )
        if applied == self._known:
            return
        if is_foreign:
            raise HistoryError(
                "The file {path} is another program's database. Choose another file with --db.", path=self.path
            )
        self._enable_wal(db)
        # Another process may be at the same point: the one that comes second finds nothing left to do.
        with _immediate(db):
            self._migrations.apply(db)

    def _enable_wal(self, db: Database) -> None:
        """Switch to WAL. SQLite does not wait for another process that is switching too, so we do."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                return db.enable_wal()
            except sqlite3.OperationalError as error:
                if _code(error) not in LOCKED or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _check(self) -> None:
        """Refuse what is no history, set a damaged file aside, mend a damaged text index."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            raise HistoryError("{path} is a folder. Choose a file for the history with --db.", path=self.path)
        if not self.path.exists() or not self.path.stat().st_size:
            return
        inode = self.path.stat().st_ino
        # A header that is not SQLite's decides before SQLite opens the file: it would throw away the log beside it.
        if not self._has_header() or self._is_damaged():
            self._set_aside(inode)
        self._suspect = False

    def _has_header(self) -> bool:
        """Whether the file begins as SQLite's do.

        Raises:
            HistoryError: it does not, and is not named like a database either: somebody's document.
        """
        with self.path.open("rb") as file:
            header = file.read(len(MAGIC))
        if header != MAGIC and any(header) and self.path.suffix.lower() not in SUFFIXES:
            raise HistoryError(
                "The file {path} is not a database. Choose another file with --db; this one was left as it is.",
                path=self.path,
            )
        return header == MAGIC

    def _is_damaged(self) -> bool:
        """Whether SQLite finds the file unsound. A text index that gave an error is rebuilt on the way."""
        try:
            with closing(self._connect()) as db:
                if [row[0] for row in db.execute("PRAGMA quick_check(1)")] != ["ok"]:
                    return True
                if self._suspect and db.table("texts_fts").exists():
                    db.execute("INSERT INTO texts_fts (texts_fts) VALUES ('rebuild')")
        except sqlite3.DatabaseError as error:
            if _code(error) not in DAMAGED:
                raise
            return True
        return False

    def _set_aside(self, inode: int) -> None:
        if self.path.stat().st_ino != inode:
            return  # another process has just done it
        moved = _free_name(self.path)
        # The log goes first: SQLite must never find it beside the fresh file.
        for ending in ("-wal", "-shm", ""):
            part = self.path.with_name(self.path.name + ending)
            if part.exists():
                part.rename(moved.with_name(moved.name + ending))
        self.notices += (
            f"The history at {self.path} was damaged. It was moved to {moved.name}, and a fresh one was started.",
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if _code(error) in DAMAGED:
                self._checked, self._suspect = False, True
            raise _translation(self.path, error) from error
        except OSError as error:
            raise HistoryError(
                "The history at {path} could not be opened: {detail}. Choose another file with --db.",
                path=self.path,
                detail=error.strerror or error,
            ) from error


@contextmanager
def _immediate(db: Database) -> Iterator[None]:
    """One write transaction. BEGIN IMMEDIATE waits for its turn; a plain BEGIN fails at its first write instead."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where Python raised the error itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _translation(path: Path, error: sqlite3.Error) -> HistoryError:
    code = _code(error)
    if code in LOCKED:
        return HistoryError(
            "The history at {path} is in use by another program. Try again, or close that program.", path=path
        )
    if code in READ_ONLY:
        return HistoryError("The history at {path} is read-only. Allow writing, or choose another --db.", path=path)
    if code == sqlite3.SQLITE_FULL:
        return HistoryError("The disk that holds {path} is full. Free some space and try again.", path=path)
    if code == sqlite3.SQLITE_CANTOPEN:
        return HistoryError(
            "The history at {path} could not be opened. Check that its folder exists and may be written to.", path=path
        )
    if code in DAMAGED:
        return HistoryError("The history at {path} is damaged. Try again: it will be mended or set aside.", path=path)
    return HistoryError(
        "The history at {path} could not be read or written: {detail}. Check the disk and its free space.",
        path=path,
        detail=error,
    )


def _free_name(path: Path) -> Path:
    """<name>.corrupt-<time>, with a number behind it where that is taken."""
    first = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    name, number = first, 1
    while name.exists():
        number += 1
        name = first.with_name(f"{first.name}-{number}")
    return name
