"""The first stage over a corpus: its indexes are made where they are missing, then it is searched."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from playground.core.corpora import CorpusInfo, CorpusPassage
from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.funnel import FirstStage, Found, FunnelQuery, FunnelSet
from playground.core.types import ModelChoice, ModelSpec, Passage
from playground.corpus import ready
from playground.corpus.corpora import Corpus
from playground.corpus.search import Retriever
from playground.corpus.types import Embed, Indexing, Role
from playground.engine.texts import TextVectors
from playground.inputs import query_files
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.views.funnel.corpus_sentences import step_of
from playground.ui.views.funnel.stages_form import Form
from playground.ui.wiring import Caller

SCALES = {"bm25": "bm25", "vectors": "cosine", "both": "fused"}
# Characters of the document before and after a passage.
AROUND = 280


def opened(services: Services, caller: Caller, corpus_id: str) -> Corpus:
    """The corpus that is chosen.

    Raises:
        InvalidInput: none is.
        HistoryError: it is gone.
    """
    if not corpus_id:
        raise InvalidInput("No corpus is chosen. Choose one, or make one of your files.")
    return services.corpora.open(corpus_id, caller.owner)


class Searcher:
    """What searches a corpus in the way that the form says.

    Args:
        choice: of the embedder; None where no vectors are searched.
    """

    def __init__(self, services: Services, corpus: Corpus, form: Form, choice: ModelChoice | None) -> None:
        self._services, self._corpus, self._form, self._choice = services, corpus, form, choice
        self._retriever: Retriever | None = None
        self._spec: ModelSpec | None = None

    def prepare(self, stop: threading.Event) -> Iterator[Phrase]:
        """Makes the indexes that are missing; what is under way meanwhile.

        Raises:
            PlaygroundError: an index cannot be made, or the embedder cannot be run.
        """
        embed = None if self._choice is None else self._embedding(self._choice, stop)
        if self._form.kind != "vectors":
            yield from _said(self._corpus.build_bm25(stop))
        if embed is not None and not stop.is_set():
            yield from _said(self._corpus.build_vectors(embed, stop))
        if not stop.is_set():
            self._retriever = self._corpus.retriever(self._form.kind, embed, self._form.weights)

    def retrieve(self, query: str, k: int) -> FirstStage:
        """The first stage; `engine.funnel.stages.Retrieve`."""
        assert self._retriever is not None
        hits = self._retriever.search(query, k)
        passages = self._corpus.passages([hit.passage_id for hit in hits])
        found = tuple(Found(_passage(each), hit.rank, hit.score) for hit, each in zip(hits, passages, strict=True))
        kind, spec, digest = self._form.kind, self._spec, self._corpus.info.digest[:16]
        made_by = digest if spec is None else f"{digest}-{spec.fingerprint[:16]}"
        embedder = "" if spec is None else spec.model_id
        return FirstStage(kind, SCALES[kind], found, 0.0, self._corpus.n_passages, made_by, embedder)

    def _embedding(self, choice: ModelChoice, stop: threading.Event) -> Embed:
        made_by = self._services.engine.embedder(choice, stop)

        def embed(texts: Sequence[str], role: Role) -> TextVectors | None:
            made = made_by(texts, role)
            self._spec = self._spec if made is None else made.spec
            return made

        return embed


def labelled(services: Services, info: CorpusInfo) -> FunnelSet | None:
    """The labelled queries that come with a ready corpus; None for any other."""
    about = next((each for each in ready.abouts() if not info.owner and each.digest == info.digest), None)
    if about is None or not (about.folder / ready.QUERIES).exists():
        return None
    found = query_files.read([about.folder / ready.QUERIES, about.folder / ready.QRELS], services.engine.limits)
    return FunnelSet(about.name, found.queries)


def counted(corpus: Corpus, asked: FunnelSet) -> FunnelSet:
    """The queries, with how many of their judged passages the corpus does not have."""
    there = corpus.known(query_files.judged_ids(asked))
    return query_files.known_in(asked, [passage.id for passage in there])


def around(corpus: Corpus | None, passage: Passage) -> tuple[str, str]:
    """What stands before and after a passage in its document; nothing where the document is gone."""
    if corpus is None:
        return "", ""
    try:
        start, end = int(str(passage.meta["start"])), int(str(passage.meta["end"]))
        before, after, n_chars = corpus.around(str(passage.meta["document_id"]), start, end, AROUND)
    except (PlaygroundError, KeyError):
        return "", ""
    return ("…" if start > AROUND else "") + before, after + ("…" if end + AROUND < n_chars else "")


def judged(asked: FunnelSet | None, query: str) -> FunnelQuery | None:
    """The labelled query with this text, if there is one."""
    return next((each for each in asked.queries if each.text == query.strip() and each.grades), None) if asked else None


def with_labels(asked: FunnelSet, known: FunnelSet | None) -> FunnelSet:
    """The queries; those without labels have them of the same query among known ones."""
    found = ((query, None if query.grades else judged(known, query.text)) for query in asked.queries)
    queries = (query if known is None else replace(query, grades=known.grades) for query, known in found)
    return replace(asked, queries=tuple(queries))


def _passage(found: CorpusPassage) -> Passage:
    where = {"title": found.title, "document_id": found.document_id, "start": found.start, "end": found.end}
    return Passage(found.id, found.indexed, meta=where | {"n_title": len(found.indexed) - len(found.text)})


def _said(steps: Iterator[Indexing]) -> Iterator[Phrase]:
    return (step_of(each) for each in steps if each.phase not in ("done", "stopped"))
