"""Files that cannot be used: each raises one clear sentence, and loses nothing."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history.database import HistoryFile
from playground.history.store import HistoryStore
from tests.history.processes import is_sound, run_python
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
    for above in path.parents[:3]:
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
    assert store.count("ann") == 2


def test_a_new_file_locked_by_another_program_says_so(store: HistoryStore) -> None:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="is in use by another program"):
            store.save("ann", manifest())

    assert store.count("ann") == 0


@pytest.mark.parametrize("damage", ["header", "zeroed header", "pages", "half", "text"])
def test_a_corrupt_file_is_moved_aside_and_said(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "history.db"
    before = HistoryStore(path)
    for place in range(30):
        before.save("ann", manifest(query=f"query {place}", passages=["a passage " * 50 + str(place)]))
    sound = path.read_bytes()
    spoiled = {
        "header": b"X" * 100 + sound[100:],
        "zeroed header": bytes(4096) + sound[4096:],
        "pages": sound[:4096] + bytes([0xA5]) * (len(sound) - 4096),
        "half": sound[: len(sound) // 2],
        "text": b"this is no database",
    }[damage]
    path.write_bytes(spoiled)
    store = HistoryStore(path)

    id = store.save("ann", manifest())

    (aside,) = tmp_path.glob("history.db.corrupt-*")
    assert aside.read_bytes() == spoiled
    assert store.notices == (
        f"The history at {path} was damaged. It was moved to {aside.name}, and a fresh one was started.",
    )
    assert [row.id for row in store.search("ann")] == [id]
    assert is_sound(path)


def test_the_log_of_a_corrupt_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"\x00" * 8192)
    path.with_name("history.db-wal").write_bytes(b"log")
    store = HistoryStore(path)

    store.prepare()

    names = {file.name for file in tmp_path.iterdir()}
    aside = next(name for name in names if "corrupt" in name and not name.endswith("-wal"))
    assert names == {"history.db", aside, f"{aside}-wal"}
    assert (tmp_path / f"{aside}-wal").read_bytes() == b"log"


def test_two_corrupt_files_in_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for content in (b"first damage", b"second damage"):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        HistoryStore(path).prepare()

    kept = [file.read_bytes() for file in tmp_path.glob("history.db.corrupt-*")]
    assert sorted(kept) == [b"first damage", b"second damage"]


def test_damage_met_on_the_way_is_said_and_then_set_aside(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    for place in range(30):
        store.save("ann", manifest(passages=["a passage " * 50 + str(place)]))
    sound = store.path.read_bytes()
    store.path.write_bytes(sound[:4096] + bytes([0xA5]) * (len(sound) - 4096))

    with pytest.raises(HistoryError, match=r"is damaged\. Try again: it will be mended or set aside"):
        store.search("ann")

    assert store.search("ann") == []
    assert len(store.notices) == 1


def test_a_damaged_text_index_is_rebuilt_and_no_run_is_lost(store: HistoryStore) -> None:
    id = store.save("ann", manifest())
    with Database(store.path) as db:
        db.execute("UPDATE texts_fts_data SET block = x'0102030405' WHERE id > 10")

    with pytest.raises(HistoryError, match=r"is damaged\. Try again: it will be mended"):
        store.search("ann", text="panda")

    assert [row.id for row in store.search("ann", text="panda")] == [id]
    assert store.notices == ()
    assert is_sound(store.path)


def test_a_text_index_beyond_repair_is_set_aside_with_the_file(store: HistoryStore) -> None:
    store.save("ann", manifest())
    with Database(store.path) as db:
        db.execute("UPDATE texts_fts_data SET block = x'0102030405'")

    with pytest.raises(HistoryError, match=r"is damaged\. Try again: it will be mended or set aside"):
        store.search("ann", text="panda")

    assert store.search("ann", text="panda") == []
    assert len(store.notices) == 1


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

    assert store.count("ann") == 0
    assert store.notices == ()


def test_a_full_database_keeps_what_it_has_and_nothing_by_halves(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = store.save("ann", manifest())
    with Database(store.path) as db:
        n_pages = db.execute("PRAGMA page_count").fetchone()[0]
    connect = HistoryFile._connect

    def connect_with_limit(file: HistoryFile) -> Database:
        db = connect(file)
        db.execute(f"PRAGMA max_page_count = {n_pages + 20}")
        return db

    with monkeypatch.context() as limited:
        limited.setattr(HistoryFile, "_connect", connect_with_limit)
        with pytest.raises(HistoryError, match=r"The disk that holds .*history.db is full"):
            store.save("ann", manifest(passages=[os.urandom(1000).hex() for _ in range(200)]))

    assert [row.id for row in store.search("ann")] == [id]
    with Database(store.path) as db:
        assert db.table("texts").count == 3
    assert is_sound(store.path)
    store.save("ann", manifest())


FILL = """
    import os, sys
    from pathlib import Path
    from playground.core.errors import HistoryError
    from playground.history.store import HistoryStore
    from tests.history.records import manifest

    store = HistoryStore(Path(sys.argv[1]))
    if sys.argv[2:]:
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    while True:
        try:
            print(store.save("ann", manifest(passages=[os.urandom(200).hex() for _ in range(20)])), flush=True)
        except HistoryError as error:
            print(error)
            break
"""


def filled(path: Path, *limit: int) -> tuple[list[str], str]:
    """What a process saved until the disk was full, and the sentence it ended with."""
    output, _ = run_python(FILL, path, *limit).communicate(timeout=120)
    *saved, message = output.splitlines()
    return saved, message


def test_a_limit_on_file_size_keeps_every_saved_run(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "history.db"

    saved, message = filled(path, 1_000_000)

    assert "Check the disk and its free space" in message
    assert len(saved) > 3
    assert [row.id for row in HistoryStore(path).search("ann", limit=1000)] == saved[::-1]
    assert is_sound(path)


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is mounted")
def test_a_full_disk_keeps_every_saved_run(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        path = tmp_path / "history.db"
        saved, message = filled(path)

        assert message == f"The disk that holds {path} is full. Free some space and try again."
        assert len(saved) > 3
        assert [row.id for row in HistoryStore(path).search("ann", limit=1000)] == saved[::-1]
        assert is_sound(path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


SAVE_ON = """
    import sys
    from pathlib import Path
    from playground.history.store import HistoryStore
    from tests.history.records import manifest

    store = HistoryStore(Path(sys.argv[1]))
    for place in range(int(sys.argv[2])):
        passages = [f"{sys.argv[3]} passage {place} {index} " * 40 for index in range(20)]
        print(store.save("ann", manifest(query=f"{sys.argv[3]} {place}", passages=passages)), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_in_mid_write_loses_no_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    saved: list[str] = []
    for turn in range(6):
        process = run_python(SAVE_ON, path, 100_000, turn)
        assert process.stdout is not None
        saved += [process.stdout.readline().strip() for _ in range(1 + 2 * turn)]
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0]
        saved += [line for line in rest.split("\n")[:-1] if line]

        store = HistoryStore(path)
        kept = {row.id for row in store.search("ann", limit=100_000)}
        assert set(saved) <= kept
        assert len(kept) <= len(saved) + turn + 1, "each kill may leave one run that was saved but not yet said"
        assert is_sound(path)
        assert store.notices == ()
        assert all(store.get(id, "ann").n_passages == 20 for id in saved)


def test_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    processes = [run_python(SAVE_ON, path, 15, name) for name in "abcd"]

    saved = [line for process in processes for line in process.communicate(timeout=120)[0].split()]

    assert [process.returncode for process in processes] == [0] * 4
    assert len(set(saved)) == 60
    assert {row.id for row in HistoryStore(path).search("ann", limit=1000)} == set(saved)
    assert is_sound(path)
