"""The endpoints on a port of their own, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.serve import rest
from playground.serve.served import Served
from playground.settings import Settings

QUERY = "what is panda?"
DOCUMENTS = ["hi", "The giant panda is a bear.", "pandas eat bamboo"]
RERANKER = "built-in/mini-reranker"
EMBEDDER = "built-in/mini-embedder"


def served(folder: Path, engine: Engine, **settings: Any) -> Served:
    """What `serving` serves, with a history in `folder`."""
    chosen = Settings(db=folder / "history.db", api=True, **settings)
    return Served(chosen, engine, HistoryStore(chosen.db, public=chosen.public))


@contextmanager
def serving(what: Served, **guard: float) -> Iterator[str]:
    """The address of a running server.

    Args:
        guard: seconds that a body may take, in place of the usual ones.
    """
    app = rest.build(what)
    vars(app).update({f"_{name}": value for name, value in guard.items()})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
