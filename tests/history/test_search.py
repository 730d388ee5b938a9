"""Finding runs again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.history import migrations
from playground.history.store import HistoryStore
from tests.history.records import manifest


def found(store: HistoryStore, text: str) -> list[str]:
    return [row.query for row in store.search("ann", text=text)]


@pytest.fixture(params=["trigrams", "without trigrams"])
def both(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HistoryStore:
    """A store with the text index, and one as an old SQLite without trigrams makes it."""
    if request.param == "without trigrams":
        monkeypatch.setattr(migrations, "has_trigrams", lambda db: False)
    store = HistoryStore(tmp_path / "history.db")
    store.prepare()
    with Database(store.path) as db:
        assert db.table("texts_fts").exists() == (request.param == "trigrams")
    return store


def test_query_passages_and_note_are_searched(both: HistoryStore) -> None:
    both.save("ann", manifest(query="first", passages=["the Giant panda"]))
    id = both.save("ann", manifest(query="second", passages=["nothing here"]))
    both.note(id, "ann", "Compare with pandas")

    assert found(both, "first") == ["first"]
    assert found(both, "giant") == ["first"]
    assert found(both, "anda") == ["second", "first"]
    assert found(both, "compare") == ["second"]
    assert found(both, "panda giant first") == ["first"]
    assert found(both, "giant compare") == []
    assert found(both, "  ") == ["second", "first"]


def test_chinese_is_found_from_one_character_on(both: HistoryStore) -> None:
    both.save("ann", manifest(query="什么是大熊猫？", passages=["大熊猫是一种熊科动物，主要生活在中国四川。"]))
    both.save("ann", manifest(query="天气", passages=["今天下雨。"]))

    for needle in ("熊", "熊猫", "大熊猫", "熊科动物", "中国四川", "熊猫 四川"):
        assert found(both, needle) == ["什么是大熊猫？"], needle
    assert found(both, "老虎") == []


@pytest.mark.parametrize(
    "text",
    ['"', '""', "*", "pan*", "NEAR", "NEAR(a b)", "a OR b", "text:panda", "-panda", "^", "(", "100%", "a_b", "\\", "'"],
)
def test_nothing_a_user_types_is_syntax(both: HistoryStore, text: str) -> None:
    both.save("ann", manifest(query=f"before{text}after", passages=["panda axb 100 NEA"]))
    both.save("ann", manifest(query="plain", passages=["the panda axb and 100"]))

    assert found(both, text) == [f"before{text}after"]


def test_a_whole_passage_pasted_into_the_search_box_is_found(both: HistoryStore) -> None:
    passage = " ".join(f"word{place}" for place in range(2000))
    both.save("ann", manifest(query="long", passages=[passage]))
    both.save("ann", manifest(query="glued", passages=["x" * 60_000]))

    assert found(both, passage) == ["long"]
    assert found(both, "x" * 60_000) == ["glued"]


def test_filters_meet(store: HistoryStore) -> None:
    ids = [store.save("ann", manifest(query=f"panda {model_id}", model_id=model_id)) for model_id in ("a", "a", "b")]
    store.star(ids[0], "ann", True)
    store.star(ids[2], "ann", True)

    assert [row.id for row in store.search("ann", model_id="a")] == [ids[1], ids[0]]
    assert [row.id for row in store.search("ann", starred=True)] == [ids[2], ids[0]]
    assert [row.id for row in store.search("ann", text="panda", model_id="a", starred=True)] == [ids[0]]


def test_newest_comes_first_and_equal_moments_in_order_of_saving(store: HistoryStore) -> None:
    for query, moment in [
        ("old", "2026-01-01T10:00:00+00:00"),
        ("newest", "2026-01-01T10:00:00-05:00"),
        ("middle", "2026-01-01T12:00:00"),
        ("middle, later", "2026-01-01T12:00:00+00:00"),
    ]:
        store.save("ann", manifest(query=query, created_at=moment))

    assert found(store, "") == ["newest", "middle, later", "middle", "old"]
