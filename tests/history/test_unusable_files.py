"""Files that cannot be used: each raises one clear sentence, and is left as it is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history.store import HistoryStore
from tests.history.processes import run_python
from tests.history.records import manifest

AS_NOBODY = """
    import os, sys
    from pathlib import Path
    from playground.core.errors import HistoryError
    from playground.history.store import HistoryStore
    from tests.history.records import manifest

    path = Path(sys.argv[1])
    HistoryStore(path.parent / "warm-up.db").save("ann", manifest())
    path.parent.chmod(int(sys.argv[2], 8))
    if path.exists():
        path.chmod(int(sys.argv[3], 8))
    if not os.geteuid():
        os.setuid(65534)
    store = HistoryStore(path)
    for use in (lambda: store.save("ann", manifest()), lambda: len(store.search("ann"))):
        try:
            print(use())
        except HistoryError as error:
            print(error)
"""


def said_to_nobody(path: Path, folder: str, file: str = "644") -> list[str]:
    """What saving and then searching say in a process that permissions bind (root may write everywhere)."""
    for above in path.parents[:4]:
        if above.exists():
            above.chmod(above.stat().st_mode | 0o755)
    try:
        return run_python(AS_NOBODY, path, folder, file).communicate(timeout=60)[0].splitlines()
    finally:
        path.parent.chmod(0o755)


def test_a_new_history_in_a_read_only_folder_says_so(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    assert (
        said_to_nobody(path, "555")
        == [f"The history at {path} could not be opened. Check that its folder exists and may be written to."] * 2
    )


def test_a_history_in_a_folder_that_became_read_only_says_so_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    id = HistoryStore(path).save("ann", manifest())

    for sentence in said_to_nobody(path, "555"):
        assert re.search(r"is read-only\.|could not be opened\.", sentence)

    assert [row.id for row in HistoryStore(path).search("ann")] == [id]


def test_a_read_only_file_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    id = HistoryStore(path).save("ann", manifest())

    assert said_to_nobody(path, "777", "444") == [
        f"The history at {path} is read-only. Allow writing, or choose another --db.",
        "1",
    ]
    assert [row.id for row in HistoryStore(path).search("ann")] == [id]


def test_a_folder_that_cannot_be_entered_says_so(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    assert (
        said_to_nobody(path, "000")
        == [f"The history at {path} could not be opened: Permission denied. Choose another file with --db."] * 2
    )


def test_a_lock_that_outlasts_the_wait_says_so(store: HistoryStore) -> None:
    id = store.save("ann", manifest())
    holder = run_python(
        """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        print("locked", flush=True)
        sys.stdin.readline()
        """,
        store.path,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"

    with pytest.raises(HistoryError, match="is in use by another program"):
        store.save("ann", manifest())
    assert store.get(id, "ann").manifest == manifest()

    holder.communicate("\n")
    store.save("ann", manifest())
    assert store.count("ann").runs == 2


def test_a_new_file_locked_by_another_program_says_so(store: HistoryStore) -> None:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="is in use by another program"):
            store.save("ann", manifest())

    assert store.count("ann").runs == 0


def test_a_file_that_is_removed_while_running_is_started_anew(store: HistoryStore) -> None:
    store.save("ann", manifest())
    store.path.unlink()

    id = store.save("ann", manifest())

    assert [row.id for row in store.search("ann")] == [id]


@pytest.mark.parametrize("content", ["id,text\n1,hello\n", "x"])
def test_somebody_elses_document_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "passages.csv"
    path.write_text(content)

    with pytest.raises(HistoryError, match=r"passages.csv is not a database\. Choose another file"):
        HistoryStore(path).save("ann", manifest())

    assert [file.name for file in tmp_path.iterdir()] == ["passages.csv"]
    assert path.read_text() == content


def test_another_programs_database_is_left_as_it_is(store: HistoryStore) -> None:
    with Database(store.path) as db:
        db.table("bookmarks").insert({"url": "https://example.org"})
    before = store.path.read_bytes()

    with pytest.raises(HistoryError, match="is another program's database"):
        store.save("ann", manifest())

    assert store.path.read_bytes() == before


def test_a_history_of_a_newer_version_is_left_untouched(store: HistoryStore) -> None:
    store.save("ann", manifest())
    with Database(store.path) as db:
        db.table("_sqlite_migrations").insert(
            {"migration_set": "playground.history", "name": "0099_later", "applied_at": "2030-01-01"}
        )
    before = store.path.read_bytes()

    for use in (store, HistoryStore(store.path)):
        with pytest.raises(HistoryError, match="was made by a newer version of the playground"):
            use.save("ann", manifest())

    assert store.path.read_bytes() == before


def test_a_folder_in_place_of_the_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"is a folder\. Choose a file"):
        HistoryStore(tmp_path).search("ann")


def test_a_file_in_place_of_the_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")

    with pytest.raises(HistoryError, match="could not be opened: File exists"):
        HistoryStore(tmp_path / "taken" / "history.db").search("ann")


def test_an_empty_file_becomes_a_history(store: HistoryStore) -> None:
    store.path.touch()

    assert store.count("ann").runs == 0
    assert store.notices == ()
