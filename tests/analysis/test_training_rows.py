"""Labelled sets as rows to train on: the split, what is mined, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from playground.analysis.training_rows import key_of, rows_of
from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.types import Passage

AT = datetime(2026, 1, 1, tzinfo=UTC)


def made(*queries: tuple[str, dict[str, int]]) -> LabelledSet:
    return LabelledSet(
        "s",
        "Set",
        tuple(
            LabelledQuery(
                f"q{number}",
                query,
                tuple(Passage(str(place), text) for place, text in enumerate(grades)),
                tuple(Label(grade, "human", AT) for grade in grades.values()),
            )
            for number, (query, grades) in enumerate(queries)
        ),
    )


def usual(n: int = 60) -> LabelledSet:
    return made(*((f"colour of thing {i}", {f"thing {i} is red": 1, f"thing {i} is heavy": 0}) for i in range(n)))


def test_the_split_is_by_query_and_the_same_for_the_same_seed() -> None:
    one, same, other = (rows_of(usual(), 0.3, seed, "set") for seed in (1, 1, 2))

    assert (len(one.train), len(one.dev), one.warnings) == (42, 18, ())
    assert one == same != other
    assert not {row.query for row in one.train} & {row.query for row in one.dev}


def test_queries_that_say_the_same_are_one_and_it_is_said() -> None:
    labelled = usual()
    twice = made(("COLOUR  of thing 3?", {"thing 3 is green": 1}))
    together = LabelledSet("s", "Set", (*labelled.queries, LabelledQuery("x", *_parts(twice))))

    found = rows_of(together, 0.5, 0, "set")

    rows = [row for row in (*found.train, *found.dev) if key_of(row.query) == "colour of thing 3"]
    assert [row.pos for row in rows] == [("thing 3 is red", "thing 3 is green")]
    assert found.warnings[0].startswith("1 queries say the same as another one")


def _parts(labelled: LabelledSet) -> tuple[str, tuple[Passage, ...], tuple[Label | None, ...]]:
    return labelled.queries[0].query, labelled.queries[0].passages, labelled.queries[0].labels


def test_only_positives_get_negatives_of_other_queries_and_it_is_said() -> None:
    labelled = made(*((f"colour of thing {i}", {f"thing {i} is red": 1}) for i in range(60)))

    found = rows_of(labelled, 0.5, 0, "set")

    assert len(found.train) == 30
    trained_on = {row.query.removeprefix("colour of ") for row in found.train}
    for row in found.train:
        assert row.neg == ()
        assert len(row.mined) == 8
        # Nothing of the dev side, and never its own.
        assert {text.removesuffix(" is red") for text in row.mined} <= trained_on
        assert not set(row.mined) & set(row.pos)
    assert found.warnings[0].startswith("60 queries have no passage marked not relevant.")


def test_mined_negatives_come_beside_labelled_ones_best_first() -> None:
    labelled = made(
        *((f"colour of thing {i}", {f"thing {i} is red": 1, f"thing {i} is heavy": 0}) for i in range(59)),
        ("colour of thing", {"all things have a colour": 2, "the colour of a thing is seen": 0}),
    )
    found = rows_of(labelled, 0.2, 0, "mined")
    row = next(row for row in (*found.train, *found.dev) if row.query == "colour of thing 7")
    assert row.neg == ("thing 7 is heavy",)
    assert row.mined
    assert not {"thing 7 is red", "thing 7 is heavy"} & set(row.mined)


def test_few_queries_and_queries_without_a_relevant_passage_are_said() -> None:
    labelled = usual(12)
    bare = made(("nothing fits", {"no": 0, "perhaps": UNSURE}))
    together = LabelledSet("s", "Set", (*labelled.queries, LabelledQuery("x", *_parts(bare))))
    said = rows_of(together, 0.3, 0, "set").warnings
    assert said[0].startswith("12 queries are few: under about 50")
    assert said[1].startswith("1 queries without a relevant passage are left out")


@pytest.mark.parametrize(
    ("labelled", "sentence"),
    [
        (made(*((f"q {i}", {f"a {i}": 0}) for i in range(20))), "No passage of this set is marked relevant"),
        (made(*((f"q {i}", {"the answer": 1}) for i in range(20))), "No passage of this set is marked not relevant"),
        (usual(9), "9 queries have a relevant passage, and a training needs 10"),
        (LabelledSet("s", "Set", ()), "No passage of this set is marked relevant"),
        (made(("a", {"x": 1}), ("A?", {"x": 0})), "'x' is both relevant and not relevant to 'A\\?'"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_are_one_sentence(labelled: LabelledSet, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        rows_of(labelled, 0.3, 0, "set")


def test_the_grade_that_counts_as_relevant_is_the_one_chosen() -> None:
    labelled = made(*((f"q {i}", {f"best {i}": 3, f"fair {i}": 1, f"bad {i}": 0}) for i in range(20)))
    row = rows_of(labelled, 0.5, 0, "set", relevant_from=2).train[0]
    assert [text.split()[0] for text in (*row.pos, *row.neg)] == ["best", "fair", "bad"]
