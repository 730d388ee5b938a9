"""The load scripts see a result that is another visitor's; and a page that many ask at once, and for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from playground.bench import lasting, load
from playground.bench.load import FEW, Answer, Asked, is_right, rows
from playground.core.errors import InvalidInput

ASKED = Asked(1, "visitor01 panda", ("visitor01 a", "visitor01 b"))
OWN = {0: ("visitor01 a", 1.5), 1: ("visitor01 b", -2.0)}


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (OWN, True),
        (OWN | {1: ("visitor01 b", -2.00001)}, True),
        (OWN | {1: ("visitor01 b", -2.001)}, False),
        (OWN | {1: ("visitor02 b", -2.0)}, False),
        (OWN | {2: ("visitor01 c", 0.0)}, False),
        ({0: OWN[0]}, False),
    ],
)
def test_an_answer_is_right_with_all_its_own_texts_and_scores_and_no_others(
    found: dict[int, tuple[str, float]], right: bool
) -> None:
    assert is_right(Answer(ASKED, 1.0, None, found), [1.5, -2.0]) is right


@pytest.mark.parametrize("numbers", [(0, 0, 1), (2, 3, 1), (65, 0, 1), (2, 1, 0)])
def test_a_load_that_cannot_be_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInput, match="cannot be"):
        rows(*numbers)


@pytest.fixture(scope="module")
def _one_page() -> Iterator[None]:
    """The page of both scripts."""
    with load.served() as page, pytest.MonkeyPatch.context() as patch:
        for script in (load, lasting):
            patch.setattr(script, "served", lambda: nullcontext(page))
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("_one_page")
def test_visitors_of_the_real_page_get_their_own_results() -> None:
    (few,) = rows(3, 0, 1)
    assert (few.n_passages, few.n_requests, few.n_errors, few.n_wrong) == (FEW, 3, 0, 0)
    assert 0 < few.first <= few.p50 <= few.p95


@pytest.mark.usefixtures("_one_page")
def test_visitors_for_a_while_get_their_own_and_the_memory_is_told() -> None:
    row, memory = lasting.run(2, 2.0, 0.0, (), lambda _: None)
    assert (row.n_passages, row.n_errors, row.n_wrong) == (FEW, 0, 0)
    assert row.n_requests >= 2
    assert 100 < memory.early <= memory.most
    with pytest.raises(InvalidInput, match="cannot be"):
        lasting.run(0, 1.0, 0.0, (), print)
