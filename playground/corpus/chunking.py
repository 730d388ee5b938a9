"""Documents become passages: cut before headings and, where a section is long, at the ends of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, islice
from math import ceil

from playground.core.corpora import Chunking, CorpusPassage, Document, Heading
from playground.core.errors import InvalidInput
from playground.core.limits import clean
from playground.models.splitting import Splitter

# Each Chinese or Japanese character by itself, as BM25 counts them; what has no spaces in parts.
WORD = re.compile(r"[㐀-鿿豈-﫿ぁ-ヿ]|[^\s㐀-鿿豈-﫿ぁ-ヿ]{1,40}")
PREVIEWED = 30
# Of a section that is cut at once; where a longer one is parted, best first.
MOST_CHARS = 1_000_000
ENDS = ("\n", "。", ". ", " ")
_MOST_PIECES = 1_000_000


def chunk(documents: Iterable[Document], chunking: Chunking) -> Iterator[CorpusPassage]:
    """The passages of each document, as `cut`, one by one."""
    return chain.from_iterable(passages for _, passages in _cut(documents, chunking))


def cut(documents: Iterable[Document], chunking: Chunking) -> Iterator[tuple[Document, list[CorpusPassage]]]:
    """Each document, cleaned of what no database holds, with its passages in order; none of one without a word.

    A document that is one passage gives it its id; others add `#1`, `#2` and so on, without numbers that make the id of
    another passage.

    Raises:
        InvalidInput: two documents have the same id.
    """
    return ((document, list(passages)) for document, passages in _cut(documents, chunking))


def preview(documents: Iterable[Document], chunking: Chunking, most: int = PREVIEWED) -> tuple[CorpusPassage, ...]:
    """The first passages, without cutting further than they need."""
    return tuple(islice(chunk(documents, chunking), most))


def _cut(documents: Iterable[Document], chunking: Chunking) -> Iterator[tuple[Document, Iterator[CorpusPassage]]]:
    known, taken = set[str](), set[str]()
    for given in documents:
        document = _cleaned(given)
        if document.id in known:
            raise InvalidInput("Two documents have the id {id!r}. Give each its own id.", id=document.id[:80])
        known.add(document.id)
        yield document, _passages(document, chunking, taken)


def _passages(document: Document, chunking: Chunking, taken: set[str]) -> Iterator[CorpusPassage]:
    pieces = _pieces(document, chunking)
    first = list(islice(pieces, 2))
    ids = chain([document.id] if len(first) == 1 else [], (f"{document.id}#{number}" for number in count(1)))
    free = (id for id in ids if id not in taken)
    # The ids last: they go on without end.
    for (title, start, end), id in zip(chain(first, pieces), free, strict=False):
        taken.add(id)
        yield CorpusPassage(id, document.text[start:end], title, document.id, start, end)


def _cleaned(document: Document) -> Document:
    text = clean(document.text)
    # Where characters went, headings stand elsewhere.
    headings = document.headings if len(text) == len(document.text) else ()
    return Document(clean(document.id), clean(document.title), text, headings)


def _pieces(document: Document, chunking: Chunking) -> Iterator[tuple[str, int, int]]:
    """Title and characters of each passage."""
    text = document.text
    if not chunking.words:
        if start_end := _stripped(text, 0, len(text)):
            yield document.title, *start_end
        return
    sections = _sections(document) if chunking.headings else [(document.title, 0, len(text))]
    for title, start, end in chain.from_iterable(_windows(text, *section) for section in sections):
        section = text[start:end]
        words = [found.span() for found in WORD.finditer(section)]
        if len(words) <= chunking.words:
            if start_end := _stripped(text, start, end):
                yield title, *start_end
            continue
        size = _size(len(words), chunking)
        spans, _ = Splitter(section, words).split(size, min(chunking.overlap, size // 2), _MOST_PIECES)
        yield from ((title, start + first, start + last) for first, last in spans)


def _windows(text: str, title: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """A section in parts, where it is long: the places of its words take many times its memory."""
    while end - start > MOST_CHARS:
        least, most = start + MOST_CHARS // 2, start + MOST_CHARS
        places = (text.rfind(mark, least, most) + len(mark) for mark in ENDS)
        stop = next((place for place in places if place > least), most)
        yield title, start, stop
        start = stop
    yield title, start, end


def _size(n_words: int, chunking: Chunking) -> int:
    """Most words of each passage of a section, so that they are about alike and the last is no scrap.

    A tenth more than the mean: a passage ends before that, at the end of a sentence.
    """
    n_pieces = ceil((n_words - chunking.overlap) / (chunking.words - chunking.overlap))
    return min(chunking.words, ceil(1.1 * (n_words / n_pieces + chunking.overlap)))


def _sections(document: Document) -> Iterator[tuple[str, int, int]]:
    """What stands between headings, each under the titles above it."""
    above: list[tuple[int, str]] = []
    start = 0
    for heading in document.headings:
        yield _title(document.title, above), start, heading.start
        above = [(level, title) for level, title in above if level < heading.level]
        above.append((heading.level, " ".join(_words(document.text, heading))))
        start = heading.end
    yield _title(document.title, above), start, len(document.text)


def _words(text: str, heading: Heading) -> Sequence[str]:
    return text[heading.start : heading.end].split()


def _title(title: str, above: Sequence[tuple[int, str]]) -> str:
    names = [title, *(name for _, name in above)]
    return " › ".join(name for place, name in enumerate(names) if name and name not in names[:place])


def _stripped(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The characters without white space around them; None where nothing is left."""
    piece = text[start:end]
    kept = len(piece.strip())
    first = start + len(piece) - len(piece.lstrip())
    return (first, first + kept) if kept else None
