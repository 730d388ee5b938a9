"""What was measured once on this machine, kept for the next start; a damaged or unwritable file counts as absent."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from pathlib import Path
from typing import Any

from playground import paths

# Tests keep theirs elsewhere.
folder = paths.cache_folder

_lock = threading.Lock()
log = logging.getLogger(__name__)


def get(topic: str, key: str) -> Any:
    """What `put` kept, as JSON brings it back; None where nothing is known."""
    with _lock:
        return _read(_path(topic)).get(key)


def put(topic: str, key: str, value: Any) -> None:
    """Keeps a value that JSON can hold.

    Args:
        topic: names the file; a change of what its values mean takes a new one.
        key: all that the value depends on: the machine may have changed its processor, torch its version.
    """
    path = _path(topic)
    with _lock:
        written: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
            ) as file:
                written = Path(file.name)
                json.dump(_read(path) | {key: value}, file)
            written.replace(path)
        except OSError as error:
            log.warning("%s is not kept on disk: %s", topic, error)
            if written is not None:
                written.unlink(missing_ok=True)


def _path(topic: str) -> Path:
    return folder() / f"{topic}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
