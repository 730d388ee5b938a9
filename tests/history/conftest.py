"""A store in a fresh folder, for every test of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.history.store import HistoryStore


@pytest.fixture
def store(tmp_path: Path) -> HistoryStore:
    return HistoryStore(tmp_path / "history.db", busy_seconds=0.2)
