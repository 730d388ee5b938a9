"""A query and its passages in a language model's prompt: the ids, with a report of what truncation dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.core.errors import InvalidInput, ModelBroken
from playground.core.types import EncodedPair, Truncation
from playground.models.encoding import MIN_MAX_LENGTH, longest_first
from playground.models.prompts import Prompt

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt with its instruction.

    Attributes:
        before: words that go before the query.
        tail: ids after the pair.
        room: tokens that the pair may take, the words of the prompt around its texts included.
        free: tokens that are left of `room` for the texts themselves.
    """

    before: str
    tail: tuple[int, ...]
    room: int
    free: int


class PromptEncoder:
    """A tokenizer with a prompt and a length limit. Nothing in it changes after construction, so any thread may use it.

    The passage is cut at its end, and the query where that alone is too long; never the prompt.

    Args:
        tokenizer: a copy that nobody else changes.
        max_length: tokens, counted as `Prompt.charged` says; less where the prompt would go over `limit`.
        limit: tokens that the model reads, the whole prompt included.

    Raises:
        InvalidInput: `max_length` leaves no room for a passage.
        ModelBroken: the tokenizer lacks a token that the prompt or the answer is made of.
    """

    def __init__(
        self,
        prompt: Prompt,
        tokenizer: Tokenizer,
        max_length: int,
        truncation: Truncation,
        *,
        limit: int,
        model_id: str,
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.max_length = max_length
        self.truncation = truncation
        self._prompt = prompt
        self._tokenizer = tokenizer
        self._limit = limit
        self._model_id = model_id
        self.answers = tuple(self._token(text) for text in (prompt.yes, prompt.no) if text is not None)
        for text in prompt.special:
            self._token(text)
        self._head = tuple(token for text in prompt.head for token in self._ids(text))
        self._separator = self._ids("\n")
        own = self._asked(prompt.instruction)
        self.max_length -= max(0, len(self._head) + own.room + len(own.tail) - limit)

    def limited(self, max_length: int, truncation: Truncation) -> PromptEncoder:
        """The same prompt with another limit."""
        return PromptEncoder(
            self._prompt, self._tokenizer, max_length, truncation, limit=self._limit, model_id=self._model_id
        )

    def pairs(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """The query with each passage.

        `only_second` cuts a query that takes more than 3/4 of the room, as FlagEmbedding and mxbai-rerank do, so that
        some of every passage is read. `longest_first` cuts as one call of the tokenizer does: a prompt that is one text
        to it (Qwen3-Reranker) at its end.

        Raises:
            InvalidInput: the instruction leaves no room for a passage.
        """
        asked = self._asked(self._prompt.instruction if instruction is None else instruction)
        if self._prompt.joined:
            return list(self._joined(asked, query, passages))
        return list(self._apart(asked, query, passages))

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """As `Encoder.token_spans`."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def _asked(self, instruction: str) -> _Asked:
        prompt = self._prompt
        before = (prompt.instructed if instruction else "") + prompt.query
        before = before.format(instruction=instruction)
        tail = tuple(token for text in prompt.tail for token in self._ids(text.format(instruction=instruction)))
        charged_head, charged_tail = prompt.charged
        room = self.max_length - charged_head * len(self._head) - charged_tail * len(tail)
        n_words = len(self._ids(before + prompt.passage))
        if room - n_words < MIN_MAX_LENGTH:
            raise InvalidInput(
                "The prompt and its instruction take {n} tokens, and a maximum length of {max_length} leaves no room "
                "for a passage. Use at least {least}, or a shorter instruction.",
                n=self.max_length - room + n_words,
                max_length=self.max_length,
                least=self.max_length - room + n_words + MIN_MAX_LENGTH,
            )
        return _Asked(before, tail, room, room - n_words)

    def _joined(self, asked: _Asked, query: str, passages: Sequence[str]) -> Iterator[EncodedPair]:
        """Query and passage as one text, cut at its end."""
        n_query_cut = 0
        if self.truncation == "only_second":
            query, n_query_cut = self._shortened(query, asked.free * 3 // 4)
        lead = asked.before + query + self._prompt.passage
        texts = [lead + passage for passage in passages]
        for passage, encoding in zip(passages, self._encode(texts), strict=True):
            n_dropped = max(0, _n_before(encoding, len(lead)) - asked.room)
            yield self._report(asked, (), encoding, asked.room, passage, len(lead), n_query_cut + n_dropped)

    def _apart(self, asked: _Asked, query: str, passages: Sequence[str]) -> Iterator[EncodedPair]:
        """Query and passage each by itself, with a newline between."""
        query_ids = self._ids(asked.before + query)
        start = len(self._prompt.passage)
        room = asked.room - len(self._separator)
        texts = [self._prompt.passage + passage for passage in passages]
        for passage, encoding in zip(passages, self._encode(texts), strict=True):
            if self.truncation == "longest_first":
                n_query, n_kept = longest_first(len(query_ids), len(encoding), room)
            else:
                n_query = min(len(query_ids), self.max_length * 3 // 4)
                n_kept = min(self.max_length, room - n_query)
            lead = query_ids[:n_query] + self._separator
            yield self._report(asked, lead, encoding, n_kept, passage, start, len(query_ids) - n_query)

    def _report(
        self,
        asked: _Asked,
        lead: tuple[int, ...],
        encoding: Encoding,
        n_kept: int,
        passage: str,
        start: int,
        n_query_cut: int,
    ) -> EncodedPair:
        """Args: n_kept: of the tokens of `encoding`, whose text holds the passage from `start` on."""
        n_before = _n_before(encoding, start)
        n_kept = min(n_kept, len(encoding))
        n_tokens = max(0, n_kept - n_before)
        n_cut = len(encoding) - n_before - n_tokens
        first = len(self._head) + len(lead)
        end = max((end for _, end in encoding.offsets[n_before:n_kept]), default=start)
        return EncodedPair(
            input_ids=(*self._head, *lead, *encoding.ids[:n_kept], *asked.tail),
            token_type_ids=None,
            n_tokens=n_tokens,
            n_cut=n_cut,
            n_chars_read=end - start if n_cut else len(passage),
            n_query_cut=n_query_cut,
            body=(first, first + n_kept),
        )

    def _shortened(self, query: str, n_tokens: int) -> tuple[str, int]:
        """(the query up to so many tokens, how many tokens were cut)."""
        encoding = self._tokenizer.encode(query, add_special_tokens=False)
        n_cut = max(0, len(encoding) - n_tokens)
        return (query[: encoding.offsets[n_tokens - 1][1]], n_cut) if n_cut else (query, 0)

    def _encode(self, texts: Sequence[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(list(texts), add_special_tokens=False)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _token(self, text: str) -> int:
        token = self._tokenizer.token_to_id(text)
        if token is None:
            raise ModelBroken(
                "The tokenizer of {model} has no token {token!r}, which {kind} is asked with. Use the tokenizer that "
                "came with the model.",
                model=self._model_id,
                token=text,
                kind=self._prompt.title,
            )
        return token


def _n_before(encoding: Encoding, start: int) -> int:
    """Tokens that end before or at the character `start`."""
    return next((place for place, (_, end) in enumerate(encoding.offsets) if end > start), len(encoding))
