"""Damaged files: mended or set aside, said, and nothing lost that could be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history.store import HistoryStore
from tests.history.processes import is_sound
from tests.history.records import manifest


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
