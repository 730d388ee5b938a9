"""What a large corpus costs here: time, memory and disk of its indexes, and how long a search takes."""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from playground.core.corpora import WHOLE, Document
from playground.core.limits import Limits
from playground.core.types import ModelChoice
from playground.corpus import ready
from playground.corpus.corpora import Corpora, Corpus
from playground.corpus.search import Retriever
from playground.corpus.types import Embed, Indexing
from playground.engine.engine import Engine
from playground.history.corpora import CorpusStore
from playground.models.named import parse_choice
from playground.models.splitting import sentences

Say = Callable[[str], None]
WORDS = 40
N_QUERIES = 50
OWNER = "bench"


@dataclass(frozen=True, slots=True)
class Row:
    """A step of indexing.

    Attributes:
        memory_mib: the most that the process held until its end.
    """

    what: str
    seconds: float
    per_second: float
    memory_mib: float
    disk_mib: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of a search, the query's own embedding with it."""

    what: str
    k: int
    median_ms: float
    p95_ms: float


STEP_COLUMNS: dict[str, Callable[[Row], str]] = {
    "step": lambda row: row.what,
    "seconds": lambda row: f"{row.seconds:,.1f}",
    "passages/s": lambda row: f"{row.per_second:,.0f}",
    "memory of the process": lambda row: f"{row.memory_mib:,.0f} MiB",
    "on disk": lambda row: f"{row.disk_mib:,.1f} MiB",
}
SEARCH_COLUMNS: dict[str, Callable[[Latency], str]] = {
    "search": lambda row: f"{row.what}, {row.k} deep",
    "median": lambda row: f"{row.median_ms:,.1f} ms",
    "95 of 100 within": lambda row: f"{row.p95_ms:,.1f} ms",
}


@dataclass(frozen=True, slots=True)
class Measured:
    n_passages: int
    steps: tuple[Row, ...]
    searches: tuple[Latency, ...]


def run(n_passages: int, model: str, k: int, folder: Path, say: Say) -> Measured:
    """Makes a corpus of passages of about 40 words, indexes it and searches it. An index that is in the folder is
    gone on with, and then its time is that of the rest."""
    corpora = Corpora(CorpusStore(folder / "history.db", 5.0), Limits())
    steps = []
    held = [info for info in corpora.list(OWNER) if info.owner == OWNER and info.n_passages == n_passages]
    began = time.perf_counter()
    info = held[0] if held else corpora.create(f"{n_passages}", documents(n_passages), WHOLE, OWNER)
    corpus = corpora.open(info.id, OWNER)
    database = sum(path.stat().st_size for path in folder.rglob("corpora.db*"))
    steps.append(_row("stored in SQLite", 0 if held else n_passages, time.perf_counter() - began, database))
    say(str(steps[-1]))
    engine = Engine()
    model_id, revision = parse_choice(model)
    embed = engine.embedder(ModelChoice(model_id, revision, "embedder"))
    embed(["-"], "passage")
    for kind, building in (("bm25", corpus.build_bm25()), ("vectors", corpus.build_vectors(embed))):
        seconds, n = _timed(building, say)
        size = sum(state.n_bytes for state in corpus.indexes() if state.kind == kind)
        steps.append(_row("BM25 index" if kind == "bm25" else f"vectors of {model_id}", n, seconds, size))
        say(str(steps[-1]))
    return Measured(n_passages, tuple(steps), tuple(_searches(corpus, embed, k)))


def documents(n: int, seed: int = 0) -> Iterator[Document]:
    """Passages of about 40 words: sentences of the ready corpus in random order."""
    texts = [passage.text for about in ready.abouts() for _, cut in ready.cut(about) for passage in cut]
    known = [sentence.strip() for text in texts for sentence in sentences(text) if len(sentence.split()) > 4]
    draw = random.Random(seed)
    for number in range(n):
        text, n_words = "", 0
        while n_words < WORDS:
            sentence = draw.choice(known)
            text, n_words = f"{text} {sentence}".strip(), n_words + len(sentence.split())
        yield Document(str(number), "", text)


def _searches(corpus: Corpus, embed: Embed, k: int) -> Iterator[Latency]:
    queries = [f"what is {' '.join(each.text.split()[3:9])}" for each in islice(documents(N_QUERIES, 1), N_QUERIES)]
    for what, retriever in (
        ("BM25", corpus.retriever("bm25")),
        ("vectors", corpus.retriever("vectors", embed)),
        ("both, fused", corpus.retriever("both", embed)),
    ):
        times = _times(retriever, queries, k)
        yield Latency(what, k, statistics.median(times), statistics.quantiles(times, n=20)[-1])


def _times(retriever: Retriever, queries: Sequence[str], k: int) -> list[float]:
    retriever.search("the first one opens the files", k)
    times = []
    for query in queries:
        began = time.perf_counter()
        retriever.search(query, k)
        times.append(1_000 * (time.perf_counter() - began))
    return times


def _timed(building: Iterable[Indexing], say: Say) -> tuple[float, int]:
    """Seconds, and passages that were not there before."""
    began, first, last, said = time.perf_counter(), -1, 0, 0.0
    for step in building:
        first = step.done if first < 0 else first
        last = step.done
        if time.perf_counter() - said > 30:
            said = time.perf_counter()
            say(f"{step.phase}: {step.done:,} of {step.total:,}")
    return time.perf_counter() - began, last - first


def _row(what: str, n: int, seconds: float, n_bytes: int) -> Row:
    # Linux gives kilobytes.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row(what, round(seconds, 1), round(n / seconds, 1), round(memory), round(n_bytes / 2**20, 1))
