"""Speed beside truth: what each way to run a model costs in order and in outputs."""

from __future__ import annotations

import pytest

from playground.analysis.fastest import fastest, rows
from playground.core.errors import ModelBroken
from playground.core.speeds import Speeds, TimedRun
from playground.core.types import ModelChoice

ORDER = tuple(float(place) for place in range(20, 0, -1))


def run(precision: str, seconds: tuple[float, ...], *outputs: tuple[float, ...]) -> TimedRun:
    choice = ModelChoice("m", precision=precision)  # type: ignore[arg-type]
    return TimedRun(choice, None, seconds, outputs or (ORDER, ORDER), 800, 10.0)


def test_each_row_says_how_fast_and_how_far_from_the_first() -> None:
    swapped = (*ORDER[:9], ORDER[10], ORDER[9], *ORDER[11:])
    speeds = Speeds((run("fp32", (2.0, 4.0, 3.0)), run("bf16", (1.0, 4.0, 1.5), ORDER, swapped)), 40)
    first, second = rows(speeds)
    assert (first.ratio, first.tau, first.top_kept, first.drift) == (1.0, 1.0, 1.0, 0.0)
    assert (second.ratio, second.least, second.most) == (2.0, 1.0, 2.0)
    assert (second.pairs_per_second, second.tokens_per_second) == (pytest.approx(40 / 1.5), pytest.approx(800 / 1.5))
    assert second.tau == pytest.approx(1 - 1 / 190)
    assert (second.top_kept, second.drift) == (0.9, 1.0)
    assert not second.keeps_order
    assert fastest((first, second)) is first


def test_what_is_ahead_in_some_rounds_only_is_not_called_faster() -> None:
    first, second = rows(Speeds((run("fp32", (2.0, 2.0, 2.0)), run("bf16", (1.0, 1.0, 2.5))), 40))
    assert second.ratio == 2.0
    assert second.ahead == pytest.approx(2 / 3)
    assert fastest((first, second)) is first


def test_ten_passages_are_all_of_the_top_whatever_the_order() -> None:
    ten = ORDER[:10]
    first, second = rows(Speeds((run("fp32", (2.0,), ten), run("bf16", (1.0,), ten)), 10))
    assert (first.top_kept, second.top_kept) == (None, None)
    assert fastest((first, second)) is second


def test_equal_outputs_order_nothing_and_what_failed_is_no_winner() -> None:
    flat = (1.0,) * 20
    first, second = rows(Speeds((run("fp32", (2.0,), flat), run("bf16", (1.0,), flat)), 20))
    assert (second.tau, second.keeps_order) == (None, False)
    failed = TimedRun(ModelChoice("m", precision="fp32"), error=ModelBroken("It broke."))
    first, second = rows(Speeds((failed, run("bf16", (1.0,))), 40))
    assert str(first.error) == "It broke."
    assert (second.ratio, second.pairs_per_second) == (None, 40.0)
    assert fastest((first, second)) is None
