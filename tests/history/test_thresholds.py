"""Saved thresholds: exactly what was saved, newest first, each owner's own."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.scales import COSINE, LOGIT
from playground.core.thresholds import Threshold
from playground.history.store import HistoryStore
from tests.history.labelled import NOON, SPEC
from tests.history.processes import is_sound

THRESHOLD = Threshold(
    id="",
    name="客服 👍",
    saved_at=NOON,
    value=0.1 + 0.2,
    scale=LOGIT,
    spec=SPEC,
    instruction="Find \ud800 answers:",
    method="f-beta",
    parameter=0.5,
    set_name="a set",
    n_queries=20,
    n_pairs=160,
    n_relevant=24,
    interval=(-1.5, 1 / 3),
    precision=0.9,
    recall=None,
)
BY_HAND = replace(THRESHOLD, scale=COSINE, method="by-hand", parameter=None, interval=None, name="by hand")


@pytest.mark.parametrize("threshold", [THRESHOLD, BY_HAND])
def test_a_threshold_comes_back_exactly_under_its_id(store: HistoryStore, threshold: Threshold) -> None:
    id = store.thresholds.save("ann", threshold)

    found = store.thresholds.get("ann", id)

    assert found == replace(threshold, id=id)
    assert found.saved_at.utcoffset() == timedelta(0)
    assert store.thresholds.list("ann") == [found]
    assert math.isinf(found.scale.high) == (threshold is THRESHOLD)


def test_thresholds_are_listed_newest_first(store: HistoryStore) -> None:
    for name, hours in (("middle", 2), ("oldest", 1), ("newest", 3), ("newest, saved later", 3)):
        store.thresholds.save("ann", replace(THRESHOLD, name=name, saved_at=NOON + timedelta(hours=hours)))

    names = [threshold.name for threshold in store.thresholds.list("ann")]
    assert names == ["newest, saved later", "newest", "middle", "oldest"]


def test_a_name_finds_thresholds_of_anybody_on_this_machine(store: HistoryStore) -> None:
    for owner, hours in (("ann", 1), ("bob", 2)):
        store.thresholds.save(owner, replace(THRESHOLD, name="careful", saved_at=NOON + timedelta(hours=hours)))
    gone = store.thresholds.save("ann", replace(THRESHOLD, name="careful", saved_at=NOON + timedelta(hours=3)))
    store.thresholds.delete("ann", gone)
    store.thresholds.save("ann", replace(THRESHOLD, name="careless"))

    found = store.thresholds.named("careful")

    assert [threshold.saved_at for threshold in found] == [NOON + timedelta(hours=hours) for hours in (2, 1)]
    assert store.thresholds.named("nobody's") == ()


def test_a_saved_copy_is_another_threshold(store: HistoryStore) -> None:
    first = store.thresholds.save("ann", THRESHOLD)
    second = store.thresholds.save("ann", store.thresholds.get("ann", first))

    assert first != second
    assert {threshold.id for threshold in store.thresholds.list("ann")} == {first, second}


def test_a_deleted_threshold_is_hidden_until_it_is_restored(store: HistoryStore) -> None:
    id = store.thresholds.save("ann", THRESHOLD)

    store.thresholds.delete("ann", id)
    assert store.thresholds.list("ann") == []
    assert store.thresholds.get("ann", id).id == id

    store.thresholds.restore("ann", id)
    assert [threshold.id for threshold in store.thresholds.list("ann")] == [id]


def test_purge_removes_deleted_thresholds_only(store: HistoryStore) -> None:
    gone, kept = store.thresholds.save("ann", THRESHOLD), store.thresholds.save("ann", BY_HAND)
    store.thresholds.delete("ann", gone)

    store.purge()
    store.thresholds.get("ann", gone)
    store.purge(timedelta(0))

    with pytest.raises(HistoryError, match="There is no threshold"):
        store.thresholds.restore("ann", gone)
    assert [threshold.id for threshold in store.thresholds.list("ann")] == [kept]


@pytest.mark.parametrize("body", ["{", "{}", "[]", '{"saved_at": "noon"}'])
def test_a_damaged_threshold_says_so_and_the_others_are_listed(store: HistoryStore, body: str) -> None:
    damaged, kept = store.thresholds.save("ann", THRESHOLD), store.thresholds.save("ann", BY_HAND)
    with Database(store.path) as db:
        db.execute("UPDATE thresholds SET body = ? WHERE id = ?", [body, damaged])

    with pytest.raises(HistoryError, match=rf"The threshold '{damaged}' is damaged and cannot be used\."):
        store.thresholds.get("ann", damaged)

    assert [threshold.id for threshold in store.thresholds.list("ann")] == [kept]
    store.thresholds.delete("ann", damaged)


def test_another_owner_sees_and_changes_nothing(store: HistoryStore) -> None:
    id = store.thresholds.save("ann", THRESHOLD)

    assert store.thresholds.list("bob") == []
    for use in (store.thresholds.get, store.thresholds.delete, store.thresholds.restore):
        with pytest.raises(HistoryError, match="It may be deleted, or belong to another browser"):
            use("bob", id)
        with pytest.raises(HistoryError, match="This browser has no id yet"):
            use("", id)
    assert [threshold.id for threshold in store.thresholds.list("ann")] == [id]
    assert is_sound(store.path)
