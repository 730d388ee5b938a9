"""The ready examples: their shape, and that every label can be seen from its words."""

from __future__ import annotations

import json
import unicodedata

import pytest

from playground.core.labels import GRADES
from playground.core.limits import PUBLIC
from playground.inputs.labelled_sets import KINDS, losses, write
from playground.inputs.labelled_sets.writing import check
from playground.inputs.ready_sets import NAMES, load, path

each = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize(
    ("name", "title", "n_pairs", "n_relevant"),
    [("example", "Example: 20 questions", 160, 46), ("traps", "Example: 20 word traps", 183, 38)],
)
def test_there_are_twenty_queries_with_eight_to_twelve_passages(
    name: str, title: str, n_pairs: int, n_relevant: int
) -> None:
    labelled = load(name)
    counts = labelled.counts()
    assert (labelled.id, labelled.name, len(labelled.queries)) == (name, title, 20)
    assert all(8 <= len(query.passages) <= 12 for query in labelled.queries)
    assert (labelled.n_pairs, counts[1] + counts[2] + counts[3]) == (n_pairs, n_relevant)


@each
def test_every_passage_is_graded_and_at_most_three_of_a_query_are_relevant(name: str) -> None:
    labels = [label for query in load(name).queries for label in query.labels]
    assert {label.grade for label in labels if label} == set(GRADES)
    assert len(labels) == sum(label is not None and label.judged for label in labels)
    assert all(sum(bool(grade) for grade in query.grades()) <= 3 for query in load(name).queries)


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("example", ["museum-monday", "coffee-machine-decalcify", "marathon-date", "refund-gift-card"]),
        ("traps", ["lost-property-number", "lamp-voltage", "tram-seven", "gym-mural"]),
    ],
)
def test_some_queries_have_no_good_answer(name: str, without: list[str]) -> None:
    assert [query.id for query in load(name).queries if not any(query.grades())] == without


@each
def test_the_best_passage_is_not_always_the_first(name: str) -> None:
    first = [query.grades()[0] for query in load(name).queries if any(query.grades())]
    assert sum(bool(grade) for grade in first) < len(first) * 2 / 3


@each
def test_texts_and_ids_stand_there_once_and_nothing_contradicts(name: str) -> None:
    passages = [passage for query in load(name).queries for passage in query.passages]
    assert len({passage.text for passage in passages}) == len({passage.id for passage in passages}) == len(passages)
    assert all(
        passage.label is bool(label.grade)
        for query in load(name).queries
        for passage, label in zip(query.passages, query.labels, strict=True)
        if label
    )
    check(load(name))


@each
def test_texts_are_plain_sentences_of_moderate_length(name: str) -> None:
    texts = [passage.text for query in load(name).queries for passage in query.passages]
    assert all(15 <= len(text) <= 300 and text == text.strip() and "\n" not in text for text in texts)
    assert all(text[-1] in ".?!`" for text in texts)
    assert all(unicodedata.is_normalized("NFC", text) for text in texts)


@each
def test_it_says_how_it_came_about_and_what_its_grades_mean(name: str) -> None:
    content = json.loads(path(name).read_text(encoding="utf-8"))
    assert "without looking at the scores of any model" in content["about"]
    assert [int(grade) for grade in content["grades"]] == list(GRADES)


@each
def test_it_fits_a_public_space_and_can_be_written_in_every_format(name: str) -> None:
    assert load(name).n_pairs <= PUBLIC.pairs
    assert all(any(write(load(name), kind).values()) for kind in KINDS)
    assert [losses(load(name), kind) for kind in ("csv", "trec")] == [(), ()]
