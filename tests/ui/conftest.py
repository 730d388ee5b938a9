"""The services of a page over the double and a history in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.wiring import Caller
from tests.ui import doubles


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    made = Services(settings, Engine(load_scorer=doubles.load()), HistoryStore(settings.db))
    yield made
    made.close()


@pytest.fixture
def caller() -> Caller:
    return Caller(session="page", owner="visitor-one")
