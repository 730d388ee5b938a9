"""Texts become the ids a model is fed, with a report of what truncation dropped.

The ids are put together here rather than by `tokenizer(...)`: transformers 5 has no `prepare_for_model`, and a call
with truncation writes it into the tokenizer's shared state, which two threads cannot do at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from playground.core.errors import InvalidInput
from playground.core.explanations import ReadText, Token
from playground.core.types import EncodedPair, Truncation

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

MIN_MAX_LENGTH = 32
# How SentencePiece writes a space.
SPACE = "▁"


@dataclass(frozen=True, slots=True)
class Template:
    """The special tokens around one or two texts, read off the tokenizer itself.

    Attributes:
        pieces: special ids before, between and after the texts: two pieces for one text, three for two.
        piece_types: their token types.
        text_types: token type of each text.
    """

    pieces: tuple[tuple[int, ...], ...]
    piece_types: tuple[tuple[int, ...], ...]
    text_types: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer, n_texts: int) -> Self:
        """Reads the template by encoding a letter once or twice."""
        probe = tokenizer.encode("a") if n_texts == 1 else tokenizer.encode("a", "a")
        ids: list[list[int]] = [[]]
        types: list[list[int]] = [[]]
        text_types: dict[int, int] = {}
        for id, type_id, text in zip(probe.ids, probe.type_ids, probe.sequence_ids, strict=True):
            if text is None:
                ids[-1].append(id)
                types[-1].append(type_id)
            elif text not in text_types:
                text_types[text] = type_id
                ids.append([])
                types.append([])
        return cls(tuple(map(tuple, ids)), tuple(map(tuple, types)), tuple(text_types[n] for n in range(n_texts)))

    @property
    def n_special(self) -> int:
        return sum(map(len, self.pieces))

    def fill(self, *texts: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(ids, token types) with the texts' ids in their places."""
        ids, types = list(self.pieces[0]), list(self.piece_types[0])
        for text, text_type, piece, piece_types in zip(
            texts, self.text_types, self.pieces[1:], self.piece_types[1:], strict=True
        ):
            ids += [*text, *piece]
            types += [*([text_type] * len(text)), *piece_types]
        return tuple(ids), tuple(types)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a model that reads query and passage apart puts around them, beside the special tokens of its tokenizer.

    Attributes:
        query, passage: ids that go straight after the first special token; None where nothing does.
        query_length: most tokens of the query, all special ones included; 0 for that of the passages.
        filler: id that fills a query up to that length; None where nothing does.
    """

    query: int | None = None
    passage: int | None = None
    query_length: int = 0
    filler: int | None = None


UNMARKED = Marks()


class Encoder:
    """A tokenizer with a length limit. Nothing in it changes after construction, so any thread may use it.

    Args:
        tokenizer: a copy that nobody else changes; its own truncation and padding are switched off, because a
            `tokenizer.json` may carry them (all-MiniLM-L6-v2 cuts at 128 and pads to 128).
        max_length: tokens of the texts and the special tokens together.
        token_types: whether the model takes token types.

    Raises:
        InvalidInput: `max_length` leaves no room for a passage.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, truncation: Truncation, *, token_types: bool) -> None:
        if max_length < MIN_MAX_LENGTH:
            raise InvalidInput(
                "A maximum length of {n} tokens leaves no room for a passage. Use at least {least}.",
                n=max_length,
                least=MIN_MAX_LENGTH,
            )
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.max_length = max_length
        self.truncation = truncation
        self._tokenizer = tokenizer
        self._token_types = token_types
        self._single = Template.of(tokenizer, 1)
        self._pair = Template.of(tokenizer, 2)

    def limited(self, max_length: int, truncation: Truncation) -> Encoder:
        """The same tokenizer with another limit."""
        return Encoder(self._tokenizer, max_length, truncation, token_types=self._token_types)

    def texts(self, texts: Sequence[str], before: str = "") -> list[EncodedPair]:
        """Each text alone behind `before`, as one text, cut at the end.

        Raises:
            InvalidInput: `before` leaves no room for a text.
        """
        room = self.max_length - self._single.n_special
        encoded = []
        for encoding, whole in self._encode([before + text for text in texts]):
            ids, types = self._single.fill(encoding.ids[:room])
            report = self._report(ids, types, encoding, whole, room)
            n_chars_read = report.n_chars_read - len(before)
            if report.n_cut and before and n_chars_read <= 0:
                raise InvalidInput(
                    "The instruction takes all of the {max_length} tokens and leaves no room for a text. Shorten it, "
                    "or raise the maximum length.",
                    max_length=self.max_length,
                )
            encoded.append(replace(report, n_chars_read=n_chars_read))
        return encoded

    def pairs(self, query: str, passages: Sequence[str], before: str = "") -> list[EncodedPair]:
        """The query, straight behind `before`, with each passage.

        `only_second`: the query is cut at 3/4 of the maximum length, then the passage takes what is left, as in
        FlagEmbedding >= 1.3 (`AbsReranker`, `encoder_only/base.py`). `longest_first`: one call of the tokenizer, as on
        the model cards of 2023 and in sentence-transformers.

        Raises:
            InvalidInput: `before` leaves no room for the query.
        """
        asked = self._tokenizer.encode(before + query, add_special_tokens=False)
        query_ids = asked.ids
        encoded = []
        for encoding, text in self._encode(passages):
            n_query, n_passage = self._lengths(len(query_ids), len(encoding))
            if n_query < len(query_ids):
                _require_query(before, n_query, asked.offsets[n_query - 1][1])
            ids, types = self._pair.fill(query_ids[:n_query], encoding.ids[:n_passage])
            encoded.append(self._report(ids, types, encoding, text, n_passage, len(query_ids) - n_query))
        return encoded

    def apart(
        self, query: str, passages: Sequence[str], marks: Marks = UNMARKED, before: str = ""
    ) -> list[EncodedPair]:
        """The query, straight behind `before`, and each passage alone, one after the other; token types tell the query
        (0) from the passage (1).

        Each is cut at its end: a passage at the maximum length, whatever the query takes.

        Raises:
            InvalidInput: `before` leaves no room for the query.
        """
        asked = self._alone([before + query], marks.query, marks.query_length or self.max_length)[0]
        if asked.n_cut:
            _require_query(before, asked.n_tokens, asked.n_chars_read)
        n_missing = marks.query_length - len(asked.input_ids) if marks.filler is not None else 0
        query_ids = (*asked.input_ids, *((marks.filler or 0,) * n_missing))
        return [
            replace(
                read,
                input_ids=query_ids + read.input_ids,
                token_type_ids=(0,) * len(query_ids) + (1,) * len(read.input_ids),
                n_query_cut=asked.n_cut,
            )
            for read in self._alone(passages, marks.passage, self.max_length)
        ]

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The characters of each token of a text, without special tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def located(self, text: str, ids: Sequence[int], mark: int | None, n_cut: int, n_instruction: int = 0) -> ReadText:
        """A text that `apart` encoded, with the characters of each of its ids.

        Args:
            ids: of this text alone; `mark` and `n_cut` as they were then.
            n_instruction: how many characters of `text` stand before the user's own.
        """
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        offsets = offsets[: len(offsets) - n_cut]
        first = len(self._single.pieces[0]) + (mark is not None)
        spans = {first + at: _trimmed(text, start, end) for at, (start, end) in enumerate(offsets)}
        tokens = []
        for place, id in enumerate(ids):
            start, end = spans.get(place, (0, 0))
            name = self.name(id)
            # Of a space that is a token of its own, some tokenizers say that it is the character after it.
            tokens.append(Token(id, name, start, start if name == SPACE else end))
        read = text[: max((end for _, end in offsets), default=0)] if n_cut else text
        return ReadText(read, n_instruction, tuple(tokens), n_cut)

    def name(self, id: int) -> str:
        """What a token stands for, in words; as the vocabulary has it where that is nothing or half a character."""
        raw = self._tokenizer.id_to_token(id) or ""
        said = self._tokenizer.decode([id], skip_special_tokens=False).strip()
        name = said if said and "\ufffd" not in said else raw
        return f"…{name[2:]}" if name.startswith("##") and len(name) > 2 else name

    def _alone(self, texts: Sequence[str], mark: int | None, max_length: int) -> list[EncodedPair]:
        marked = () if mark is None else (mark,)
        room = max_length - self._single.n_special - len(marked)
        encoded = []
        for encoding, text in self._encode(texts):
            (first, *others), _ = self._single.fill(encoding.ids[:room])
            encoded.append(self._report((first, *marked, *others), (), encoding, text, room))
        return encoded

    def _encode(self, texts: Sequence[str]) -> list[tuple[Encoding, str]]:
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return list(zip(encodings, texts, strict=True))

    def _lengths(self, n_query: int, n_passage: int) -> tuple[int, int]:
        room = self.max_length - self._pair.n_special
        if self.truncation == "longest_first":
            return longest_first(n_query, n_passage, room)
        n_query = min(n_query, self.max_length * 3 // 4)
        return n_query, min(n_passage, room - n_query)

    def _report(
        self,
        ids: tuple[int, ...],
        types: tuple[int, ...],
        encoding: Encoding,
        text: str,
        n_kept: int,
        n_query_cut: int = 0,
    ) -> EncodedPair:
        n_tokens = min(n_kept, len(encoding))
        n_cut = len(encoding) - n_tokens
        return EncodedPair(
            input_ids=ids,
            token_type_ids=types if self._token_types else None,
            n_tokens=n_tokens,
            n_cut=n_cut,
            n_chars_read=max((end for _, end in encoding.offsets[:n_tokens]), default=0) if n_cut else len(text),
            n_query_cut=n_query_cut,
        )


def _require_query(before: str, n_tokens: int, n_chars_read: int) -> None:
    """Nothing, where some of the query is read behind its instruction."""
    if before and n_chars_read <= len(before):
        raise InvalidInput(
            "The instruction fills the {n} tokens that the model reads of a query, so the query itself is not read. "
            "Shorten the instruction, or raise the maximum length.",
            n=n_tokens,
        )


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the space that some tokenizers count to the word after it."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def longest_first(n_first: int, n_second: int, room: int) -> tuple[int, int]:
    """How much of two texts is kept when the longer one is cut first.

    Source: tokenizers, `truncate_encodings`: the shorter text stays whole if it leaves half of the room, else both get
    half, and an odd token goes to the text that was longer.
    """
    if n_first + n_second <= room:
        return n_first, n_second
    shorter = min(n_first, n_second, room // 2)
    longer = room - shorter
    return (longer, shorter) if n_first > n_second else (shorter, longer)
