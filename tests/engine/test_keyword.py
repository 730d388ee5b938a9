"""BM25 through the engine's stream, against a worked example."""

import math
from dataclasses import replace

import pytest

from playground.core.types import ModelChoice
from playground.engine.engine import Engine
from playground.engine.warnings import INSTRUCTION_LEFT_OUT
from playground.models import bm25
from tests.engine.doubles import request_of, run, steps

BM25 = ModelChoice("bm25")


def test_scores_are_those_of_the_formula_worked_by_hand() -> None:
    result = run(Engine(), request_of("red panda", "red panda", "red car fast", "blue sky sea wind"), BM25)
    # N = 3, mean length 3; red is in two passages, panda in one.
    red, panda = math.log(1 + 1.5 / 2.5), math.log(1 + 2.5 / 1.5)
    first = (red + panda) * 1 / (1 + 1.5 * (0.25 + 0.75 * 2 / 3))
    second = red * 1 / (1 + 1.5 * (0.25 + 0.75 * 3 / 3))
    assert [passage.index for passage in result] == [0, 1, 2]
    assert [passage.logit for passage in result] == pytest.approx([first, second, 0.0], rel=1e-6)
    assert result.spec.architecture == "BM25 (Lucene, k1=1.5, b=0.75)"
    assert (result.scale.name, result.spec.family, result.spec.max_length) == ("bm25", "bm25", 0)
    assert [passage.score for passage in result] == [passage.logit for passage in result]


def test_a_word_that_occurs_twice_in_the_passage_counts_more_and_twice_in_the_query_double() -> None:
    once, twice = bm25.scores(["red"], [["red", "x"], ["red", "red"]])
    assert twice > once > 0
    assert bm25.scores(["red", "red"], [["red", "x"], ["red", "red"]]) == pytest.approx([2 * once, 2 * twice])


def test_words_are_lower_case_without_stop_words_and_chinese_characters_stand_alone() -> None:
    assert bm25.words("The Panda's 2 cubs: it_is BGE-m3, of course!") == [
        *("panda", "s", "2", "cubs", "bge", "m3", "course")
    ]
    assert bm25.words("大熊猫 eats 竹子。") == ["大", "熊", "猫", "eats", "竹", "子"]


def test_scores_depend_on_the_other_passages_so_none_comes_from_a_cache() -> None:
    engine = Engine()
    alone = run(engine, request_of("red panda", "red panda", "blue"), BM25)
    beside = run(engine, request_of("red panda", "red panda", "blue", "a red sky"), BM25)
    assert (alone.n_cached, beside.n_cached) == (0, 0)
    assert alone.scored[0].logit != beside.scored[0].logit


def test_copies_tie_and_no_shared_word_scores_zero_for_all() -> None:
    tied = run(Engine(), request_of("red", "blue", "red fox", "red fox"), BM25)
    assert [(passage.index, passage.rank, passage.tied) for passage in tied] == [
        (1, 1, True),
        (2, 1, True),
        (0, 3, False),
    ]
    nothing = run(Engine(), request_of("red", "blue", "🐼"), BM25)
    assert [passage.logit for passage in nothing] == [0.0, 0.0]
    assert nothing.warnings == ("All 2 scores are equal, so the order says nothing.",)
    assert [passage.logit for passage in run(Engine(), request_of("🐼", "🐼"), BM25)] == [0.0]


def test_it_needs_no_model_and_leaves_out_an_instruction_aloud() -> None:
    engine = Engine(offline=True)
    engine.preload(BM25)
    request = request_of("red", "red", "blue")
    said = steps(engine, request, BM25)
    assert [step.phase for step in said] == ["encode", "score", "done"]
    assert engine.loaded() == ()
    result = run(engine, replace(request, instruction="find"), BM25)
    assert result.warnings == (INSTRUCTION_LEFT_OUT,)
    assert result.instruction == ""
