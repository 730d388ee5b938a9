"""What the panel says of a corpus, of files that were read, and of indexing."""

from __future__ import annotations

from playground.core.corpora import CorpusInfo
from playground.corpus import reading, ready
from playground.corpus.corpora import Corpus
from playground.corpus.types import Indexing
from playground.ui import texts
from playground.ui.components.asked import note_phrase
from playground.ui.components.model_choices import model_name
from playground.ui.texts import Phrase, phrase


def state(corpus: Corpus | None) -> list[Phrase]:
    """Size and indexes, in one line."""
    if corpus is None:
        return [phrase("corpus.none", "muted")]
    info, indexes = corpus.info, corpus.indexes()
    mb = f"{info.n_bytes / 1_000_000:,.1f}"
    said = [phrase("corpus.facts", "muted", n=info.n_passages, documents=info.n_documents, mb=mb)]
    has_words = any(each.kind == "bm25" for each in indexes)
    said.append(phrase("corpus.keywords_ready", "good") if has_words else phrase("corpus.keywords_missing", "muted"))
    for each in indexes:
        if each.kind == "vectors":
            key, tone = ("corpus.vectors_ready", "good") if each.ready else ("corpus.vectors_begun", "warn")
            said.append(phrase(key, tone, model=model_name(each.model_id), done=each.done, total=each.total))
    return said + _licence(info)


def _licence(info: CorpusInfo) -> list[Phrase]:
    about = next((about for about in ready.abouts() if not info.owner and about.name == info.name), None)
    return [] if about is None else [phrase("corpus.licence", "muted", licence=about.licence, source=about.source)]


def about_files(read: reading.Read) -> list[Phrase]:
    """What was noticed, then files that could not be read."""
    return [*map(note_phrase, read.notes), *(texts.of_error(problem, "warn") for problem in read.problems)]


def step_of(step: Indexing) -> Phrase:
    bar = {"done": step.done, "total": step.total}
    return phrase(f"corpus.{step.phase}", "muted", **bar) | {"bar": bar}
