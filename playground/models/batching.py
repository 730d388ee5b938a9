"""Which passages go through the model together."""

from __future__ import annotations

from collections.abc import Sequence

# What a batch more costs, in tokens that could have gone through instead. A CPU is as fast per token with small batches
# as with large ones; a graphics card waits for the launch of hundreds of kernels.
TOKENS_OF_A_BATCH = {"cuda": 1024, "mps": 256}
TOKENS_OF_A_BATCH_ON_CPU = 8
# Of a batch that is padding at most, where a batch more is worth less.
MOST_PADDING = 0.04
# Tokens in the first batch of many, so that the first scores come early. Two at least: from one text alone a model that
# keeps the beginning of its prompt cannot tell where that ends.
FIRST_TOKENS = 256
FIRST_TEXTS = 2


def pads(model: object) -> bool:
    """Whether padding goes through its layers."""
    return bool(getattr(model, "pads", True))


def plan(lengths: Sequence[int], token_budget: int, device: str = "cpu", *, pads: bool = True) -> list[list[int]]:
    """Batches of indexes into `lengths`, longest first, so that little of a batch is padding.

    A batch padded to its longest pair holds at most `token_budget` tokens; a pair longer than the budget goes alone.
    It ends where the next pair would make more than `MOST_PADDING` of it padding, if that is more than a batch more
    costs on this device. Equal lengths keep their order; the same lengths make the same batches.

    Args:
        pads: the model reads padding; where it does not, texts of any length fill a batch.
    """
    worth = TOKENS_OF_A_BATCH.get(device, TOKENS_OF_A_BATCH_ON_CPU)
    batches: list[list[int]] = []
    width = n_used = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        n_padded = (width * (len(batches[-1]) + 1) if pads else n_used + lengths[index]) if batches else 0
        n_padding = n_padded - n_used - lengths[index]
        if not batches or n_padded > token_budget or n_padding > max(worth, MOST_PADDING * n_padded):
            batches.append([])
            width, n_used = max(1, lengths[index]), 0
        batches[-1].append(index)
        n_used += lengths[index]
    return batches


def early(batches: Sequence[Sequence[int]], lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """The same batches behind a small one of the shortest pairs, where the first would take long and is not the only.

    It costs a batch more at most, and no padding but that of two pairs that went alone.
    """
    if len(batches) < 2 or _padded(batches[0], lengths) <= FIRST_TOKENS:
        return [list(batch) for batch in batches]
    # The shortest stand at the end.
    order = [index for batch in batches for index in batch]
    n = min(len(batches[-1]), max(FIRST_TEXTS, FIRST_TOKENS // max(1, lengths[batches[-1][0]])))
    if n < FIRST_TEXTS <= token_budget // max(1, lengths[order[-FIRST_TEXTS]]):
        n = FIRST_TEXTS
    first = order[-n:]
    rest = [[index for index in batch if index not in first] for batch in batches]
    return [first, *filter(None, rest)]


def _padded(batch: Sequence[int], lengths: Sequence[int]) -> int:
    return len(batch) * max(lengths[index] for index in batch)
