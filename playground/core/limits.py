"""What a request may be, and the cleaning of texts that no tokenizer or database can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.core.types import Passage, RerankRequest

MAX_PASSAGES = 5_000
MAX_PASSAGE_CHARS = 200_000
MAX_QUERY_CHARS = 20_000
MAX_TOTAL_CHARS = 20_000_000
MAX_MODELS = 20
MAX_PAIRS = 100_000
MAX_SET_CHARS = 100_000_000
# Exact search stays well under a second up to here; see the README.
MAX_CORPUS_PASSAGES = 1_000_000
MAX_CORPUS_BYTES = 2_000_000_000
MAX_CORPUS_FILE_BYTES = 200 * 2**20
MAX_CORPORA = 1_000

PUBLIC_MAX_PASSAGES = 1_000
PUBLIC_MAX_PASSAGE_CHARS = 20_000
PUBLIC_MAX_QUERY_CHARS = 2_000
PUBLIC_MAX_TOTAL_CHARS = 2_000_000
PUBLIC_MAX_MODELS = 8
PUBLIC_MAX_PAIRS = 5_000
PUBLIC_MAX_SET_CHARS = 5_000_000
PUBLIC_MAX_CORPUS_PASSAGES = 5_000
PUBLIC_MAX_CORPUS_BYTES = 10_000_000
PUBLIC_MAX_CORPUS_FILE_BYTES = 5 * 2**20
PUBLIC_MAX_CORPORA = 3
# What one visitor of a public page may keep in the history, over all tables; on one's own machine there is no limit.
PUBLIC_MAX_KEPT_BYTES = 50_000_000
# Of one visitor of a public page.
PUBLIC_RUNS_PER_MINUTE = 30
PUBLIC_RUNS_AT_ONCE = 3

NUL_REMOVED = "NUL characters were removed from {n} texts."
SURROGATES_REPLACED = "Broken characters (lone surrogates) in {n} texts were replaced by �."


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be asked for.

    Attributes:
        passages, passage_chars, query_chars, total_chars: of one request, in characters before tokenisation.
        models: that one request may run through.
        pairs, set_chars: of one labelled set: its (query, passage) pairs, and the characters of its passages together.
        corpus_passages, corpus_bytes: of one corpus: its passages, and its documents in UTF-8.
        corpus_file_bytes: of one file that becomes part of a corpus.
        corpora: of one visitor.
    """

    passages: int = MAX_PASSAGES
    passage_chars: int = MAX_PASSAGE_CHARS
    query_chars: int = MAX_QUERY_CHARS
    total_chars: int = MAX_TOTAL_CHARS
    models: int = MAX_MODELS
    pairs: int = MAX_PAIRS
    set_chars: int = MAX_SET_CHARS
    corpus_passages: int = MAX_CORPUS_PASSAGES
    corpus_bytes: int = MAX_CORPUS_BYTES
    corpus_file_bytes: int = MAX_CORPUS_FILE_BYTES
    corpora: int = MAX_CORPORA


LOCAL = Limits()
PUBLIC = Limits(
    PUBLIC_MAX_PASSAGES,
    PUBLIC_MAX_PASSAGE_CHARS,
    PUBLIC_MAX_QUERY_CHARS,
    PUBLIC_MAX_TOTAL_CHARS,
    PUBLIC_MAX_MODELS,
    PUBLIC_MAX_PAIRS,
    PUBLIC_MAX_SET_CHARS,
    PUBLIC_MAX_CORPUS_PASSAGES,
    PUBLIC_MAX_CORPUS_BYTES,
    PUBLIC_MAX_CORPUS_FILE_BYTES,
    PUBLIC_MAX_CORPORA,
)


class Validated(NamedTuple):
    """A request that can be run, and what was changed to make it so, in plain sentences."""

    request: RerankRequest
    notes: tuple[str, ...]


def validate(request: RerankRequest, limits: Limits = LOCAL) -> Validated:
    """The request without NUL and lone surrogates, within the limits. Nothing is ever cut.

    Raises:
        InvalidInput: nothing to ask or to rank, or a limit is passed; the sentence states the limit.
    """
    _check_size(request, limits)
    cleaned, notes = _clean(request)
    _check_content(cleaned)
    return Validated(cleaned, notes)


def _check_size(request: RerankRequest, limits: Limits) -> None:
    if len(request.passages) > limits.passages:
        raise InvalidInput(
            "{n:,} passages are more than the limit of {limit:,}. Rank them in parts, or keep the likeliest.",
            n=len(request.passages),
            limit=limits.passages,
        )
    if len(request.query) > limits.query_chars:
        raise InvalidInput(
            "The query has {n:,} characters; the limit is {limit:,}. Shorten it, or give the long text as a passage.",
            n=len(request.query),
            limit=limits.query_chars,
        )
    if len(request.instruction or "") > limits.query_chars:
        raise InvalidInput(
            "The instruction has {n:,} characters; the limit is {limit:,}. Shorten it.",
            n=len(request.instruction or ""),
            limit=limits.query_chars,
        )
    for passage in request.passages:
        if len(passage.text) > limits.passage_chars:
            raise InvalidInput(
                "Passage {id} has {n:,} characters; the limit is {limit:,}. Split it into several passages.",
                id=passage.id,
                n=len(passage.text),
                limit=limits.passage_chars,
            )
    total = sum(len(passage.text) for passage in request.passages)
    if total > limits.total_chars:
        raise InvalidInput(
            "The passages have {n:,} characters together; the limit is {limit:,}. Rank them in parts.",
            n=total,
            limit=limits.total_chars,
        )


def _check_content(request: RerankRequest) -> None:
    if not request.query.strip():
        raise InvalidInput("The query is empty. Write what you are looking for.")
    if not request.passages:
        raise InvalidInput("There are no passages. Give at least one text to rank.")
    blank = [passage.id for passage in request.passages if not passage.text.strip()]
    if len(blank) == len(request.passages):
        raise InvalidInput("All passages are blank. Give at least one text to rank.")
    if blank:
        raise InvalidInput("Passage {id} is blank. Remove it or give it a text.", id=blank[0])


def _clean(request: RerankRequest) -> tuple[RerankRequest, tuple[str, ...]]:
    texts = [request.query, request.instruction or "", *(passage.text for passage in request.passages)]
    n_nul = sum("\0" in text for text in texts)
    n_broken = sum(repaired(text) != text for text in texts)
    notes = [NUL_REMOVED.format(n=n_nul)] if n_nul else []
    notes += [SURROGATES_REPLACED.format(n=n_broken)] if n_broken else []
    cleaned = replace(
        request,
        query=clean(request.query),
        instruction=None if request.instruction is None else clean(request.instruction),
        passages=tuple(_clean_passage(passage) for passage in request.passages),
    )
    return cleaned, tuple(notes)


def _clean_passage(passage: Passage) -> Passage:
    return replace(
        passage,
        id=clean(passage.id),
        text=clean(passage.text),
        meta={clean(key): _clean_value(value) for key, value in passage.meta.items()},
    )


def _clean_value(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_clean_value(key): _clean_value(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_clean_value(inner) for inner in value]
    return value


def clean(text: str) -> str:
    """The text without NUL, with lone surrogates shown as U+FFFD."""
    return repaired(text).replace("\0", "")


def repaired(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates shown as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
