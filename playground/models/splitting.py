"""A long text in windows: pieces of it with exact places, cut where a reader would cut.

Sentence ends are `sentencex`'s: in one native pass it knows English abbreviations and Chinese full stops alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

Span = tuple[int, int]

# Where two tokens may be parted: not inside a character; between two; at a word's end; at a sentence's end.
NOWHERE, TOKEN, WORD, SENTENCE = range(4)
# The last part of a window, in which a sentence's end is worth more than a longer window.
TAIL_SHARE = 4


class Split(NamedTuple):
    """The windows of a text.

    Attributes:
        spans: characters, without white space at either end; each holds something that the one before does not.
        n_unread: tokens after the last window, where there were too many windows.
    """

    spans: list[Span]
    n_unread: int


class Splitter:
    """One text, ready to be split into windows of any size.

    Args:
        tokens: characters of each token, in order. What lies between two is white space, or what the tokenizer drops.
    """

    def __init__(self, text: str, tokens: Sequence[Span]) -> None:
        self._text = text
        self._tokens = tokens
        # The last character of all tokens before each one: bytes of one character share it.
        self._ends = [0, *accumulate((end for _, end in tokens), max)]
        self._marks = bytes(self._marked())

    def split(self, n_tokens: int, n_overlap: int, most: int) -> Split:
        """Windows of at most so many tokens, of which about `n_overlap` are those of the one before.

        A window ends at the last sentence's end of its last quarter, else at a word's, else at a token's; the next one
        begins at the first such place of the overlap.

        Args:
            n_overlap: less than `n_tokens`.
            most: how many windows are made.
        """
        n, spans = len(self._tokens), list[Span]()
        tail = min(n_tokens // TAIL_SHARE, n_tokens - n_overlap - 1)
        start = end = 0
        while end < n and len(spans) < most:
            if end:
                start = self._place(end - n_overlap, end - 1, first=True) if n_overlap else end
            whole = start + n_tokens
            end = n if whole >= n else self._place(whole - tail, whole, first=False)
            span = self._characters(start, end)
            if spans and span[0] <= spans[-1][0]:
                # Of the one before only white space is not in this one.
                spans[-1] = span
            elif span[0] < span[1] and (not spans or span[1] > spans[-1][1]):
                spans.append(span)
        return Split(spans, n - end)

    def _place(self, low: int, high: int, *, first: bool) -> int:
        """The best place to part the tokens, from `low` to `high`."""
        find = self._marks.find if first else self._marks.rfind
        found = (find(mark, low, high + 1) for mark in (SENTENCE, WORD, TOKEN))
        return next((place for place in found if place >= 0), low if first else high)

    def _characters(self, start: int, end: int) -> Span:
        first = self._tokens[start][0] if start else 0
        last = len(self._text)
        if end < len(self._tokens):
            last = max(self._ends[end], self._tokens[end][0])
        piece = self._text[first:last]
        return first + len(piece) - len(piece.lstrip()), first + len(piece.rstrip())

    def _marked(self) -> Iterator[int]:
        """Where the text may be parted before each token."""
        sentences = _sentence_starts(self._text)
        sentence = next(sentences, None)
        for (start, end), before in zip(self._tokens, self._ends, strict=False):
            # Some tokenizers count the space before a word as its own.
            word = self._text[start:end].lstrip()
            seen = end - len(word)
            while sentence is not None and sentence < before:
                sentence = next(sentences, None)
            if start < before:
                yield NOWHERE
            elif sentence is not None and sentence <= seen:
                yield SENTENCE
            elif seen > before or not (word[:1].isalnum() and self._text[before - 1 : before].isalnum()):
                yield WORD
            else:
                yield TOKEN


def sentences(text: str) -> list[str]:
    """The sentences of a text, together all of it."""
    # Only now: few runs need it.
    import sentencex

    # Its English rules hold its Chinese ones, and it is asked in one language for texts that mix them.
    return list(sentencex.segment("en", text))


def _sentence_starts(text: str) -> Iterator[int]:
    return accumulate(map(len, sentences(text)))
