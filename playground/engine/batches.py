"""Encoded texts through a model, a batch at a time; what does not fit in memory is planned again, smaller."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from playground.core.errors import OutOfMemory
from playground.core.types import EncodedPair
from playground.engine.lease import Lease
from playground.engine.turns import Stopped
from playground.models.batching import early, pads, plan

Output = TypeVar("Output")

# Encoding reports progress and looks for Stop after this many characters or texts.
ENCODE_CHARS = 200_000
ENCODE_TEXTS = 64


def in_batches(
    encoded: Mapping[int, EncodedPair],
    forward: Callable[[Sequence[int]], Output],
    *,
    lease: Lease,
    passage_id: Callable[[int], str | None],
    soon: bool = False,
) -> Iterator[tuple[list[int], Output]]:
    """Each batch, as keys of `encoded`, with its output; longest first. They end early where the request is stopped
    while it waits for its turn.

    Args:
        forward: one forward pass over these keys.
        passage_id: of the text of a key; None for the query.
        soon: nothing is known yet, so a small batch goes first, out of order.

    Raises:
        OutOfMemory: not even one text fits.
    """
    budget = at_once(lease)
    batches = _planned(encoded, list(encoded), budget, lease, soon=soon)
    others_unloaded = False
    while batches:
        try:
            output = forward(batches[0])
        except Stopped:
            return
        except OutOfMemory as error:
            lengths = [len(encoded[key].input_ids) for key in batches[0]]
            if len(lengths) > 1:
                budget = lease.budgets.shrink(lease.spec, len(lengths) * max(lengths))
                batches = _planned(encoded, [key for batch in batches for key in batch], budget, lease)
            elif not others_unloaded:
                lease.make_room()
                others_unloaded = True
            else:
                raise _alone_too_big(passage_id(batches[0][0]), lengths[0], lease) from error
        else:
            yield batches.popleft(), output


def at_once(lease: Lease) -> int:
    """Padded tokens that go through the model in one batch."""
    return lease.budgets.get(lease.spec, lease.choice.batch_tokens)


def chunks(
    texts: Sequence[str], most_texts: int = ENCODE_TEXTS, most_chars: int = ENCODE_CHARS
) -> Iterator[tuple[int, int]]:
    """Start and end of runs of texts, each short enough to be encoded between two looks at Stop.

    Args:
        most_texts, most_chars: of a run; the last text may go beyond.
    """
    start = n_chars = 0
    for index, text in enumerate(texts):
        n_chars += len(text)
        if n_chars >= most_chars or index - start + 1 >= most_texts:
            yield start, index + 1
            start, n_chars = index + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _planned(
    encoded: Mapping[int, EncodedPair], keys: Sequence[int], budget: int, lease: Lease, *, soon: bool = False
) -> deque[list[int]]:
    lengths = [len(encoded[key].input_ids) for key in keys]
    batches = plan(lengths, budget, lease.spec.device, pads=pads(lease.model))
    return deque([keys[place] for place in batch] for batch in (early(batches, lengths, budget) if soon else batches))


def _alone_too_big(id: str | None, n_tokens: int, lease: Lease) -> OutOfMemory:
    values = {"n_tokens": n_tokens, "device": lease.spec.device, "model": lease.spec.model_id}
    if id is None:
        return OutOfMemory(
            "Not even the query alone ({n_tokens} tokens) fits in the memory of {device} with {model}. Choose a "
            "smaller max_length, another precision or a smaller model.",
            **values,
        )
    return OutOfMemory(
        "Not even passage {id} alone ({n_tokens} tokens) fits in the memory of {device} with {model}. Choose a "
        "smaller max_length, another precision or a smaller model.",
        id=id,
        **values,
    )
