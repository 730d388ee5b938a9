"""The bin, its end after seven days, and everything of one owner at once."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import Label
from playground.core.scales import LOGIT
from playground.history import set_rows
from playground.history.rows import Kept
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, KEY, NOON, SPEC, grades, labelled, n_rows, texts
from tests.history.processes import is_sound
from tests.history.records import manifest
from tests.history.test_thresholds import THRESHOLD


def test_purging_a_set_keeps_human_labels_and_removes_what_nobody_else_holds(store: HistoryStore) -> None:
    gone = store.sets.save(
        "ann", labelled({"q": {"alone": 1, "human": 1, "in both": 0, "put by hand": 1, "bob's": 1}, "empty": {}})
    )
    kept = store.sets.save("ann", labelled({"q": {"in both": 0}}))
    store.sets.save("bob", labelled({"q": {"bob's": 2}}))
    store.labels.restore("ann", "q", "human", Label(0, "human", NOON))
    with Database(store.path) as db:
        pair = "SELECT pairs.id FROM pairs JOIN pair_texts ON pair_texts.id = passage_id WHERE text = 'put by hand'"
        db.execute(f"UPDATE labels SET kept = 1 WHERE owner = 'ann' AND pair = ({pair})")
    everything = store.sets.get("ann", gone)
    for owner in ("ann", "bob"):
        scores = [("q", passage.text, 0.5) for passage in everything.queries[0].passages]
        store.sets.put_scores(owner, SPEC, LOGIT, "", scores if owner == "ann" else [("q", "bob's", 0.5)])
    store.sets.delete("ann", gone)

    store.purge()
    assert grades(store.sets.get("ann", gone))["q"]["alone"] == 1
    before = store.labels.version("ann")
    store.purge(timedelta(0))

    with pytest.raises(HistoryError, match="There is no labelled set"):
        store.sets.restore("ann", gone)
    assert grades(store.labels.all("ann")) == {"q": {"human": 0, "in both": 0, "put by hand": 1}}
    assert store.labels.find("ann", "q", ["human"]) == [Label(0, "human", NOON)]
    assert texts(store.path) == {"q", "human", "in both", "put by hand", "bob's"}
    found = store.sets.scores("ann", everything, KEY)
    assert found is not None
    assert found.logits == ((None, 0.5, 0.5, 0.5, None), ())
    assert grades(store.sets.get("ann", kept)) == {"q": {"in both": 0}}
    assert grades(store.labels.all("bob")) == {"q": {"bob's": 2}}
    assert store.sets.scores("bob", everything, KEY) is not None
    assert store.labels.version("ann") != before
    assert is_sound(store.path)


def test_a_purged_last_set_leaves_no_row(store: HistoryStore) -> None:
    for _ in range(2):
        id = store.sets.save("ann", labelled(BEARS))
        store.sets.put_scores("ann", SPEC, LOGIT, "secret", [("what is panda?", "hi", 0.5)])
        store.sets.delete("ann", id)

    store.purge(timedelta(0))

    assert n_rows(store.path) == {}


def test_an_imported_label_brought_back_by_undo_goes_with_its_set(store: HistoryStore) -> None:
    id = store.sets.save("ann", labelled({"q": {"a": 1, "b": 1}}))
    for text, grade in (("a", 0), ("b", None)):
        before = store.labels.put("ann", "q", text, grade)
        store.labels.restore("ann", "q", text, before)
    store.sets.delete("ann", id)

    store.purge(timedelta(0))

    assert n_rows(store.path) == {}


def test_saving_purges_what_was_deleted_long_ago(store: HistoryStore) -> None:
    for save in (lambda: store.sets.save("ann", labelled(BEARS)), lambda: store.save("ann", manifest())):
        old, fresh = (store.sets.save("ann", labelled({name: {"p": 1}})) for name in ("old", "fresh"))
        store.sets.delete("ann", old)
        store.sets.delete("ann", fresh)
        with closing(sqlite3.connect(store.path)) as connection, connection:
            sql = "UPDATE sets SET deleted_at = '2020-01-01T00:00:00.000000+00:00' WHERE id = ?"
            connection.execute(sql, [old])

        save()

        with pytest.raises(HistoryError, match="There is no labelled set"):
            store.sets.get("ann", old)
        store.sets.restore("ann", fresh)


def everything_of(store: HistoryStore, owner: str) -> list[str]:
    """One of each; returns the ids of run, set and threshold."""
    store.labels.put(owner, "alone", "labelled", 1)
    store.sets.put_scores(owner, SPEC, LOGIT, "", [("alone", "scored", 0.5), ("what is panda?", "hi", 1.0)])
    return [
        store.save(owner, manifest(passages=["shared", f"of {owner}"])),
        store.sets.save(owner, labelled(BEARS)),
        store.thresholds.save(owner, THRESHOLD),
    ]


def test_forgetting_removes_everything_for_good_and_says_how_much(store: HistoryStore) -> None:
    run_id, set_id, threshold_id = everything_of(store, "ann")
    store.note(run_id, "ann", "a note")
    store.delete(store.save("ann", manifest(query="in the bin")), "ann")
    store.sets.delete("ann", store.sets.save("ann", labelled({"bin": {"bin": 1}})))

    assert store.forget("ann") == Kept(runs=1, labels=7, sets=1, scores=2, thresholds=1)

    assert store.count("ann") == Kept(0, 0, 0, 0, 0)
    assert n_rows(store.path) == {}
    with Database(store.path) as db:
        assert [db.table(name).count for name in ("runs", "run_texts", "texts", "thresholds", "label_versions")] == [
            0
        ] * 5
    for undo in (
        lambda: store.restore(run_id, "ann"),
        lambda: store.sets.restore("ann", set_id),
        lambda: store.thresholds.restore("ann", threshold_id),
    ):
        with pytest.raises(HistoryError, match="There is no"):
            undo()
    assert is_sound(store.path)
    assert store.forget("ann") == Kept(0, 0, 0, 0, 0)


def test_forgetting_leaves_what_is_anothers_also_where_it_was_shared(store: HistoryStore) -> None:
    everything_of(store, "ann")
    run_id, set_id, threshold_id = everything_of(store, "bob")
    before = store.export("bob")

    store.forget("ann")

    assert lines_after_header(store.export("bob")) == lines_after_header(before)
    assert store.get(run_id, "bob").manifest == manifest(passages=["shared", "of bob"])
    assert grades(store.sets.get("bob", set_id)) == BEARS
    assert store.thresholds.get("bob", threshold_id).name == THRESHOLD.name
    assert "labelled" in texts(store.path)
    assert is_sound(store.path)


def lines_after_header(exported: bytes) -> list[bytes]:
    return gzip.decompress(exported).splitlines()[1:]


@pytest.mark.parametrize("owner", ["", " "])
def test_nobody_without_an_id_forgets_anything(store: HistoryStore, owner: str) -> None:
    everything_of(store, "ann")
    with pytest.raises(HistoryError, match="This browser has no id yet"):
        store.forget(owner)
    assert store.count("ann").runs == 1


def test_much_is_forgotten_in_many_short_transactions(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_rows, "MAX_ROWS", 10)
    many = labelled({f"query {n}": {f"passage {n} {place}": 1 for place in range(12)} for n in range(5)})
    store.sets.save("ann", many)
    pairs = [(query.query, passage.text, 0.5) for query in many.queries for passage in query.passages]
    store.sets.put_scores("ann", SPEC, LOGIT, "", [*pairs, *(("other", str(n), 0.5) for n in range(25))])

    assert store.forget("ann").scores == 85

    assert n_rows(store.path) == {}
