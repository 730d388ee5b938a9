"""One digest for everything in a model's folder that can change a score."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable
from pathlib import Path

# What decides a score besides the weights. A model card, a training log or an exported copy (onnx/) does not.
_DECIDING = re.compile(
    r"(config|modules|config_sentence_transformers|sentence_\w+_config|tokenizer|tokenizer_config|special_tokens_map"
    r"|added_tokens|vocab)\.json|vocab\.txt|merges\.txt|artifact\.metadata|[^/]+\.model|\d+_\w+/config\.json"
)
_lock = threading.Lock()
_digests: dict[tuple[str, int, int], str] = {}


def fingerprint(folder: Path, weights: Iterable[str]) -> str:
    """Hex sha256 over the config, tokenizer and weight files of `folder`, by name and content.

    The same files have the same fingerprint in any folder on any machine. A file's digest is remembered by path, size
    and modification time, so that a second load reads nothing.

    Args:
        weights: names of the weight files, relative to `folder`.
    """
    total = hashlib.sha256()
    for name in sorted({*filter(decides, _names(folder)), *weights}):
        total.update(f"{name}\0{digest(folder / name)}\n".encode())
    return total.hexdigest()


def decides(name: str) -> bool:
    """Whether the small file of this name (relative to the model's folder) can change a score."""
    return _DECIDING.fullmatch(name) is not None


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def digest(path: Path) -> str:
    """Hex sha256 of a file, remembered by path, size and modification time."""
    # A Hub snapshot is a folder of links into blobs: two revisions share one file, and its digest.
    real = path.resolve()
    stat = real.stat()
    key = (str(real), stat.st_size, stat.st_mtime_ns)
    with _lock:
        known = _digests.get(key)
    if known is None:
        with real.open("rb") as file:
            known = hashlib.file_digest(file, "sha256").hexdigest()
        with _lock:
            _digests[key] = known
    return known
