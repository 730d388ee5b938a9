"""The ready example: its shape, and that every label can be seen from its words."""

from __future__ import annotations

import json
import unicodedata

from playground.core.labels import GRADES
from playground.engine.example_set import PATH, load
from playground.engine.label_files import KINDS, losses, write
from playground.engine.label_files.writing import check
from playground.engine.limits import PUBLIC

CONTENT = json.loads(PATH.read_text(encoding="utf-8"))


def test_it_has_twenty_queries_with_eight_to_twelve_passages() -> None:
    labelled = load()
    assert (labelled.id, labelled.name, len(labelled.queries)) == ("example", "Example: 20 questions", 20)
    assert all(8 <= len(query.passages) <= 12 for query in labelled.queries)
    assert labelled.n_pairs == 183


def test_every_passage_is_graded_and_at_most_three_of_a_query_are_relevant() -> None:
    labels = [label for query in load().queries for label in query.labels]
    assert {label.grade for label in labels if label} == set(GRADES)
    assert len(labels) == sum(label is not None and label.judged for label in labels)
    assert all(sum(bool(grade) for grade in query.grades()) <= 3 for query in load().queries)


def test_some_queries_have_no_good_answer() -> None:
    assert [query.id for query in load().queries if not any(query.grades())] == [
        "lost-property-number",
        "lamp-voltage",
        "tram-seven",
        "gym-mural",
    ]


def test_the_best_passage_is_not_always_the_first() -> None:
    first = [query.grades()[0] for query in load().queries if any(query.grades())]
    assert sum(bool(grade) for grade in first) < len(first) / 2


def test_texts_and_ids_stand_there_once_and_nothing_contradicts() -> None:
    passages = [passage for query in load().queries for passage in query.passages]
    assert len({passage.text for passage in passages}) == len({passage.id for passage in passages}) == len(passages)
    assert all(
        passage.label is bool(label.grade)
        for query in load().queries
        for passage, label in zip(query.passages, query.labels, strict=True)
        if label
    )
    check(load())


def test_texts_are_plain_sentences_of_moderate_length() -> None:
    texts = [passage.text for query in load().queries for passage in query.passages]
    assert all(40 <= len(text) <= 300 and text == text.strip() and "\n" not in text for text in texts)
    assert all(text[-1] in ".?!`" for text in texts)
    assert all(unicodedata.is_normalized("NFC", text) for text in texts)


def test_it_says_how_it_came_about_and_what_its_grades_mean() -> None:
    assert "without looking at the scores of any model" in CONTENT["about"]
    assert [int(grade) for grade in CONTENT["grades"]] == list(GRADES)


def test_it_fits_a_public_space_and_can_be_written_in_every_format() -> None:
    assert load().n_pairs <= PUBLIC.pairs
    assert all(any(write(load(), kind).values()) for kind in KINDS)
    assert [losses(load(), kind) for kind in ("csv", "trec")] == [(), ()]
