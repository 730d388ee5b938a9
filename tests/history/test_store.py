"""Saving, opening, marking and deleting runs."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.core.errors import HistoryError
from playground.core.scales import LOGIT
from playground.core.types import ModelChoice, ModelSpec, Passage, RerankRequest, RerankResult, ScoredPassage
from playground.engine.manifest import from_manifest
from playground.engine.manifest import manifest as engine_manifest
from playground.history.store import HistoryStore
from tests.history.records import manifest


def n_rows(store: HistoryStore, table: str) -> int:
    connection = sqlite3.connect(store.path)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def test_a_run_comes_back_exactly_as_saved(store: HistoryStore) -> None:
    saved = manifest(logits=[0.1 + 0.2, -1e-308])

    run = store.get(store.save("ann", saved), "ann")

    assert json.dumps(run.manifest) == json.dumps(saved)


def test_a_run_of_the_engine_comes_back_as_the_same_result(store: HistoryStore) -> None:
    passages = (Passage("1", "hi", label=False), Passage("b", "The giant panda is a bear.", meta={"source": "zoo"}))
    spec = ModelSpec(
        "some/model", None, "f00", "reranker", "cross_encoder", "Bert", "cpu", "bf16", 512, "only_second", 7, ("fp16",)
    )
    scored = (
        ScoredPassage(passages[1], 1, 1, False, 5.265625, LOGIT.display(5.265625), 9, 0, 26),
        ScoredPassage(passages[0], 0, 2, False, -8.1875, LOGIT.display(-8.1875), 3, 2, 1, cached=True),
    )
    result = RerankResult(
        RerankRequest("what is panda?", passages), spec, LOGIT, scored, (), 0.1, 12, 1, ("a warning",)
    )
    choice = ModelChoice("some/model", max_length=512)

    run = store.get(store.save("ann", engine_manifest(result, choice)), "ann")

    assert from_manifest(run.manifest) == (result, choice)
    assert (run.query, run.top, run.precision) == ("what is panda?", "The giant panda is a bear.", "bf16")


def test_a_row_says_what_ran(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    (row,) = store.search("ann")

    assert (row.id, row.query, row.n_passages) == (id, "what is panda?", 2)
    assert (row.model_id, row.revision) == ("built-in/mini-reranker", "abc123")
    assert (row.precision, row.device) == ("fp32", "cpu")
    assert row.top == "The giant panda is a bear."
    assert row.created_at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert (row.starred, row.note, row.deleted) == (False, "", False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$text", "$pairs", "a", ""]), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(), max_size=6), text=st.text(st.characters(), max_size=6), rest=JSON)
def test_any_json_comes_back_exactly(store: HistoryStore, query: str, text: str, rest: object) -> None:
    saved = {"rest": rest, "query": query, "passages": [{"text": text}, {"text": query}], "again": [text, "$text"]}

    assert json.dumps(store.get(store.save("ann", saved), "ann").manifest) == json.dumps(saved)


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"query": None, "passages": None, "spec": None, "scored": None},
        {"query": "q", "passages": ["plain"], "scores": [1.0], "created_at": "yesterday"},
        {"query": "q", "passages": [{"id": "1", "text": "t"}], "scored": [{"rank": None}], "created_at": 5},
    ],
)
def test_a_manifest_that_lacks_things_is_kept_all_the_same(store: HistoryStore, saved: dict[str, object]) -> None:
    before = datetime.now(UTC)

    run = store.get(store.save("ann", saved), "ann")

    assert run.manifest == saved
    assert before <= run.created_at <= datetime.now(UTC)


def test_the_best_passage_is_found_under_every_spelling(store: HistoryStore) -> None:
    passages = [{"id": "a", "text": "worse"}, {"id": "b", "text": "better"}]
    spellings: list[dict[str, object]] = [
        {"scores": [0.5, 1.5]},
        {"scored": [{"id": "a", "rank": 2}, {"id": "b", "rank": 1}]},
        {"scored": [{"passage_id": "b", "rank": 1}]},
        {"scored": [{"index": 1, "rank": 1}]},
        {"scored": [{"passage": {"id": "b"}, "rank": 1}]},
        {"scored": [{"text": "better"}]},
    ]

    tops = [store.get(store.save("ann", {"passages": passages, **scores}), "ann").top for scores in spellings]

    assert tops == ["better"] * len(spellings)


def test_what_json_cannot_hold_is_refused_before_anything_is_written(store: HistoryStore) -> None:
    with pytest.raises(TypeError):
        store.save("ann", {"query": "q", "passages": [], "bad": {1, 2}})

    assert store.count("ann").runs == 0


def test_nul_and_lone_surrogates_are_kept_in_a_run_and_replaced_in_a_note(store: HistoryStore) -> None:
    saved = manifest(query="a\x00b", passages=["half \ud83d emoji", "plain"])
    id = store.save("ann", saved)

    store.note(id, "ann", "one\x00two \udc00")

    run = store.get(id, "ann")
    assert run.manifest == saved
    assert run.query == "a\ufffdb"
    assert run.note == "one\ufffdtwo \ufffd"
    assert [row.id for row in store.search("ann", text="emoji\ud83d plain".replace("\ud83d", ""))] == [id]


def test_texts_are_stored_once_across_runs(store: HistoryStore) -> None:
    shared = [f"passage {place}" for place in range(100)]
    store.save("ann", manifest(passages=shared))
    first = n_rows(store, "texts")

    store.save("ann", manifest(passages=[*shared[:99], "edited"]))
    store.save("bob", manifest(passages=shared))

    assert first == 101
    assert n_rows(store, "texts") == 102


def test_ids_are_unguessable_and_distinct(store: HistoryStore) -> None:
    ids = {store.save("ann", manifest()) for _ in range(20)}

    assert len(ids) == 20
    assert {len(id) for id in ids} == {22}


def test_another_owner_sees_nothing(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    assert store.search("bob") == []
    assert store.count("bob").runs == 0
    assert store.models("bob") == []
    with pytest.raises(HistoryError, match="There is no run"):
        store.get(id, "bob")
    for change in (
        lambda: store.star(id, "bob", True),
        lambda: store.note(id, "bob", "mine"),
        lambda: store.delete(id, "bob"),
        lambda: store.restore(id, "bob"),
    ):
        with pytest.raises(HistoryError, match="There is no run"):
            change()
    assert store.get(id, "ann").note == ""
    assert store.get(id, None).id == id


def test_a_link_opens_anybodys_run(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    assert store.open_link(id).query == "what is panda?"
    assert store.open_link(id, "bob").id == id
    with pytest.raises(HistoryError, match="There is no run 'nonsense'"):
        store.open_link("nonsense")


def test_a_link_to_a_deleted_run_opens_for_its_owner_only(store: HistoryStore) -> None:
    id = store.save("ann", manifest())
    store.delete(id, "ann")

    assert store.open_link(id, "ann").deleted
    with pytest.raises(HistoryError, match="There is no run"):
        store.open_link(id, "bob")


def test_a_public_store_opens_ones_own_runs_only(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", public=True)
    id = store.save("ann", manifest())

    assert store.open_link(id, "ann").id == id
    for stranger in ("bob", "", None):
        with pytest.raises(HistoryError, match="There is no run"):
            store.open_link(id, stranger)


@pytest.mark.parametrize("owner", ["", "  "])
def test_no_id_is_nobodys_id(store: HistoryStore, owner: str) -> None:
    with pytest.raises(HistoryError, match="This browser has no id yet"):
        store.save(owner, manifest())
    with pytest.raises(HistoryError, match="This browser has no id yet"):
        store.search(owner)


def test_star_and_note_stay(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    store.star(id, "ann", True)
    store.note(id, "ann", "  first try ")
    assert (store.get(id, "ann").starred, store.get(id, "ann").note) == (True, "first try")

    store.star(id, "ann", False)
    store.note(id, "ann", "")
    assert (store.get(id, "ann").starred, store.get(id, "ann").note) == (False, "")


def test_an_overlong_note_is_refused_with_both_numbers(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    with pytest.raises(HistoryError, match="The note has 10001 characters, more than 10000"):
        store.note(id, "ann", "x" * 10_001)


def test_a_replaced_note_leaves_no_text_behind(store: HistoryStore) -> None:
    id = store.save("ann", manifest())
    before = n_rows(store, "texts")

    store.note(id, "ann", "one")
    store.note(id, "ann", "two")
    assert n_rows(store, "texts") == before + 1
    assert store.search("ann", text="one") == []

    store.note(id, "ann", "hi")
    store.note(id, "ann", "")
    assert n_rows(store, "texts") == before
    assert store.get(id, "ann").manifest == manifest()


def test_a_deleted_run_is_hidden_until_it_is_restored(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    store.delete(id, "ann")
    assert store.search("ann") == []
    assert store.count("ann").runs == 0
    assert store.models("ann") == []
    assert store.get(id, "ann").deleted

    store.restore(id, "ann")
    assert [row.id for row in store.search("ann")] == [id]
    assert not store.get(id, "ann").deleted


def test_purge_removes_deleted_runs_and_the_texts_nobody_else_holds(store: HistoryStore) -> None:
    gone = store.save("ann", manifest(query="only here", passages=["shared", "mine alone"]))
    kept = store.save("bob", manifest(query="other", passages=["shared"]))
    store.note(gone, "ann", "a note")
    store.delete(gone, "ann")

    store.purge()
    assert n_rows(store, "runs") == 2
    store.purge(timedelta(0))

    assert n_rows(store, "runs") == 1
    assert n_rows(store, "texts") == 2
    assert store.get(kept, "bob").manifest == manifest(query="other", passages=["shared"])
    with pytest.raises(HistoryError, match="There is no run"):
        store.restore(gone, "ann")


def test_saving_purges_what_was_deleted_long_ago(store: HistoryStore) -> None:
    old, fresh = store.save("ann", manifest()), store.save("ann", manifest())
    store.delete(old, "ann")
    store.delete(fresh, "ann")
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("UPDATE runs SET deleted_at = '2020-01-01T00:00:00.000000+00:00' WHERE id = ?", [old])
    connection.close()

    store.save("ann", manifest())

    assert n_rows(store, "runs") == 2
    store.restore(fresh, "ann")


def test_models_are_listed_once(store: HistoryStore) -> None:
    for model_id in ("b", "a", "b"):
        store.save("ann", manifest(model_id=model_id))
    store.save("bob", manifest(model_id="c"))

    assert store.models("ann") == ["a", "b"]


def test_a_run_that_holds_infinities_does_not_hide_the_scales_of_others(store: HistoryStore) -> None:
    odd, plain = store.save("ann", manifest()), store.save("ann", manifest() | {"scale": {"name": "logit"}})

    assert store.scales_of("ann", [odd, plain])[plain] == {("f00", "logit", "")}
