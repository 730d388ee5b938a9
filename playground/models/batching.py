"""Which passages go through the model together."""

from __future__ import annotations

from collections.abc import Sequence


def plan(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Batches of indexes into `lengths`, longest first, so that little of a batch is padding.

    A batch padded to its longest pair holds at most `token_budget` tokens; a pair longer than the budget goes alone.
    Equal lengths keep their order.
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if room == 0:
            batches.append([])
            room = max(1, token_budget // max(1, lengths[index]))
        batches[-1].append(index)
        room -= 1
    return batches
