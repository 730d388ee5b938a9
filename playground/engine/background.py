"""Cosines of texts that have nothing to do with each other: what an embedder gives for nothing.

The texts are our own (`assets/background.json`): each passage and each query is on a topic that no other one shares.
Measured once per weights, precision, language and instruction, and kept as a small JSON file.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from playground.core.types import Background, Language, ModelChoice, ModelSpec, RerankRequest, Step, cosines
from playground.engine.cache import VectorCache
from playground.engine.embedding import Vectors
from playground.engine.lease import Lease
from playground.engine.pool import ModelPool
from playground.engine.texts import refuse_vectors_of_bm25
from playground.models import catalog
from playground.paths import ASSETS, cache_folder

SCHEMA = 1
TEXTS = ASSETS / "background.json"
# Kept digits of a cosine; float32 has seven, and a percentile needs far fewer.
DIGITS = 5

log = logging.getLogger(__name__)


class Pool(NamedTuple):
    """Unrelated texts of one language."""

    queries: tuple[str, ...]
    passages: tuple[str, ...]


@cache
def texts(language: Language) -> Pool:
    """The texts that are measured; no query belongs to any passage."""
    found = json.loads(TEXTS.read_text(encoding="utf-8"))[language]
    return Pool(tuple(found["queries"]), tuple(found["passages"]))


def language_of(request: RerankRequest) -> Language:
    """In which language to measure for this request: Chinese where at least half of its letters are Han."""
    letters = [char for text in (request.query, *_beginnings(request)) for char in text if char.isalpha()]
    n_han = sum(unicodedata.name(char, "").startswith("CJK") for char in letters)
    return "zh" if letters and 2 * n_han >= len(letters) else "en"


def measured(
    lease: Lease, vectors: Vectors, language: Language, instruction: str, stop: threading.Event
) -> Generator[Step[Background], None, Background | None]:
    """The background of a loaded embedder, after its progress; None where it was stopped."""
    import numpy as np

    pool = texts(language)
    written = lease.encode_texts(pool.queries, instruction)
    written += lease.encode_texts(pool.passages, lease.spec.passage_instruction)
    encoded = dict(enumerate(written))
    making = vectors.make(encoded, lambda key: f"{key + 1} of the background")
    for _ in making:
        if stop.is_set():
            return None
        yield Step("score", len(vectors.known), len(written))
    if stop.is_set():
        return None
    made = np.stack([vectors.known[key] for key in range(len(written))])
    queries, passages = made[: len(pool.queries)], made[len(pool.queries) :]
    across = [value for query in queries for value in cosines(passages, query).tolist()]
    among = [value for place, passage in enumerate(passages) for value in cosines(passages[:place], passage).tolist()]
    return Background(
        model_id=lease.spec.model_id,
        fingerprint=lease.spec.fingerprint,
        precision=lease.spec.precision,
        language=language,
        instruction=instruction,
        query_passage=_sorted(across),
        passage_passage=_sorted(among),
    )


class Store:
    """Backgrounds in memory and as files. Safe from any thread; a damaged file counts as absent.

    Args:
        folder: None takes the user's cache folder. Where it cannot be written, backgrounds live in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[str, Background] = {}
        self._lock = threading.Lock()

    def get(self, spec: ModelSpec, language: Language, instruction: str) -> Background | None:
        """What was measured for these weights, precision, language and instruction, with the texts of today."""
        name = _name(spec.fingerprint, spec.precision, language, instruction)
        with self._lock:
            if name not in self._known:
                found = _read(self._path(name))
                if found is None or _name_of(found) != name:
                    return None
                self._known[name] = found
            return self._known[name]

    def put(self, background: Background) -> None:
        """Keeps it, in memory at once and on disk if that can be."""
        name = _name_of(background)
        with self._lock:
            self._known[name] = background
        try:
            _write(self._path(name), background)
        except OSError as error:
            log.warning("The background of %s is not kept on disk: %s", background.model_id, error)

    def _path(self, name: str) -> Path:
        if self._folder is None:
            self._folder = cache_folder() / "backgrounds"
        return self._folder / name


def _name_of(background: Background) -> str:
    return _name(background.fingerprint, background.precision, background.language, background.instruction)


def _name(fingerprint: str, precision: str, language: Language, instruction: str) -> str:
    digest = blake2b(TEXTS.read_bytes(), digest_size=6)
    digest.update(f"{SCHEMA}\0{fingerprint}\0{instruction}".encode())
    return f"{fingerprint[:16]}-{precision}-{language}-{digest.hexdigest()}.json"


def _read(path: Path) -> Background | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for pairs in ("query_passage", "passage_passage"):
            found[pairs] = _sorted([float(value) for value in found[pairs]])
            if not found[pairs] or not all(-1.0 <= value <= 1.0 for value in found[pairs]):
                return None
        return Background(**found)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(path: Path, background: Background) -> None:
    """All or nothing: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {name: getattr(background, name) for name in Background.__slots__}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(fields, file, separators=(",", ":"), ensure_ascii=False)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _sorted(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted(round(value, DIGITS) for value in values))


def _beginnings(request: RerankRequest) -> list[str]:
    return [passage.text[:500] for passage in request.passages[:50]]


class MeasuringBackgrounds:
    """The part of the engine that knows what an embedder gives for nothing."""

    _pool: ModelPool
    _backgrounds: Store

    def background(
        self,
        choice: ModelChoice,
        language: Language | None = None,
        *,
        instruction: str | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Step[Background]]:
        """Cosines of unrelated pairs under this embedder: measured once, then read from the cache folder.

        Args:
            language: of the pairs; None takes English, or Chinese for a model that reads only Chinese. See
                `background.language_of` for that of a request.
            instruction: as in `embed`, since it moves the query's vectors.

        The last Step has the phase `done`, or `stopped` without a result.

        Raises:
            PlaygroundError: while iterating, where the model cannot be found, loaded or run.
        """
        choice = replace(choice, kind="embedder", windows=None)
        refuse_vectors_of_bm25(choice)
        return self._background(choice, language, instruction, stop or threading.Event())

    def _background(
        self, choice: ModelChoice, language: Language | None, instruction: str | None, stop: threading.Event
    ) -> Iterator[Step[Background]]:
        entry = catalog.find(choice.model_id)
        language = language or ("zh" if entry is not None and entry.languages == ("zh",) else "en")
        lease = yield from self._pool.lease(choice, stop, Step)
        if lease is None:
            yield Step("stopped", 0, 0)
            return
        with lease:
            used = lease.query_instruction if instruction is None else instruction
            known = self._backgrounds.get(lease.spec, language, used)
            if known is None:
                # A cache of its own: the pool's texts are embedded once, and would push out the user's.
                vectors = Vectors(lease, VectorCache(0))
                known = yield from measured(lease, vectors, language, used, stop)
                if known is not None:
                    self._backgrounds.put(known)
        yield Step("stopped", 0, 0) if known is None else Step("done", 1, 1, known)
