"""ONNX files that were made here, kept for the next load: whole, or made again. Nothing here imports torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from playground import paths
from playground.core.errors import DiskFull
from playground.models.fingerprint import digest
from playground.models.memory import MIB
from playground.models.room import free_disk, gib

GRAPH = "graph.onnx"
RECORD = "record.json"

# Tests keep theirs elsewhere.
folder = paths.cache_folder


def kept(key: str, model_id: str, n_bytes: int, make: Callable[[Path], None]) -> Path:
    """The graph of this key, which is made only where it is not there or not as it was written.

    Another process that wants the same one waits. What was left by one that was killed is removed.

    Args:
        key: of all that shapes the file.
        n_bytes: what it takes on the disk, at most.
        make: writes `GRAPH`, and weights beside it, into an empty folder. What it raises leaves nothing behind.

    Raises:
        DiskFull: it does not fit, or cannot be written.
    """
    home = folder() / "onnx"
    place, part = home / key, home / f"{key}.part"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / f"{key}.lock"):
            if _is_whole(place):
                return place / GRAPH
            for old in (place, part):
                shutil.rmtree(old, ignore_errors=True)
            _require_disk(model_id, n_bytes, home)
            part.mkdir()
            try:
                make(part)
                digests = {path.relative_to(part).as_posix(): digest(path) for path in _files(part)}
                (part / RECORD).write_text(json.dumps(digests), encoding="utf-8")
                part.rename(place)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise DiskFull(
            "The ONNX file of {model} cannot be kept in {folder} ({reason}). Make room there, or leave out "
            "#backend=onnx.",
            model=model_id,
            folder=home,
            reason=error.strerror or type(error).__name__,
        ) from error
    return place / GRAPH


def bytes_of(graph: Path) -> int:
    """Of a graph and the weights beside it, which in a folder of `kept` have any names."""
    beside = _files(graph.parent) if graph.name == GRAPH else graph.parent.glob(f"{graph.name}*")
    return sum(path.stat().st_size for path in beside)


def _is_whole(place: Path) -> bool:
    """Whether the files are those that were written, byte by byte."""
    try:
        digests = json.loads((place / RECORD).read_text(encoding="utf-8"))
        return GRAPH in digests and all(digest(place / name) == known for name, known in digests.items())
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def _files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def _require_disk(model_id: str, n_bytes: int, home: Path) -> None:
    free = free_disk(home)
    if n_bytes > free:
        raise DiskFull(
            "The ONNX file of {model} takes {need}, and the disk of the cache ({folder}) has {free} free. Make room "
            "there, or leave out #backend=onnx.",
            model=model_id,
            need=gib(n_bytes / MIB),
            folder=home,
            free=gib(free / MIB),
        )
