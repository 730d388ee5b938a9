"""Indexes of a corpus, as files: BM25 over its words, and the vectors of any embedder.

An index lies under the digest of its corpus and the fingerprint of what made it, so that what was made of other texts,
or by another embedder, is never found. It gets its name once it is whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

from filelock import FileLock, Timeout

from playground.core.corpora import CorpusPassage
from playground.core.errors import CorpusError
from playground.core.types import ModelSpec
from playground.corpus.types import Embed, Embedded, Indexing
from playground.models import bm25

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VECTORS: Final = "vectors.npy"
PART: Final = "vectors.part"
ABOUT: Final = "about.json"
# Passages that are embedded together: as many as take about a second, so that Stop is soon and little is lost.
FIRST_BLOCK, LAST_BLOCK, BLOCK_SECONDS = 32, 512, 1.0
# And no more than one request may hold on a public page.
BLOCK_CHARS = 500_000
POLL_SECONDS = 0.2


class Source(Protocol):
    """Passages in order, which never change."""

    @property
    def n_passages(self) -> int: ...

    def blocks(self, first: int = 0) -> Iterator[list[CorpusPassage]]:
        """From a row on."""
        ...


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index as it lies on the disk.

    Attributes:
        model_id: of the embedder; BM25's own.
        key: its folder's name: what made it, as a digest.
        done: passages that are in it.
        ready: whether it can be searched.
    """

    kind: str
    model_id: str
    key: str
    done: int
    total: int
    ready: bool
    n_bytes: int


def bm25_key() -> str:
    """The name of the folder of a BM25 index."""
    return f"bm25-{bm25.spec().fingerprint[:16]}"


def vectors_key(spec: ModelSpec) -> str:
    """The name of the folder of an embedder's vectors: its weights, its precision, and how it reads a passage.

    Without the device: an index that was made on a GPU can be searched without one.
    """
    parts = (spec.fingerprint, spec.family, spec.precision, spec.max_length, spec.truncation, spec.passage_instruction)
    return f"vectors-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"


def build_bm25(source: Source, folder: Path, stop: threading.Event | None = None) -> Iterator[Indexing]:
    """Makes the keyword index of a corpus. It is short work, so one that was stopped begins anew.

    Args:
        folder: of the corpus's indexes.

    Raises:
        CorpusError: no passage has a word, or the disk is full or cannot be written.
    """
    home, total = folder / bm25_key(), source.n_passages
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(home, stop) as waiting:
            yield from (Indexing("wait", 0, total) for _ in waiting)
            if not home.is_dir():
                words: list[list[str]] = []
                for block in source.blocks():
                    if stop is not None and stop.is_set():
                        yield Indexing("stopped", 0, total)
                        return
                    words += [bm25.words(passage.indexed) for passage in block]
                    yield Indexing("read", len(words), total)
                yield Indexing("write", total, total)
                _write_bm25(words, home)
    yield Indexing("done", total, total)


def build_vectors(
    source: Source, folder: Path, embed: Embed, stop: threading.Event | None = None
) -> Iterator[Indexing]:
    """Makes the vectors of a corpus, a block at a time; goes on where it was stopped or killed.

    Two that make the same vectors at once: the second waits, and finds them.

    Raises:
        CorpusError: the disk is full or cannot be written, or the embedder became another one on the way.
        PlaygroundError: the embedder cannot be loaded or run.
    """
    total = source.n_passages
    # The same texts may have other neighbours in a batch when this goes on: a probe says which embedder it is.
    probe = embed(["-"], "passage")
    if probe is None:
        yield Indexing("stopped", 0, total)
        return
    home = folder / vectors_key(probe.spec)
    with _writing(home):
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home, stop) as waiting:
            yield from (Indexing("wait", rows_done(home), total) for _ in waiting)
            if stop is not None and stop.is_set():
                yield Indexing("stopped", rows_done(home), total)
                return
            if not (home / VECTORS).is_file():
                _tell(home, probe.spec, total, probe.vectors.shape[1])
                whole = yield from _append(source, home, embed, probe, stop)
                if not whole:
                    return
                (home / PART).rename(home / VECTORS)
    yield Indexing("done", total, total)


def states(folder: Path) -> tuple[IndexState, ...]:
    """The indexes of a corpus, whole or begun."""
    found = []
    for home in sorted(folder.glob("*-*")) if folder.is_dir() else ():
        if home.name == bm25_key():
            found.append(IndexState("bm25", bm25.MODEL_ID, home.name, 0, 0, True, _size(home)))
        elif (home / ABOUT).is_file():
            about = json.loads((home / ABOUT).read_text(encoding="utf-8"))
            done, total = rows_done(home), about["n_passages"]
            ready = (home / VECTORS).is_file()
            found.append(IndexState("vectors", about["model_id"], home.name, done, total, ready, _size(home)))
    return tuple(found)


def rows_done(home: Path) -> int:
    """Vectors that are written."""
    with suppress(FileNotFoundError, NotADirectoryError):
        about = json.loads((home / ABOUT).read_text(encoding="utf-8"))
        if (home / VECTORS).is_file():
            return int(about["n_passages"])
        return max(0, (home / PART).stat().st_size - len(_header(about))) // (4 * int(about["dim"]))
    return 0


def _append(
    source: Source, home: Path, embed: Embed, probe: Embedded, stop: threading.Event | None
) -> Generator[Indexing, None, bool]:
    """Writes what is missing; whether it is whole then. What a full disk or a kill left is cut to whole rows."""
    about = json.loads((home / ABOUT).read_text(encoding="utf-8"))
    header, row_bytes, total = _header(about), 4 * int(about["dim"]), source.n_passages
    # Before the last block everything was on the disk before more was written; a power cut may have spoilt that one.
    done = max(0, rows_done(home) - LAST_BLOCK)
    _check_room(home, (total - done) * row_bytes)
    with (home / PART).open("r+b" if (home / PART).exists() else "w+b") as file:
        file.truncate(len(header) + done * row_bytes if done else 0)
        if not done:
            file.write(header)
        file.seek(0, os.SEEK_END)
        yield Indexing("embed", done, total)
        passages = chain.from_iterable(source.blocks(done))
        size = FIRST_BLOCK
        while block := _block(passages, size):
            began = time.monotonic()
            made = embed([passage.indexed for passage in block], "passage")
            if made is None or (stop is not None and stop.is_set()):
                yield Indexing("stopped", done, total)
                return False
            if vectors_key(made.spec) != home.name or made.vectors.shape != (len(block), about["dim"]):
                raise CorpusError(
                    "{model} became another model while it read the corpus. Index again.", model=probe.spec.model_id
                )
            _write(file, made.vectors)
            done += len(block)
            yield Indexing("embed", done, total)
            size = _next_size(size, time.monotonic() - began)
    return done == total


def _block(passages: Iterator[CorpusPassage], most: int) -> list[CorpusPassage]:
    """The next passages; one that is long may be the last."""
    block, n_chars = list[CorpusPassage](), 0
    for passage in islice(passages, most):
        block.append(passage)
        n_chars += len(passage.indexed)
        if n_chars >= BLOCK_CHARS:
            break
    return block


def _write(file: IO[bytes], vectors: NDArray[np.float32]) -> None:
    import numpy as np

    # An ordinary write, not a memory map: on a full disk that one ends the process.
    file.write(np.ascontiguousarray(vectors, np.float32).tobytes())
    file.flush()
    os.fsync(file.fileno())


def _next_size(size: int, seconds: float) -> int:
    return min(size * 2, LAST_BLOCK) if seconds < BLOCK_SECONDS / 2 else max(1, size // 2) if seconds > 4 else size


def _header(about: dict[str, int]) -> bytes:
    """Of a .npy file of all vectors, so that the part becomes one by its name alone."""
    import io

    from numpy.lib import format

    file = io.BytesIO()
    shape = (about["n_passages"], about["dim"])
    format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def _tell(home: Path, spec: ModelSpec, n_passages: int, dim: int) -> None:
    """Writes beside the vectors whose they are."""
    about = {"model_id": spec.model_id, "revision": spec.revision, "fingerprint": spec.fingerprint}
    about |= {"precision": spec.precision, "max_length": str(spec.max_length)}
    draft = home / f"{ABOUT}.draft"
    draft.write_text(json.dumps(about | {"n_passages": n_passages, "dim": dim}), encoding="utf-8")
    draft.replace(home / ABOUT)


def _write_bm25(words: list[list[str]], home: Path) -> None:
    index = bm25.index_of(words)
    if index is None:
        raise CorpusError("No passage of this corpus has a word, so there is nothing that keywords could find.")
    draft = home.with_name(f"{home.name}.{secrets.token_hex(4)}.draft")
    try:
        index.save(draft, show_progress=False)
        for path in draft.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        draft.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _alone(home: Path, stop: threading.Event | None) -> Iterator[Iterator[None]]:
    """One maker of an index at a time, of all threads and processes; what is yielded ends when it is our turn."""
    # The steps of a generator may run in different threads.
    lock = FileLock(home.with_name(f"{home.name}.lock"), thread_local=False)

    def waiting() -> Iterator[None]:
        while not (stop is not None and stop.is_set()):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                yield None
                time.sleep(POLL_SECONDS)
            else:
                return

    try:
        yield waiting()
    finally:
        lock.release()


def _check_room(home: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(home).free
    if n_bytes > free:
        raise CorpusError(
            "The vectors need {needed:,} MB, and the disk that holds {path} has {free:,} MB free. Free some space.",
            needed=-(-n_bytes // 1_000_000),
            path=home.parent,
            free=free // 1_000_000,
        )


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CorpusError(
                "The disk that holds {path} is full. What was indexed is kept: free some space and go on.", path=folder
            ) from error
        raise CorpusError(
            "The index at {path} cannot be written: {reason}.", path=folder, reason=error.strerror or error
        ) from error


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.iterdir() if path.is_file())
