"""Handlers run in worker threads: one store, many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playground.history.store import HistoryStore
from tests.history.records import manifest


def test_threads_that_start_at_once_lose_nothing(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", busy_seconds=0.5)

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda place: store.save(f"owner {place % 2}", manifest(query=str(place))), range(40)))

    assert len(set(ids)) == 40
    assert {row.id for owner in ("owner 0", "owner 1") for row in store.search(owner)} == set(ids)


def test_reading_goes_on_while_others_write(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", busy_seconds=0.5)
    id = store.save("ann", manifest())

    with ThreadPoolExecutor(8) as pool:
        saving = [pool.submit(store.save, "ann", manifest()) for _ in range(20)]
        seen = list(pool.map(lambda _: store.get(id, "ann").manifest == manifest(), range(20)))

    assert all(seen)
    assert all(future.result() for future in saving)
    assert store.count("ann").runs == 21
