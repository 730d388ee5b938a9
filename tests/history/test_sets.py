"""Labelled sets: exactly what was saved, one owner's, with the labels of now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from playground.core.errors import HistoryError
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import Passage
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, KEY, NOON, SPEC, grades, imported, labelled


def test_a_set_comes_back_exactly_as_saved(store: HistoryStore) -> None:
    saved = LabelledSet(
        "file",
        "my \u0001 set",
        (
            LabelledQuery(
                "q\x00",
                "",
                (
                    Passage("b", "text", label=True, meta={"row": 1, "$text": ["kept", None], "x": float("inf")}),
                    Passage("a\ud800", "other", label=False),
                ),
                (imported(3), Label(UNSURE, "imported", NOON + timedelta(microseconds=1))),
            ),
            LabelledQuery("no passages", "text", (), ()),
            LabelledQuery("again", "", (Passage("b", "third"),), (None,)),
        ),
    )

    id = store.sets.save("ann", saved)

    found = store.sets.get("ann", id)
    assert found == replace(saved, id=id)
    assert found.queries[0].passages[0].meta == {"row": 1, "$text": ["kept", None], "x": float("inf")}
    assert found.queries[0].passages[0].label is True


def test_the_list_counts_the_labels_of_now(store: HistoryStore) -> None:
    first = store.sets.save("ann", labelled(BEARS, "first"))
    second = store.sets.save("ann", labelled({"q": {"p": None}}, "second"))
    store.labels.put("ann", "what is panda?", "Unread.", 2)

    newest, oldest = store.sets.list("ann")

    assert (newest.id, newest.name, newest.n_pairs) == (second, "second", 1)
    assert (newest.n_relevant, newest.n_not, newest.n_unsure) == (0, 0, 0)
    assert (oldest.id, oldest.name, oldest.n_queries, oldest.n_pairs) == (first, "first", 2, 6)
    assert (oldest.n_relevant, oldest.n_not, oldest.n_unsure) == (3, 2, 1)
    assert oldest.created_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - oldest.created_at) < timedelta(minutes=5)


def test_labels_of_a_set_enter_as_imported_unless_a_persons_stands(store: HistoryStore) -> None:
    store.labels.restore("ann", "what is panda?", "hi", Label(2, "human", NOON))
    spoken = labelled(BEARS)
    spoken = replace(
        spoken, queries=(replace(spoken.queries[0], labels=(Label(0, "human", NOON),) * 4), spoken.queries[1])
    )

    id = store.sets.save("ann", spoken)

    assert store.sets.get("ann", id).queries[0].labels == (Label(2, "human", NOON), *[imported(0)] * 3)


def test_a_label_given_anywhere_is_in_every_set_that_has_the_pair(store: HistoryStore) -> None:
    ids = [store.sets.save("ann", labelled({"q": {"p": 0, "other": 1}})) for _ in range(2)]

    store.labels.put("ann", "q", "p", 3)
    assert [grades(store.sets.get("ann", id)) for id in ids] == [{"q": {"p": 3, "other": 1}}] * 2

    store.labels.put("ann", "q", "p", None)
    assert [grades(store.sets.get("ann", id)) for id in ids] == [{"q": {"p": None, "other": 1}}] * 2


def test_effective_lays_the_owners_labels_over_the_sets_own(store: HistoryStore) -> None:
    example = replace(labelled(BEARS), id="example")
    assert store.sets.effective("ann", example) is example
    store.labels.restore("ann", "什么是熊猫？", "hi", Label(3, "human", NOON))
    store.labels.restore("ann", "what is panda?", "Unread.", Label(UNSURE, "human", NOON))
    store.labels.put("bob", "what is panda?", "hi", 3)

    found = store.sets.effective("ann", example)

    assert grades(found) == {
        "what is panda?": BEARS["what is panda?"] | {"Unread.": UNSURE},
        "什么是熊猫？": {"熊科动物": 1, "hi": 3},
    }
    assert found.id == "example"
    assert found.queries[1].labels == (imported(1), Label(3, "human", NOON))
    assert store.sets.list("ann") == []


def test_a_set_is_renamed(store: HistoryStore) -> None:
    id = store.sets.save("ann", labelled(BEARS, "x" * 300))
    assert store.sets.get("ann", id).name == "x" * 200

    store.sets.rename("ann", id, "  pandas\x00 ")
    assert [row.name for row in store.sets.list("ann")] == ["pandas\ufffd"]

    with pytest.raises(HistoryError, match=r"A set needs a name\. Type one"):
        store.sets.rename("ann", id, " ")
    with pytest.raises(HistoryError, match="The name has 201 characters, more than 200"):
        store.sets.rename("ann", id, "x" * 201)
    assert store.sets.get("ann", id).name == "pandas\ufffd"


def test_a_deleted_set_is_hidden_until_it_is_restored(store: HistoryStore) -> None:
    id = store.sets.save("ann", labelled(BEARS))

    store.sets.delete("ann", id)
    assert store.sets.list("ann") == []
    assert grades(store.sets.get("ann", id)) == BEARS

    store.sets.restore("ann", id)
    assert [row.id for row in store.sets.list("ann")] == [id]


def test_another_owner_sees_and_changes_nothing(store: HistoryStore) -> None:
    id = store.sets.save("ann", labelled(BEARS))
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("what is panda?", "hi", 0.5)])
    uses: list[Callable[[str], object]] = [
        lambda owner: store.sets.get(owner, id),
        lambda owner: store.sets.rename(owner, id, "mine"),
        lambda owner: store.sets.delete(owner, id),
        lambda owner: store.sets.restore(owner, id),
    ]
    for use in uses:
        with pytest.raises(HistoryError, match="It may be deleted, or belong to another browser"):
            use("bob")

    unlabelled = labelled({query: dict.fromkeys(passages) for query, passages in BEARS.items()})
    assert store.sets.list("bob") == []
    assert store.sets.effective("bob", unlabelled) is unlabelled
    assert store.sets.scores("bob", unlabelled, KEY) is None
    assert store.sets.scorers("bob", unlabelled) == []
    assert grades(store.sets.get("ann", id)) == BEARS


def test_no_id_has_no_sets(store: HistoryStore) -> None:
    asked = labelled(BEARS)
    for use in (
        lambda: store.sets.save(" ", asked),
        lambda: store.sets.list(""),
        lambda: store.sets.get("", "id"),
        lambda: store.sets.delete("", "id"),
        lambda: store.sets.effective("", asked),
        lambda: store.sets.put_scores("", SPEC, LOGIT, "", []),
        lambda: store.sets.scores("", asked, KEY),
        lambda: store.sets.scorers("", asked),
    ):
        with pytest.raises(HistoryError, match="This browser has no id yet"):
            use()
