"""A corpus: documents, and the passages they were cut into, which a retriever finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from playground.core.errors import InvalidInput

# Passages of fewer words hold no thought that could be found.
LEAST_WORDS = 10
MOST_WORDS = 1_000


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document: characters `start` to `end` of its text.

    Attributes:
        level: from 1, the highest.
    """

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Document:
    """One text of a corpus, whole.

    Attributes:
        id: unique within its corpus.
        headings: in the order of the text.
    """

    id: str
    title: str
    text: str
    headings: tuple[Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents are cut into passages.

    Attributes:
        words: most words of a passage, each Chinese or Japanese character being one; 0: a document is a passage.
        overlap: about how many of them are those of the passage before, at most half.
        headings: a passage ends before a heading, which becomes part of the next one's title.

    Raises:
        InvalidInput: numbers that make no passages.
    """

    words: int = 120
    overlap: int = 20
    headings: bool = True

    def __post_init__(self) -> None:
        if self.words and not LEAST_WORDS <= self.words <= MOST_WORDS:
            raise InvalidInput(
                "A passage of {n} words cannot be. Choose from {least} to {most}, or 0: each document is one passage.",
                n=self.words,
                least=LEAST_WORDS,
                most=MOST_WORDS,
            )
        if self.words and not 0 <= self.overlap <= self.words // 2:
            raise InvalidInput(
                "An overlap of {n} words cannot be: from 0 to half of a passage, here {most}.",
                n=self.overlap,
                most=self.words // 2,
            )


# Each document is one passage, with the document's id: what labelled collections such as BEIR's are.
WHOLE = Chunking(words=0, overlap=0, headings=False)


@dataclass(frozen=True, slots=True)
class CorpusPassage:
    """What a retriever finds.

    Attributes:
        id: unique within its corpus; its document's where that is one passage.
        title: of the document, with the headings that the passage stands under.
        start, end: characters of the document's text, which are `text`.
    """

    id: str
    text: str
    title: str
    document_id: str
    start: int
    end: int

    @property
    def indexed(self) -> str:
        """What BM25 and embedders read: title and text, as BEIR joins them."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class CorpusInfo:
    """One corpus as a list shows it.

    Attributes:
        owner: empty for one that comes with the project, which everyone sees and nobody deletes.
        digest: hex SHA-256 of all passages in order: their ids, titles and texts. Indexes belong to it.
        n_bytes: of the documents' texts in UTF-8.
    """

    id: str
    name: str
    owner: str
    n_documents: int
    n_passages: int
    digest: str
    n_bytes: int
    chunking: Chunking
    created_at: datetime
