"""Before and after a training: figures, verdict, the queries that changed most, and the threshold to save."""

from __future__ import annotations

import pytest

from playground.analysis.before_after import MOST_CHANGES, before_after, suggested
from playground.core.labels import SetScores
from tests.analysis.sets import scores_of, set_of

SECOND = 0.6309297535714575  # NDCG of one relevant passage in the second place: 1 / log2(3)


def of(places: list[int]) -> SetScores:
    """Of three passages, the first of which is relevant, that one in this place."""
    return scores_of(*([{1: 3.0, 2: 1.5, 3: 0.5}[place], 2.0, 1.0] for place in places))


def test_a_gain_on_most_queries_is_better_and_a_loss_worse() -> None:
    labelled = set_of(*([[1, 0, 0]] * 20))
    before, after = of([2] * 18 + [1, 1]), of([1] * 18 + [2, 1])
    found = before_after(labelled, before, after)
    assert (found.verdict, found.n_queries, found.wins, found.losses) == ("better", 20, 18, 1)
    assert found.before == pytest.approx((18 * SECOND + 2) / 20)
    assert found.after == pytest.approx((19 + SECOND) / 20)
    assert found.difference == pytest.approx(found.after - found.before)
    assert 0 < found.low < found.difference < found.high
    assert before_after(labelled, after, before).verdict == "worse"


def test_a_gain_that_chance_can_make_is_not_called_better() -> None:
    labelled = set_of(*([[1, 0, 0]] * 20))
    found = before_after(labelled, of([1, 2] * 10), of([2, 1] * 9 + [1, 1]))
    assert found.difference == pytest.approx((1 - SECOND) / 20)
    assert found.difference > 0 > found.low
    assert (found.verdict, found.wins, found.losses) == ("unclear", 10, 9)


def test_fewer_than_ten_queries_are_too_few_to_say() -> None:
    assert before_after(set_of(*([[1, 0, 0]] * 9)), of([3] * 9), of([1] * 9)).verdict == "too-few"


def test_the_queries_that_changed_most_come_first_with_what_was_and_is_first() -> None:
    labelled = set_of(*([[1, 0, 0]] * 20))
    found = before_after(labelled, of([1, 2, 3, *[1] * 17]), of([2, 1, 1, *[1] * 17]))
    assert [change.query for change in found.changes] == [labelled.queries[place].query for place in (2, 0, 1)]
    assert [(change.before, change.after) for change in found.changes] == [
        (pytest.approx(0.5), 1.0),
        (1.0, pytest.approx(SECOND)),
        (pytest.approx(SECOND), 1.0),
    ]
    passages = [passage.text for passage in labelled.queries[2].passages]
    assert (found.changes[0].first_before, found.changes[0].first_after) == (passages[1], passages[0])
    all_changed = before_after(labelled, of([3] * 20), of([1] * 20))
    assert len(all_changed.changes) == MOST_CHANGES < 20


def test_the_threshold_to_save_is_the_one_that_is_shown() -> None:
    labelled, after = set_of(*([[1, 0, 0]] * 20)), of([1] * 15 + [3] * 5)
    shown, saved = before_after(labelled, of([2] * 20), after), suggested(labelled, after, "Mine")
    assert saved is not None
    assert saved.value == shown.threshold
    # Over 2 are 15 of 20 relevant passages, and nothing else.
    assert (saved.precision, saved.recall) == (1.0, 0.75)
    assert shown.f1 == pytest.approx(2 * 0.75 / 1.75)
    assert (saved.name, saved.method, saved.parameter) == ("Mine", "f-beta", 1.0)
    assert (saved.n_queries, saved.n_pairs, saved.n_relevant) == (20, 60, 20)
    assert saved.spec.fingerprint == shown.fingerprint
    one_class = set_of(*([[1, 1, 1]] * 20))
    assert before_after(one_class, after, after).threshold is suggested(one_class, after, "Mine") is None
