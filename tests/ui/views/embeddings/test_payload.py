"""What the embeddings script draws, without a model."""

from __future__ import annotations

from playground.ui.views.embeddings.payload import Arrangement, order_of, ranks


def test_equal_cosines_share_a_rank() -> None:
    assert ranks([0.5, 0.9, 0.5, 0.1]) == [2, 1, 2, 4]
    assert order_of([], Arrangement()) == []
