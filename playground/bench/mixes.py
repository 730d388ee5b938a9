"""Texts of known lengths: what all are timed on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from playground.engine.speed_texts import log_normal

QUERY_TOKENS = 12
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Texts:
    """One query and its passages.

    Attributes:
        n_tokens: of all pairs with their special tokens, without padding.
    """

    query: str
    passages: tuple[str, ...]
    n_tokens: int


# Tokens of the passages alone, so many as are asked for; None fills the pair up to 512.
MIXES: Final[Mapping[str, Callable[[int], Sequence[int | None]]]] = MappingProxyType(
    {
        "short": lambda count: log_normal(count, 8, 32),
        "mixed": lambda count: log_normal(count, 20, 400),
        "long": lambda count: [None] * count,
    }
)


def texts(mix: str, count: int, tokenizer: Any, words: Sequence[str]) -> Texts:
    """The query and passages of a mix; the same on every machine.

    Args:
        tokenizer: of the model, from transformers.
        words: where the texts are cut from.
    """
    source = " ".join(words)
    marks = tokenizer(source, return_offsets_mapping=True, add_special_tokens=False, verbose=False)["offset_mapping"]
    query = source[: marks[QUERY_TOKENS - 1][1]]
    around = len(tokenizer(query, "")["input_ids"])
    draw = random.Random(0)
    passages = []
    for length in MIXES[mix](count):
        n = MAX_TOKENS - around if length is None else length
        first = draw.randrange(QUERY_TOKENS, len(marks) - n)
        # Some libraries strip texts, so none begins with a space.
        passages.append(source[marks[first][0] : marks[first + n - 1][1]].strip())
    pairs = tokenizer([query] * count, passages, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    return Texts(query, tuple(passages), sum(map(len, pairs)))


def tokenizer_of(folder: Path) -> Any:
    """Of a model's folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)
