"""How much of some passages a model will read, before it is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from playground.core.types import ModelChoice, TokenCount
from playground.engine.batches import chunks
from playground.engine.pool import ModelPool
from playground.engine.windows import Reader
from playground.models import bm25


def count(pool: ModelPool, query: str, passages: Sequence[str], choice: ModelChoice) -> TokenCount | None:
    """As `Engine.count`."""
    if choice.model_id == bm25.MODEL_ID:
        return TokenCount(len(passages), sum(len(bm25.words(passage)) for passage in passages), 0)
    lease = pool.peek(choice)
    if lease is None:
        return None
    with lease:
        encode = partial(lease.encode, query, instruction=None)
        if choice.kind == "embedder":
            encode = partial(lease.encode_texts, instruction=lease.spec.passage_instruction)
        encoded = [pair for start, end in chunks(passages) for pair in encode(passages[start:end])]
        reader = Reader(lease, encode)
        n_windowed = sum(reader.window_of(pair) is not None for pair in encoded)
    return TokenCount(
        n_passages=len(passages),
        n_tokens=sum(pair.n_tokens + pair.n_cut for pair in encoded),
        n_cut_passages=0 if choice.windows else sum(pair.n_cut > 0 for pair in encoded),
        n_windowed=n_windowed,
    )
