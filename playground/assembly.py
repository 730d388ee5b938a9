"""The engine and the history that a start asked for, with or without a page."""

from __future__ import annotations

from playground.core.limits import LOCAL, PUBLIC
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.remote.connect import Remotes
from playground.settings import Settings


def engine_of(settings: Settings) -> Engine:
    """Loads no model yet."""
    limits = PUBLIC if settings.public else LOCAL
    remotes = Remotes(
        settings.models if settings.public else None,
        # Whoever reaches the page may name an address, which must not be a way to the keys.
        trusted=None if settings.local else settings.models,
        offline=settings.offline,
    )
    return Engine(
        offline=settings.offline,
        limits=limits,
        folders=settings.folders,
        remotes=remotes,
        worker=settings.worker,
    )


def history_of(settings: Settings) -> HistoryStore:
    """Opens no database yet."""
    return HistoryStore(settings.db, public=settings.public, most_bytes=settings.most_kept_bytes)
