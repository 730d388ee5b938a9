"""All corpora of a process: kept in the history's room, their indexes beside them, each visitor seeing their own."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from playground.core.corpora import Chunking, CorpusInfo, CorpusPassage, Document
from playground.core.errors import CorpusError, InvalidInput
from playground.core.limits import LOCAL, Limits
from playground.corpus import indexing, ready
from playground.corpus.chunking import cut
from playground.corpus.indexing import IndexState
from playground.corpus.search import FusedRetriever, KeywordRetriever, Retriever, VectorRetriever
from playground.corpus.types import Embed, Indexing, RetrieverKind
from playground.history.corpora import CorpusStore
from playground.history.corpus_rows import SHIPPED
from playground.history.records import owned


@dataclass(frozen=True)
class Corpus:
    """One corpus of one visitor. Its passages never change: another chunking is another corpus."""

    info: CorpusInfo
    visitor: str
    store: CorpusStore
    folder: Path

    @property
    def n_passages(self) -> int:
        return self.info.n_passages

    def passages(self, ids: Sequence[str]) -> list[CorpusPassage]:
        """Those with these ids, in the order asked for.

        Raises:
            InvalidInput: there is none of an id.
        """
        return self.store.passages(self.info.id, self.visitor, ids)

    def known(self, ids: Sequence[str]) -> list[CorpusPassage]:
        """Those of these ids that there are, in the order of the corpus."""
        return self.store.known(self.info.id, self.visitor, ids)

    def at(self, rows: Sequence[int]) -> list[CorpusPassage]:
        """Those at these places, in the order asked for."""
        return self.store.at(self.info.id, self.visitor, rows)

    def ids_at(self, rows: Sequence[int]) -> list[str]:
        """Ids of the passages at these places, in the order asked for."""
        return self.store.ids_at(self.info.id, self.visitor, rows)

    def blocks(self, first: int = 0) -> Iterator[list[CorpusPassage]]:
        """All passages in order, from a row on."""
        return self.store.all(self.info.id, self.visitor, first)

    def document(self, id: str) -> Document:
        """One document, whole.

        Raises:
            InvalidInput: there is none of that id.
        """
        return self.store.document(self.info.id, self.visitor, id)

    def around(self, document_id: str, start: int, end: int, n: int) -> tuple[str, str, int]:
        """Up to n characters before and after a place in a document, and how long that is.

        Raises:
            InvalidInput: there is none of that id.
        """
        return self.store.around(self.info.id, self.visitor, document_id, start, end, n)

    def indexes(self) -> tuple[IndexState, ...]:
        """What was made of it so far; the keyword index first."""
        found = indexing.states(self.folder)
        return tuple(
            IndexState("bm25", s.model_id, s.key, self.n_passages, self.n_passages, True, s.n_bytes)
            if s.kind == "bm25"
            else s
            for s in found
        )

    def build_bm25(self, stop: threading.Event | None = None) -> Iterator[Indexing]:
        """As `indexing.build_bm25`."""
        return indexing.build_bm25(self, self.folder, stop)

    def build_vectors(self, embed: Embed, stop: threading.Event | None = None) -> Iterator[Indexing]:
        """As `indexing.build_vectors`."""
        return indexing.build_vectors(self, self.folder, embed, stop)

    def retriever(
        self, kind: RetrieverKind, embed: Embed | None = None, weights: tuple[float, float] | None = None
    ) -> Retriever:
        """What finds passages of this corpus by indexes that are made.

        Args:
            kind: `both` fuses words and vectors by their ranks.
            weights: of words and vectors, for `both`; None: the same.

        Raises:
            InvalidInput: vectors are asked for without an embedder.
            CorpusError: the keyword index is not made yet. That of vectors is said at the first search, once it is
                known how the embedder runs.
        """
        found: list[Retriever] = []
        if kind != "vectors":
            found.append(KeywordRetriever(self.folder, self.ids_at))
        if kind != "bm25":
            if embed is None:
                raise InvalidInput("Choose an embedding model to search by meaning.")
            found.append(VectorRetriever(self.folder, self.ids_at, embed))
        return found[0] if len(found) == 1 else FusedRetriever(found, self.ids_at, weights)

    def export(self, file: Path) -> None:
        """Writes the passages in BEIR's layout (corpus.jsonl), each with its document; packed for a name in .gz.

        Raises:
            CorpusError: the file cannot be written.
        """
        draft = file.with_name(f"{file.name}.draft")
        try:
            opened = gzip.open if file.suffix == ".gz" else open
            with opened(draft, "wt", encoding="utf-8") as out:
                for passage in (passage for block in self.blocks() for passage in block):
                    out.write(json.dumps(ready.row_of(passage), ensure_ascii=False) + "\n")
            draft.replace(file)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise CorpusError(
                "The file {path} cannot be written: {reason}.", path=file, reason=error.strerror or error
            ) from error


class Corpora:
    """The corpora of every visitor, with those that come with the project.

    Args:
        store: of texts; indexes lie beside its file.
    """

    def __init__(self, store: CorpusStore, limits: Limits = LOCAL) -> None:
        self.limits = limits
        self._store = store
        self._indexes = store.folder / "indexes"
        self._lock = threading.Lock()
        self._shipped = False

    def list(self, visitor: str) -> list[CorpusInfo]:
        """Those of the project first, then the visitor's own, newest first."""
        self._ship()
        return self._store.listed(visitor)

    def create(self, name: str, documents: Iterable[Document], chunking: Chunking, visitor: str) -> CorpusInfo:
        """Keeps a corpus, all of it or after any error nothing. Its indexes are made later.

        Raises:
            InvalidInput: no text in it, two documents of one id, or more than a visitor may keep.
            HistoryError: the file cannot be written, or the visitor has no id: what has no owner is everybody's.
        """
        return self._store.create(owned(visitor), name, chunking, cut(documents, chunking), self.limits)

    def open(self, id: str, visitor: str) -> Corpus:
        """One corpus of the visitor or of the project.

        Raises:
            HistoryError: it is not there.
        """
        info = self._store.get(id, visitor)
        return Corpus(info, visitor, self._store, self._indexes / info.digest[:32])

    def delete(self, id: str, visitor: str) -> None:
        """Removes a visitor's own corpus, and its indexes unless another corpus holds the same passages.

        Raises:
            HistoryError: it is not there, or not theirs.
        """
        self._store.delete(id, visitor)
        self.sweep()

    def sweep(self) -> None:
        """Removes indexes of corpora that nobody has any more."""
        kept = {digest[:32] for digest in self._store.digests()}
        for folder in self._indexes.iterdir() if self._indexes.is_dir() else ():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _ship(self) -> None:
        """Takes in what comes with the project, once."""
        with self._lock:
            if self._shipped:
                return
            self._store.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._store.folder / "ready.lock"):
                there = {info.name: info for info in self._store.listed(SHIPPED)}
                for about in ready.abouts():
                    held = there.pop(about.name, None)
                    if held is not None and held.digest != about.digest:
                        self._store.remove_shipped(held.id)
                        held = None
                    if held is None:
                        self._store.create(SHIPPED, about.name, about.chunking, ready.cut(about))
            self._shipped = True
