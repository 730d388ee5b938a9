"""The corpus that comes with the project, in BEIR's layout: passages, questions, and which passages answer which."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from playground.core.corpora import Chunking, CorpusPassage, Document
from playground.paths import ASSETS

FOLDER = ASSETS / "corpora"
PASSAGES = "corpus.jsonl.gz"
QUERIES = "queries.jsonl"
QRELS = "qrels/test.tsv"
BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class About:
    """What `about.toml` says of a ready corpus.

    Attributes:
        folder: with its files.
        commit: of `source`, where it is a repository.
        digest: of its passages, as `CorpusInfo.digest`.
    """

    folder: Path
    name: str
    licence: str
    source: str
    commit: str
    digest: str
    chunking: Chunking


def abouts() -> tuple[About, ...]:
    """Every ready corpus."""
    found = []
    for path in sorted(FOLDER.glob("*/about.toml")):
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        found.append(About(**said | {"folder": path.parent, "chunking": Chunking(**said["chunking"])}))
    return tuple(found)


def cut(about: About) -> Iterator[tuple[Document, list[CorpusPassage]]]:
    """Its documents with their passages."""
    with gzip.open(about.folder / PASSAGES, "rt", encoding="utf-8") as lines:
        yield from documents_of(map(json.loads, lines))


def documents_of(rows: Iterable[dict[str, object]]) -> Iterator[tuple[Document, list[CorpusPassage]]]:
    """Documents put together of passages that do not overlap, see `row_of`."""
    for (id, title), group in groupby(rows, key=_document):
        text, passages = "", list[CorpusPassage]()
        for row in group:
            start = len(text) + len(BETWEEN) if text else 0
            own = str(row["text"])
            text += (BETWEEN if text else "") + own
            passages.append(CorpusPassage(str(row["_id"]), own, str(row["title"]), id, start, start + len(own)))
        yield Document(id, title, text), passages


def row_of(passage: CorpusPassage) -> dict[str, object]:
    """A passage as a line of BEIR's corpus.jsonl."""
    place = {"document": passage.document_id, "start": passage.start, "end": passage.end}
    return {"_id": passage.id, "title": passage.title, "text": passage.text, "metadata": place}


def _document(row: dict[str, object]) -> tuple[str, str]:
    about = row["metadata"]
    assert isinstance(about, dict)
    return str(about["document"]), str(row["title"]).split(" › ")[0]
