"""Rows out of gathered text."""

import random

from playground.training.gather import Gathered, Pair
from playground.training.pools import Pool, asked_of_pairs, dev_rows, held_out, made, passages_of, rows_of, split_pairs
from playground.training.prose import Section

WORDS = (
    "river",
    "stone",
    "window",
    "garden",
    "music",
    "winter",
    "letter",
    "engine",
    "market",
    "bridge",
    "island",
    "candle",
)


def text(number: int) -> str:
    first, second = WORDS[number % 12], WORDS[(number * 5 + 1) % 12]
    return f"The {first} of number {number} is near the {second}. It was there before the {first} was built by hand."


SECTIONS = [Section(f"source {i % 3}", WORDS[i % 12], text(i)) for i in range(40)]
PAIRS = [Pair("site", "answer", f"Where is the {WORDS[i % 12]} {i}?", text(100 + i)) for i in range(30)] + [
    Pair("site", "description", f"I look for the {WORDS[i % 12]} {i}. Where is it?", text(100 + i)) for i in range(30)
]
GATHERED = Gathered(SECTIONS, PAIRS, ["Who built the bridge?", "When is winter?"])


def pool() -> Pool:
    return Pool(passages_of(GATHERED, [], random.Random(0)))


def test_a_row_has_its_own_passage_first_and_never_twice() -> None:
    rows = list(rows_of(asked_of_pairs(PAIRS, random.Random(0)), pool(), random.Random(0)))
    assert len(rows) == 60
    for row, pair in zip(rows, PAIRS, strict=True):
        assert row.pos == (pair.text,)
        assert len(set(row.neg)) == len(row.neg) >= 2
        assert pair.text not in row.neg


def test_queries_of_one_answer_fall_on_one_side() -> None:
    train, dev = split_pairs(PAIRS, 0.3)
    kept = {pair.text for pair in train}
    assert dev.keys() == {"consumer", "long"}
    assert {pair.text for pair in dev["consumer"]} == {pair.text for pair in dev["long"]}
    assert kept.isdisjoint(pair.text for pair in dev["consumer"])
    assert 3 <= len(dev["consumer"]) <= 15
    assert not held_out("anything", 0.0)


def test_dev_rows_have_twenty_candidates_at_most_and_the_answer_once() -> None:
    _, dev = split_pairs(PAIRS, 0.3)
    for row in dev_rows(asked_of_pairs(dev["consumer"], random.Random(0)), pool(), random.Random(0), 4):
        assert 10 <= len(row.neg) <= 20
        assert row.pos[0] not in row.neg


def test_a_quarter_of_the_made_queries_are_real_questions_without_a_passage() -> None:
    asked = made(GATHERED, GATHERED.questions, 40, random.Random(0))
    assert [one.query in GATHERED.questions for one in asked] == [number % 4 == 0 for number in range(40)]
    assert all(one.own for number, one in enumerate(asked) if number % 4)
