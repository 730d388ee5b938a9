"""A history of an earlier version is brought up to date, and loses nothing."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from playground.core.errors import HistoryError
from playground.history import migrations
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, TABLES, grades, labelled
from tests.history.processes import is_sound, run_python
from tests.history.records import manifest
from tests.history.test_set_scores import SCORE_ON, scored_batches


def released(tmp_path: Path) -> Path:
    """A history that the version before labels made: two runs of ann's, one of bob's."""
    path = tmp_path / "history.db"
    packed = Path(__file__).with_name("data") / "schema_0002.db.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_a_history_of_the_version_before_keeps_its_runs(tmp_path: Path) -> None:
    path = released(tmp_path)
    store = HistoryStore(path)

    id = store.sets.save("ann", labelled(BEARS))

    assert grades(store.sets.get("ann", id)) == BEARS
    newest, oldest = store.search("ann")
    assert (newest.id, newest.query, newest.note) == ("B7nvZvgH98cEdnpxXYlQGQ", "熊猫吃什么？", "a note")
    assert (oldest.id, oldest.starred) == ("nzYQwl-wffHckZWkGUZUnQ", True)
    assert store.get(oldest.id, "ann").manifest == manifest(created_at="2026-05-01T12:00:00+00:00")
    assert [row.query for row in store.search("bob")] == ["bob's"]
    assert [row.id for row in store.search("ann", text="giant panda")] == [oldest.id]
    assert store.notices == ()
    assert is_sound(path)


def test_an_old_history_and_a_fresh_one_end_with_the_same_tables(tmp_path: Path) -> None:
    def schema(path: Path) -> list[tuple[str, str]]:
        HistoryStore(path).prepare()
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()

    assert schema(released(tmp_path)) == schema(tmp_path / "fresh.db")


def test_a_migration_that_fails_leaves_the_old_history_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = released(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(migrations, "SCHEMA_4", "CREATE TABLE runs (number INTEGER)")
        with pytest.raises(HistoryError, match="could not be read or written: table runs already exists"):
            HistoryStore(path).prepare()

    with closing(sqlite3.connect(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert not tables & set(TABLES)
    assert len(HistoryStore(path).search("ann")) == 2


def test_two_processes_bring_an_old_history_up_to_date_at_once(tmp_path: Path) -> None:
    path = released(tmp_path)
    processes = [run_python(SCORE_ON, path, 2, turn) for turn in range(2)]

    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0

    assert [scored_batches(path, f"query {turn}", 2) for turn in range(2)] == [[True, True]] * 2
    assert len(HistoryStore(path).search("ann")) == 2
