"""Lasting warnings on a result."""

from dataclasses import replace

import pytest

from playground.core.types import Check, ModelChoice
from playground.engine.engine import Engine
from playground.engine.warnings import foreign_share
from playground.models.catalog import BUILT_IN_RERANKER
from tests.engine.doubles import SPEC, Shelf, request_of, run


def test_a_replaced_precision_and_a_golden_value_that_is_off_stay_on_the_result() -> None:
    checks = (Check("golden", "warned", "0.45 was 0.61"), Check("canary", "passed", ""), Check("old", "skipped", "x"))
    shelf = Shelf(change={"checks": checks, "spec": replace(SPEC, replaced=("fp16 does not run on this CPU.",))})
    result = run(Engine(load_scorer=shelf), request_of("red", "red", "blue"))
    assert result.warnings == (
        "fp16 does not run on this CPU.",
        "The check 'golden' at load is off: 0.45 was 0.61",
    )


def test_a_query_that_was_cut_is_said_with_how_much() -> None:
    result = run(Engine(load_scorer=Shelf()), request_of(" ".join("q" * 50), "red", "q"))
    assert result.warnings == (
        "The query is longer than this model can read beside a passage: its last 2 tokens were cut.",
    )


def test_equal_scores_are_said_to_say_nothing() -> None:
    engine = Engine(load_scorer=Shelf())
    assert run(engine, request_of("q", "a", "b")).warnings == ("All 2 scores are equal, so the order says nothing.",)
    assert run(engine, request_of("q", "a")).warnings == ()


@pytest.mark.parametrize(
    ("query", "passage", "expected"),
    [
        ("what is panda?", "The giant panda (大熊猫) is a bear of China.", []),
        ("Où est le café?", "Das Café ist über der Straße, 100 % ½ ∑.", []),
        ("大熊猫吃什么", "The giant panda eats bamboo.", ["query"]),
        ("what does a panda eat", "大熊猫主要以竹子为食。", ["passages"]),
        ("что ест панда", "панда ест бамбук", ["query", "passages"]),
        ("123?", "🐼🐼 42", []),
    ],
)
def test_an_english_model_warns_of_text_in_another_script(query: str, passage: str, expected: list[str]) -> None:
    engine = Engine(load_scorer=Shelf())
    request = request_of(query, passage, passage + " panda")
    said = [
        warning for warning in run(engine, request, ModelChoice(BUILT_IN_RERANKER)).warnings if "English" in warning
    ]
    assert [word for word in ("query", "passages") if any(f"in the {word}" in line for line in said)] == expected
    assert not any(
        "English" in warning for warning in run(engine, request, ModelChoice("BAAI/bge-reranker-base")).warnings
    )


def test_the_share_counts_letters_only_and_looks_at_every_text() -> None:
    assert foreign_share(["abc 123 !!!", "дом"]) == 0.5
    assert foreign_share([]) == foreign_share(["123"]) == 0.0
    assert foreign_share(["x" * 1_000_000] * 3 + ["字" * 1_000_000]) == 0.25
