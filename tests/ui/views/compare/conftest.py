"""The services of a page whose models count words."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from tests.engine.embedders import EmbedderShelf
from tests.ui.views.compare.comparisons import Rounded


@pytest.fixture
def services(tmp_path: Path) -> Services:
    engine = Engine(load_scorer=Rounded(), load_embedder=EmbedderShelf(), offline=True)
    settings = Settings(db=tmp_path / "history.db", offline=True)
    return Services(settings, engine, HistoryStore(settings.db))
