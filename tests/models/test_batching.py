"""Batches hold each passage once, stay within their budget, and hold little padding."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.models.batching import FIRST_TEXTS, FIRST_TOKENS, TOKENS_OF_A_BATCH_ON_CPU, early, plan

Mix = Callable[[random.Random, int], list[int]]


def log_normal(random: random.Random, n: int) -> list[int]:
    """From 20 to 400 tokens, as passages of a search are."""
    found: list[int] = []
    while len(found) < n:
        length = math.exp(random.gauss(math.log(90), 0.75))
        found += [int(length)] if 20 <= length <= 400 else []
    return found


def short(random: random.Random, n: int) -> list[int]:
    return [random.randint(20, 45) for _ in range(n)]


def bimodal(random: random.Random, n: int) -> list[int]:
    return [random.choice((30, 380)) + random.randint(-8, 8) for _ in range(n)]


def padding(batches: list[list[int]], lengths: list[int]) -> int:
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches) - sum(lengths)


def test_the_longest_go_first_and_equal_lengths_keep_their_order() -> None:
    assert plan([3, 9, 3, 5], token_budget=10) == [[1], [3, 0], [2]]


def test_a_pair_longer_than_the_budget_goes_alone() -> None:
    assert plan([50, 2, 60], token_budget=10) == [[2], [0], [1]]


@given(st.lists(st.integers(1, 60), max_size=40))
def test_texts_of_any_length_fill_a_batch_of_a_model_that_reads_no_padding(lengths: list[int]) -> None:
    batches = plan(lengths, 100, pads=False)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    sums = [sum(lengths[index] for index in batch) for batch in batches]
    assert all(one <= 100 for one in sums)
    # Nothing of the next batch would have gone into the one before.
    assert all(one + lengths[batch[0]] > 100 for one, batch in zip(sums, batches[1:], strict=False))


def test_no_passages_make_no_batches() -> None:
    assert plan([], token_budget=10) == []
    assert early([], [], 10) == []


@pytest.mark.parametrize("mix", [log_normal, short, bimodal])
@pytest.mark.parametrize("budget", [1024, 4096])
@pytest.mark.parametrize("n", [1, 10, 100, 1000])
def test_less_than_one_token_in_twenty_is_padding_on_a_cpu(mix: Mix, budget: int, n: int) -> None:
    for seed in range(10):
        lengths = mix(random.Random(seed), n)
        batches = early(plan(lengths, budget), lengths, budget)
        n_padding, n_tokens = padding(batches, lengths), sum(lengths)
        # Ten short texts are worth no more batches: a few tokens each.
        few = mix is short and n == 10
        assert n_padding < 0.05 * (n_tokens + n_padding) or (
            few and n_padding <= TOKENS_OF_A_BATCH_ON_CPU * len(batches)
        )


def test_a_much_shorter_text_begins_a_batch_of_its_own_unless_a_batch_more_costs_more() -> None:
    lengths = [300, 290, 40, 38]
    assert plan(lengths, 4096) == [[0, 1], [2, 3]]
    assert plan(lengths, 4096, "cuda") == [[0, 1, 2, 3]]
    assert plan([2000] * 4 + [100] * 4, 65_536, "cuda") == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("mix", [log_normal, short, bimodal])
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_first_batch_is_small_and_costs_no_padding_and_one_batch_at_most(mix: Mix, n: int) -> None:
    lengths = mix(random.Random(1), n)
    batches = plan(lengths, 1024)
    found = early(batches, lengths, 1024)
    assert sorted(index for batch in found for index in batch) == list(range(n))
    assert sum(lengths[index] for index in found[0]) <= FIRST_TOKENS
    if len(batches[0]) * max(lengths) > FIRST_TOKENS:
        assert max(lengths[index] for index in found[0]) <= sorted(lengths)[len(found[0]) - 1]
    n_pair = lengths[found[0][0]] - lengths[found[0][-1]] if len(found[0]) == FIRST_TEXTS else 0
    assert padding(found, lengths) <= padding(batches, lengths) + n_pair
    assert len(found) <= len(batches) + 1


def test_the_longest_go_first_where_they_are_quick_or_all_go_together() -> None:
    assert early([[0, 1], [2]], [9, 9, 3], 18) == [[0, 1], [2]]
    assert early([[0, 1, 2]], [400, 390, 380], 1200) == [[0, 1, 2]]


def test_the_first_batch_shows_what_two_texts_have_in_common_where_that_fits() -> None:
    assert early([[0], [1], [2]], [400, 300, 200], 1024) == [[1, 2], [0]]
    assert early([[0], [1], [2]], [400, 300, 200], 500) == [[2], [0], [1]]


@given(st.lists(st.integers(0, 600), max_size=60), st.integers(1, 2000), st.sampled_from(["cpu", "mps", "cuda"]))
def test_every_index_comes_once_and_no_padded_batch_is_over_budget(
    lengths: list[int], budget: int, device: str
) -> None:
    batches = plan(lengths, budget, device)
    assert batches == plan(lengths, budget, device)
    for found in (batches, early(batches, lengths, budget)):
        assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
        for batch in found:
            assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
