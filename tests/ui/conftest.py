"""The services of a page over the double and a history in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.wiring import Caller
from tests.ui import doubles


@pytest.fixture
def services(tmp_path: Path) -> Services:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    return Services(settings, Engine(load_scorer=doubles.load()), HistoryStore(settings.db))


@pytest.fixture
def caller() -> Caller:
    return Caller(session="page", owner="visitor-one")
