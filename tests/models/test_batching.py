"""Batches hold each passage once and stay within their budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground.models.batching import plan


def test_the_longest_go_first_and_equal_lengths_keep_their_order() -> None:
    assert plan([3, 9, 3, 5], token_budget=10) == [[1], [3, 0], [2]]


def test_a_pair_longer_than_the_budget_goes_alone() -> None:
    assert plan([50, 2, 60], token_budget=10) == [[2], [0], [1]]


def test_no_passages_make_no_batches() -> None:
    assert plan([], token_budget=10) == []


@given(st.lists(st.integers(0, 600), max_size=60), st.integers(1, 2000))
def test_every_index_comes_once_and_no_padded_batch_is_over_budget(lengths: list[int], budget: int) -> None:
    batches = plan(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
