"""Passages as what goes through a model at once: in one piece each, or in windows whose outputs become one."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.core.types import EncodedPair, ModelSpec
from playground.core.windows import LEAST_TOKENS, OVERLAP_SHARE, Window, Windows, WindowsRead, overlap_too_long
from playground.engine.lease import Lease
from playground.engine.ranking import float32
from playground.engine.warnings import WINDOWS_SHORTER, WINDOWS_UNREAD
from playground.models.splitting import Span, Splitter

# Of one passage: twice a text of 200,000 tokens in windows of 512.
MOST_WINDOWS = 1_000
# Of passages that are looked at together: their ids stay well under a gigabyte.
MOST_TOGETHER = 20_000


class Reading(NamedTuple):
    """How one passage is read.

    Attributes:
        report: of the whole passage; its ids are those of the one piece, and none where there are windows.
        pieces: as the model is fed them.
        spans: characters of each window; none where the passage is read in one piece.
    """

    report: EncodedPair
    pieces: tuple[EncodedPair, ...]
    spans: tuple[Span, ...] = ()


class Reader:
    """How a leased model is given passages.

    Args:
        encode: passages, beside their query where the model reads both.

    Raises:
        InvalidInput: windows that are longer than the model reads.
    """

    def __init__(self, lease: Lease, encode: Callable[[Sequence[str]], list[EncodedPair]]) -> None:
        self._lease = lease
        self._encode = encode
        self._windows = lease.spec.windows
        self.shortened_to: int | None = None
        self.n_unread = 0
        # Tokens of the embedder's own words before every passage, which a report counts too.
        self._n_before = 0
        if self._windows is not None:
            _check_length(self._windows, lease.spec)
            self._n_before = encode(["a"])[0].n_tokens - 1 if lease.spec.passage_instruction else 0

    @property
    def in_windows(self) -> bool:
        return self._windows is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the scores should know of the windows made so far."""
        asked = None if self._windows is None else self._windows.n_tokens
        shorter = () if self.shortened_to is None else (WINDOWS_SHORTER.format(asked=asked, n=self.shortened_to),)
        return shorter + ((WINDOWS_UNREAD.format(most=MOST_WINDOWS, n=self.n_unread),) if self.n_unread else ())

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """The passages in one piece each, or those that are too long in windows.

        Raises:
            InvalidInput: the query leaves no room for a window, or the overlap takes more than half of one.
        """
        return [
            self._in_windows(text, pair, n_tokens) if (n_tokens := self.window_of(pair)) else Reading(pair, (pair,))
            for text, pair in zip(texts, self._encode(texts), strict=True)
        ]

    def window_of(self, pair: EncodedPair) -> int | None:
        """Tokens of a window of this passage; None where it is read in one piece.

        What truncation left of it is what fits beside the query, whatever the model puts around both.

        Raises:
            InvalidInput: as `read`.
        """
        windows = self._windows
        if windows is None:
            return None
        n_read = pair.n_tokens - self._n_before
        if n_read + pair.n_cut <= (windows.n_tokens or n_read):
            return None
        if not pair.n_cut:
            return windows.n_tokens
        if n_read < LEAST_TOKENS:
            raise InvalidInput(
                "The query leaves {n} of {max_length} tokens for a passage, too few for a window. Shorten the query, "
                "raise the maximum length, or cut long passages.",
                n=n_read,
                max_length=self._lease.spec.max_length,
            )
        return min(n_read, windows.n_tokens or n_read)

    def _in_windows(self, text: str, whole: EncodedPair, n_tokens: int) -> Reading:
        windows = self._windows
        assert windows is not None
        if windows.n_tokens is not None and n_tokens < windows.n_tokens:
            self.shortened_to = min(n_tokens, self.shortened_to or n_tokens)
        n_overlap = _overlap(windows, n_tokens)
        splitter = Splitter(text, self._lease.token_spans(text))
        size = n_tokens
        while True:
            spans, n_unread = splitter.split(size, min(n_overlap, size - 1), MOST_WINDOWS)
            pieces = self._encode([text[start:end] for start, end in spans])
            # A piece alone may take more tokens than as part of its text: a word cut in two, a space put before it.
            most = n_tokens + self._n_before
            over = max(max(0, piece.n_tokens + piece.n_cut - most, piece.n_cut) for piece in pieces)
            if not over or size - over < n_tokens // 2:
                break
            size -= over
        n_unread += sum(piece.n_cut for piece in pieces)
        self.n_unread += n_unread > 0
        report = replace(
            whole,
            input_ids=(),
            token_type_ids=None,
            n_tokens=whole.n_tokens + whole.n_cut - n_unread,
            n_cut=n_unread,
            n_chars_read=spans[-1][1] if n_unread else len(text),
            n_query_cut=max(piece.n_query_cut for piece in pieces),
        )
        return Reading(report, tuple(pieces), tuple(spans))


class Pieces:
    """What goes through the model for some passages, each under a key: its place, and for windows keys beyond those.

    Args:
        n_passages: how many places there are, from 0.

    Attributes:
        reports: of each passage that was added, by place.
        read_in: the windows of each passage that was read in some and is scored, by place.
    """

    def __init__(self, n_passages: int, windows: Windows | None) -> None:
        self.reports: dict[int, EncodedPair] = {}
        self.read_in: dict[int, WindowsRead] = {}
        self._windows = windows
        self._encoded: dict[int, EncodedPair] = {}
        self._spans: dict[int, tuple[Span, ...]] = {}
        self._keys: dict[int, range] = {}
        self._place_of: dict[int, int] = {}
        self._next = n_passages
        self._waiting: dict[int, range] = {}
        self._scored: dict[int, float] = {}

    def add(self, first: int, readings: Sequence[Reading]) -> None:
        """Passages from this place on.

        Raises:
            InvalidInput: they make more windows than fit in memory together.
        """
        for place, reading in enumerate(readings, first):
            # Without the ids, which go once they are scored.
            self.reports[place] = replace(reading.report, input_ids=(), token_type_ids=None)
            keys = range(place, place + 1)
            if reading.spans:
                keys = range(self._next, self._next + len(reading.spans))
                self._next = keys.stop
                self._spans[place] = reading.spans
                self._place_of.update(dict.fromkeys(keys, place))
            self._keys[place] = self._waiting[place] = keys
            self._encoded.update(zip(keys, reading.pieces, strict=True))
        if len(self._place_of) > MOST_TOGETHER:
            raise InvalidInput(
                "These passages make more than {limit:,} windows together. Use longer windows, or rank them in parts.",
                limit=MOST_TOGETHER,
            )

    def groups(self, n_tokens: int) -> Iterator[dict[int, EncodedPair]]:
        """What was added and not yet yielded, as it is sorted into batches together: all that is in one piece, then
        passages in windows.

        Args:
            n_tokens: what a group of windows holds at least: as much as goes through the model at once, so that
                passages are complete one after another.
        """
        fresh = [place for place, keys in self._keys.items() if keys.start in self._encoded]
        yield {place: self._encoded.pop(place) for place in fresh if place not in self._spans}
        group, n = dict[int, EncodedPair](), 0
        for place in fresh:
            if place not in self._spans:
                continue
            group.update((key, self._encoded.pop(key)) for key in self._keys[place])
            n += sum(len(group[key].input_ids) for key in self._keys[place])
            if n >= n_tokens:
                yield group
                group, n = {}, 0
        if group:
            yield group

    def place_of(self, key: int) -> int:
        return self._place_of.get(key, key)

    def scored(self, known: Mapping[int, float]) -> Mapping[int, float]:
        """Raw float32 outputs of the passages that are whole, by place, in the order in which they became so.

        Args:
            known: raw outputs by key.
        """
        if self._windows is None:
            return known
        for place, keys in list(self._waiting.items()):
            if all(key in known for key in keys):
                del self._waiting[place]
                self._scored[place] = self._of([known[key] for key in keys], place)
        return self._scored

    def progress(self, known: Container[int]) -> tuple[int, int] | None:
        """How many windows have an output, and how many there are; None where there are none."""
        return (sum(key in known for key in self._place_of), len(self._place_of)) if self._place_of else None

    def cached(self, keys: Set[int]) -> Set[int]:
        """Places of passages of which nothing had to be computed.

        Args:
            keys: of what came from the cache.
        """
        if self._windows is None:
            return keys
        return {place for place, own in self._keys.items() if all(key in keys for key in own)}

    def _of(self, logits: Sequence[float], place: int) -> float:
        if place not in self._spans:
            return logits[0]
        assert self._windows is not None
        by, top_k = self._windows.scored_by
        best = [0] if by == "first" else sorted(range(len(logits)), key=lambda at: (-logits[at], at))[:top_k]
        parts = zip(self._spans[place], logits, strict=True)
        self.read_in[place] = WindowsRead(tuple(Window(*span, logit) for span, logit in parts), tuple(best))
        return float32(sum(logits[at] for at in best) / len(best))


def _overlap(windows: Windows, n_tokens: int) -> int:
    """Of windows that have so many tokens, in the proportion asked for.

    Raises:
        InvalidInput: it takes all of them.
    """
    if windows.n_overlap is None:
        return n_tokens // OVERLAP_SHARE
    if windows.n_tokens is not None:
        return windows.n_overlap * n_tokens // windows.n_tokens
    if windows.n_overlap > n_tokens // 2:
        raise overlap_too_long(windows.n_overlap, n_tokens)
    return windows.n_overlap


def _check_length(windows: Windows, spec: ModelSpec) -> None:
    if windows.n_tokens is not None and windows.n_tokens > spec.max_length:
        raise InvalidInput(
            "{model} reads {limit} tokens at once, so a window of {n} cannot be. Leave it empty: as many as fit.",
            model=spec.model_id,
            limit=spec.max_length,
            n=windows.n_tokens,
        )
