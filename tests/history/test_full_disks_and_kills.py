"""A full disk, kill -9, and several processes at once lose nothing that was saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history.database import HistoryFile
from playground.history.store import HistoryStore
from tests.history.processes import is_sound, rest_of, run_python
from tests.history.records import manifest


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
        rest = rest_of(process)
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
