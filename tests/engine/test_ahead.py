"""Long lists are scored while they are still tokenised, and their ids are let go once they are scored."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from playground.core.types import EncodedPair, ModelChoice
from playground.engine.ahead import PART_TEXTS, ahead
from playground.engine.engine import Engine
from tests.engine.doubles import CHOICE, Shelf, numbered, request_of, run, steps
from tests.engine.embedders import EMBED, EmbedderShelf

SECONDS = 20


def test_the_next_part_is_worked_on_while_the_caller_has_the_one_before() -> None:
    begun, taken = [threading.Event() for _ in range(3)], []

    def work(number: int) -> int:
        begun[number].set()
        return number

    for result in ahead(-1, work, range(3)):
        taken.append(result)
        if result + 1 < 3:
            assert begun[result + 1].wait(SECONDS)
        assert not any(event.is_set() for event in begun[result + 2 :])
    assert taken == [-1, 0, 1, 2]
    assert list(ahead(7, work, [])) == [7]


def test_an_error_of_the_work_reaches_the_caller_and_who_stops_waits_for_nothing() -> None:
    go_on = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            raise ValueError("no")
        assert go_on.wait(SECONDS)
        return number

    failing = ahead(-1, work, [1, 0])
    assert next(failing) == -1
    with pytest.raises(ValueError, match="no"):
        next(failing)
    slow = ahead(-1, work, [0, 0])
    assert next(slow) == -1
    slow.close()  # type: ignore[attr-defined]
    go_on.set()


def test_the_forward_starts_after_the_first_part_and_scores_are_those_of_a_list_tokenised_whole() -> None:
    seen: list[int] = []
    n_encoded = [0]
    shelf = Shelf(change={"before_forward": lambda: seen.append(n_encoded[0])})

    def load(choice: ModelChoice, **options: Any) -> Any:
        scorer = shelf(choice, **options)
        plain = scorer.encode

        def encode(query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
            n_encoded[0] += len(passages)
            return plain(query, passages, instruction)

        scorer.encode = encode  # type: ignore[method-assign]
        return scorer

    texts = [f"red {'panda ' * (place % 9)}{place}" for place in range(1000)]
    engine = Engine(load_scorer=load)
    said = steps(engine, request_of("red panda", *texts))
    assert seen[0] <= 2 * PART_TEXTS
    assert n_encoded[0] == 1000
    assert max(step.done for step in said if step.phase == "encode") == PART_TEXTS
    result = said[-1].result
    assert result is not None
    scorer = shelf.scorer
    alone = scorer.logits(scorer.encode("red panda", texts))
    assert {one.index: one.logit for one in result} == dict(enumerate(alone))
    assert [one.n_tokens for one in sorted(result, key=lambda one: one.index)] == [len(text.split()) for text in texts]


def test_a_stopped_run_keeps_what_it_has_and_what_was_not_tokenised_is_missing() -> None:
    stop = threading.Event()
    shelf = Shelf(change={"before_forward": stop.set})
    last = list(Engine(load_scorer=shelf).rerank(request_of("red", *numbered(600)), CHOICE, stop=stop))[-1]
    assert last.phase == "stopped"
    assert last.result is not None
    assert len(last.result) == shelf.scorer.n_forwards
    assert set(range(PART_TEXTS, 600)) <= set(last.result.missing)


def test_the_ids_in_memory_are_those_of_two_parts_at_most() -> None:
    most = [0]

    def count() -> None:
        alive = sum(type(each) is EncodedPair and bool(each.input_ids) for each in gc.get_objects())
        most[0] = max(most[0], alive)

    shelf = Shelf(change={"before_forward": count})
    run(Engine(load_scorer=shelf), request_of("red", *numbered(1500)), replace(CHOICE, batch_tokens=1024))
    assert 0 < most[0] <= 3 * PART_TEXTS


def test_embedders_read_ahead_too() -> None:
    shelf = EmbedderShelf()
    said = list(Engine(load_embedder=shelf).rerank(request_of("red", *numbered(600)), EMBED))
    assert max(step.done for step in said if step.phase == "encode") == PART_TEXTS
    assert said[-1].result is not None
    assert len(said[-1].result) == 600
