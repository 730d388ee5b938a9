"""The budget of a machine is read off the batches that were run anyway, and counts from the next start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playground.engine.budget import Budgets, default_budget
from playground.engine.engine import Engine
from playground.engine.pace import EVERY, LEAST_PASSES, Paces, best, key_of
from playground.models import measured
from tests.engine.doubles import SPEC, Shelf, numbered, request_of, run


def rates(**by_size: float) -> dict[int, list[float]]:
    return {int(size[1:]): [rate] * LEAST_PASSES for size, rate in by_size.items()}


def test_the_smallest_of_the_sizes_that_are_about_as_fast_is_taken() -> None:
    assert best(rates(_512=700, _1024=960, _2048=1000, _4096=990), 8192) == 1024
    assert best(rates(_128=990, _1024=1000, _2048=900), 8192) == 512
    assert best(rates(_512=500, _1024=800, _2048=1000), 8192) == 4096
    assert best(rates(_512=500, _1024=800, _2048=1000), 2048) == 2048


def test_nothing_is_concluded_from_few_sizes_or_few_passes() -> None:
    assert best(rates(_512=700, _1024=960), 8192) is None
    assert best(rates(_512=700, _1024=960) | {2048: [1000.0] * (LEAST_PASSES - 1)}, 8192) is None
    assert best({}, 8192) is None


def test_one_slow_pass_changes_nothing() -> None:
    seen = rates(_512=700, _1024=960, _2048=1000)
    seen[1024][0] = 1.0
    assert best(seen, 8192) == 1024


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_what_is_learned_counts_from_the_next_start_and_the_same_request_makes_the_same_batches(device: str) -> None:
    spec = replace(SPEC, n_parameters=50_000_000, device=device, fingerprint=f"pace {device}")
    now = Budgets()
    usual = now.get(spec, None)
    assert usual == default_budget(spec)
    for place in range(EVERY):
        size = (512, 1024, 2048, 4096)[place % 4]
        now.paces.note(spec, [size // 4] * 4, size, size / (900 if size == 512 else 1000))
        now.paces.note(spec, [size // 4] * 4, size - 1, 1000.0)
        assert now.get(spec, None) == usual
    assert measured.get("batch-tokens-1", key_of(spec)) == 1024
    assert Budgets().get(spec, None) == 1024
    assert Budgets().get(spec, 300) == 300
    assert Budgets().get(replace(spec, precision="bf16"), None) == default_budget(replace(spec, precision="bf16"))


def test_a_kept_value_that_cannot_be_counts_as_none() -> None:
    spec = replace(SPEC, n_parameters=60_000_000)
    for value in ("4096", 7, 10**9, None):
        measured.put("batch-tokens-1", key_of(spec), value)
        assert Paces().learned(spec) is None


def test_the_forward_passes_of_a_run_are_noted() -> None:
    shelf = Shelf(change={"spec": replace(SPEC, n_parameters=70_000_000)})
    engine = Engine(load_scorer=shelf)
    noted: list[tuple[list[int], int, float]] = []
    paces = engine._pool.budgets.paces
    paces.note = lambda spec, *said: noted.append(said)  # type: ignore[method-assign]
    run(engine, request_of("red", *numbered(10), "x"))
    ((lengths, n_read, seconds),) = noted
    assert (lengths, n_read) == ([6] * 10 + [3], 63)
    assert seconds > 0
