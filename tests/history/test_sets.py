"""Labelled sets and their scores: exactly what was saved, all or nothing, one owner's, and gone when purged."""

from __future__ import annotations

import gzip
import math
import os
import signal
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import BM25, FILE, LOGIT, TRAINED_LOGIT
from playground.core.types import Passage
from playground.history import migrations
from playground.history.store import HistoryStore
from tests.history.labelled import NOON, SPEC, TABLES, grades, imported, labelled, n_rows, texts
from tests.history.processes import is_sound, run_python
from tests.history.records import manifest

BEARS = {
    "what is panda?": {"hi": 0, "The giant panda is a bear.": 3, "A red panda is none.": UNSURE, "Unread.": None},
    "什么是熊猫？": {"熊科动物": 1, "hi": 0},
}
KEY = HistoryStore(Path("unused.db")).sets.scorer_key(SPEC, LOGIT, "")


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
    store.labels.put("ann", "what is panda?", "hi", 2, at=NOON)
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
    store.labels.put("ann", "什么是熊猫？", "hi", 3, at=NOON)
    store.labels.put("ann", "what is panda?", "Unread.", UNSURE, at=NOON)
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


def test_purging_a_set_keeps_human_labels_and_removes_what_nobody_else_holds(store: HistoryStore) -> None:
    gone = store.sets.save(
        "ann", labelled({"q": {"alone": 1, "human": 1, "in both": 0, "put by hand": 1, "bob's": 1}, "empty": {}})
    )
    kept = store.sets.save("ann", labelled({"q": {"in both": 0}}))
    store.sets.save("bob", labelled({"q": {"bob's": 2}}))
    store.labels.put("ann", "q", "human", 0, at=NOON)
    store.labels.put_many("ann", [("q", "put by hand", 1)])
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


def test_scores_come_back_in_step_with_any_set_of_their_pairs(store: HistoryStore) -> None:
    logits = [0.1 + 0.2, -1e-300]
    pairs = [("what is panda?", "hi"), ("什么是熊猫？", "hi")]
    store.sets.put_scores("ann", SPEC, LOGIT, "", [(*pair, logit) for pair, logit in zip(pairs, logits, strict=True)])

    found = store.sets.scores("ann", labelled(BEARS), KEY)

    assert found is not None
    assert found.logits == ((logits[0], None, None, None), (None, logits[1]))
    assert (found.spec, found.scale, found.instruction, found.n_scored) == (SPEC, LOGIT, "", 2)
    assert math.isinf(found.scale.high)
    assert found == store.sets.find_scores("ann", labelled(BEARS), SPEC, LOGIT, "")
    assert store.sets.scores("ann", labelled({"other": {"hi": 1}}), KEY) is None
    assert store.sets.scores("ann", labelled({}), KEY) is None
    assert store.sets.scores("ann", labelled(BEARS), "unknown") is None


def test_a_pair_scored_again_has_the_new_score(store: HistoryStore) -> None:
    asked = labelled({"q": {"p": 1}})
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 1.0)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 2.0)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [])

    found = store.sets.scores("ann", asked, KEY)

    assert found is not None
    assert found.logits == ((2.0,),)


def test_scorers_are_listed_by_their_newest_score_of_the_set(store: HistoryStore) -> None:
    asked = labelled({"q": {"a": 1, "b": 0}})
    fp16 = replace(SPEC, precision="fp16", device="cuda")
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "a", 1.0), ("q", "b", 0.0)])
    store.sets.put_scores("ann", fp16, LOGIT, "Find \udc80:", [("q", "a", 1.5)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("elsewhere", "a", 1.0)])
    store.sets.put_scores("bob", SPEC, BM25, "", [("q", "a", 9.0)])

    newest, oldest = store.sets.scorers("ann", asked)

    assert (newest.spec, newest.scale, newest.instruction, newest.n_scored) == (fp16, LOGIT, "Find \udc80:", 1)
    assert newest.key == store.sets.scorer_key(fp16, LOGIT, "Find \udc80:")
    assert (oldest.key, oldest.n_scored) == (KEY, 2)
    assert oldest.scored_at < newest.scored_at
    assert newest.scored_at.utcoffset() == timedelta(0)
    assert [row.scale for row in store.sets.scorers("bob", asked)] == [BM25]
    assert store.sets.scorers("ann", labelled({})) == []


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"fingerprint": "f01"}, False),
        ({"family": "causal_lm"}, False),
        ({"device": "cuda"}, False),
        ({"precision": "bf16"}, False),
        ({"max_length": 256}, False),
        ({"truncation": "longest_first"}, False),
        ({"model_id": "/a/copy", "revision": None, "replaced": ()}, True),
    ],
)
def test_a_scorer_is_its_weights_and_how_they_ran(store: HistoryStore, change: dict[str, object], same: bool) -> None:
    key = store.sets.scorer_key
    assert (key(replace(SPEC, **change), LOGIT, "") == KEY) == same  # type: ignore[arg-type]
    assert (key(SPEC, FILE, "") != KEY, key(SPEC, LOGIT, "an instruction") != KEY) == (True, True)
    assert key(SPEC, TRAINED_LOGIT, "") == KEY, "the same outputs, however they may be read"


@pytest.mark.parametrize("logit", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_refused_with_its_query_and_nothing_is_kept(
    store: HistoryStore, logit: float
) -> None:
    with pytest.raises(HistoryError, match=r"A passage for the query 'what' has the score .*, which cannot be kept"):
        store.sets.put_scores("ann", SPEC, LOGIT, "", [("fine", "p", 1.0), ("what", "p", logit)])

    assert store.sets.scorers("ann", labelled({"fine": {"p": 1}})) == []


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


def test_what_json_cannot_hold_leaves_nothing(store: HistoryStore) -> None:
    spoiled = LabelledSet("", "", (LabelledQuery("1", "q", (Passage("1", "p", meta={"x": {1}}),), (imported(1),)),))

    with pytest.raises(TypeError, match="not JSON serializable"):
        store.sets.save("ann", spoiled)

    assert n_rows(store.path) == {}


def test_a_set_that_fails_at_its_end_leaves_nothing(store: HistoryStore) -> None:
    store.prepare()
    with Database(store.path) as db:
        db.execute(
            "CREATE TRIGGER last_fails BEFORE INSERT ON labels WHEN (SELECT count(*) FROM labels) = 4 "
            "BEGIN SELECT RAISE (ABORT, 'no more'); END"
        )

    with pytest.raises(HistoryError, match="could not be read or written: no more"):
        store.sets.save("ann", labelled(BEARS))

    assert n_rows(store.path) == {}


def test_a_hundred_thousand_pairs_are_saved_scored_and_loaded(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    saved = labelled(
        {f"query {query}": {f"passage {query} {place}": place % 4 for place in range(100)} for query in range(1000)}
    )

    id = store.sets.save("ann", saved)
    store.sets.put_scores(
        "ann",
        SPEC,
        LOGIT,
        "",
        (
            (query.query, passage.text, place / 7)
            for query in saved.queries
            for place, passage in enumerate(query.passages)
        ),
    )

    assert store.sets.get("ann", id) == replace(saved, id=id)
    (row,) = store.sets.list("ann")
    assert (row.n_pairs, row.n_relevant, row.n_not, row.n_unsure) == (100_000, 75_000, 25_000, 0)
    found = store.sets.scores("ann", saved, KEY)
    assert found is not None
    assert found.logits == (tuple(place / 7 for place in range(100)),) * 1000
    assert store.sets.effective("ann", saved) == saved


SCORE_ON = """
    import sys
    from pathlib import Path
    from playground.core.scales import LOGIT
    from playground.history.store import HistoryStore
    from tests.history.labelled import SPEC

    store = HistoryStore(Path(sys.argv[1]))
    for batch in range(int(sys.argv[2])):
        scores = [(f"query {sys.argv[3]}", f"passage {batch} {place} " * 20, batch + place / 32) for place in range(32)]
        store.sets.put_scores("ann", SPEC, LOGIT, "", scores)
        print(batch, flush=True)
"""


def scored_batches(path: Path, query: str, n_batches: int) -> list[bool]:
    """Whether each batch of SCORE_ON is there; a half one fails."""
    store = HistoryStore(path)
    asked = labelled({query: {f"passage {n} {place} " * 20: None for n in range(n_batches) for place in range(32)}})
    found = store.sets.scores("ann", asked, KEY)
    assert found is not None
    (logits,) = found.logits
    batches = [logits[32 * n : 32 * n + 32] for n in range(n_batches)]
    whole = [tuple(n + place / 32 for place in range(32)) for n in range(n_batches)]
    assert all(batch in (wanted, (None,) * 32) for batch, wanted in zip(batches, whole, strict=True))
    return [batch == wanted for batch, wanted in zip(batches, whole, strict=True)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_in_mid_scoring_loses_no_batch_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for turn in range(3):
        process = run_python(SCORE_ON, path, 100_000, turn)
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(1 + 3 * turn)]
        process.send_signal(signal.SIGKILL)
        said += process.communicate()[0].split("\n")[:-1]

        there = scored_batches(path, f"query {turn}", len(said) + 3)

        assert there[: len(said)] == [True] * len(said)
        assert there[len(said) + 1 :] == [False, False], "a kill may leave one batch that was kept but not yet said"
    assert is_sound(path)


def test_two_processes_score_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    processes = [run_python(SCORE_ON, path, 15, turn) for turn in range(2)]

    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0

    for turn in range(2):
        assert scored_batches(path, f"query {turn}", 15) == [True] * 15
    assert n_rows(path)["scorers"] == 1


SAVE_SET = """
    import sys
    from pathlib import Path
    from playground.history.store import HistoryStore
    from tests.history.labelled import labelled

    many = labelled({"q": {f"passage {place} " * 100: 1 for place in range(8_000)}})
    HistoryStore(Path(sys.argv[1])).sets.save("ann", many)
    print("saved", flush=True)
"""
# Three tables crossed: the import stands still in here for as long as the test needs.
STAND_STILL = """
    CREATE TRIGGER stand_still AFTER INSERT ON set_pairs WHEN NEW.place = 5000
    BEGIN SELECT count(*) FROM pairs AS a, pairs AS b, pairs AS c WHERE a.id + b.id + c.id < 0; END
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_in_the_middle_of_an_import_leaves_no_set(tmp_path: Path) -> None:
    path, log = tmp_path / "history.db", tmp_path / "history.db-wal"
    store = HistoryStore(path)
    store.labels.put("ann", "q", "before", 1)
    with Database(path) as db:
        db.execute(STAND_STILL)
    process = run_python(SAVE_SET, path)
    deadline = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size > 1_000_000) and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(signal.SIGKILL)
    assert process.communicate()[0] == ""

    assert log.stat().st_size > 1_000_000, "half of the import was on the disk"
    assert store.sets.list("ann") == []
    assert n_rows(path) == {"pair_texts": 2, "pairs": 1, "labels": 1}
    assert is_sound(path)
    with Database(path) as db:
        db.execute("DROP TRIGGER stand_still")
    process = run_python(SAVE_SET, path)
    assert process.communicate(timeout=120)[0] == "saved\n"
    assert [row.n_relevant for row in store.sets.list("ann")] == [8_000]


def released(tmp_path: Path) -> Path:
    """A history that the version before labels made: two runs of ann's, one of bob's."""
    path = tmp_path / "history.db"
    packed = Path(__file__).with_name("data") / "schema_0002.db.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_a_history_of_the_version_before_keeps_its_runs(tmp_path: Path) -> None:
    path = released(tmp_path)
    store = HistoryStore(path)

    id = store.sets.save("ann", labelled(BEARS))

    assert grades(store.sets.get("ann", id)) == BEARS
    newest, oldest = store.search("ann")
    assert (newest.id, newest.query, newest.note) == ("B7nvZvgH98cEdnpxXYlQGQ", "熊猫吃什么？", "a note")
    assert (oldest.id, oldest.starred) == ("nzYQwl-wffHckZWkGUZUnQ", True)
    assert store.get(oldest.id, "ann").manifest == manifest(created_at="2026-05-01T12:00:00+00:00")
    assert [row.query for row in store.search("bob")] == ["bob's"]
    assert [row.id for row in store.search("ann", text="giant panda")] == [oldest.id]
    assert store.notices == ()
    assert is_sound(path)


def test_an_old_history_and_a_fresh_one_end_with_the_same_tables(tmp_path: Path) -> None:
    def schema(path: Path) -> list[tuple[str, str]]:
        HistoryStore(path).prepare()
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()

    assert schema(released(tmp_path)) == schema(tmp_path / "fresh.db")


def test_a_migration_that_fails_leaves_the_old_history_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = released(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(migrations, "SCHEMA_4", "CREATE TABLE runs (number INTEGER)")
        with pytest.raises(HistoryError, match="could not be read or written: table runs already exists"):
            HistoryStore(path).prepare()

    with closing(sqlite3.connect(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert not tables & set(TABLES)
    assert len(HistoryStore(path).search("ann")) == 2


def test_two_processes_bring_an_old_history_up_to_date_at_once(tmp_path: Path) -> None:
    path = released(tmp_path)
    processes = [run_python(SCORE_ON, path, 2, turn) for turn in range(2)]

    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0

    assert [scored_batches(path, f"query {turn}", 2) for turn in range(2)] == [[True, True]] * 2
    assert len(HistoryStore(path).search("ann")) == 2


def test_a_damaged_file_is_said_and_then_set_aside(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    store.sets.save("ann", labelled({"q": {"a passage " * 50 + str(place): 1 for place in range(200)}}))
    sound = store.path.read_bytes()
    store.path.write_bytes(sound[:4096] + bytes([0xA5]) * (len(sound) - 4096))

    with pytest.raises(HistoryError, match=r"is damaged\. Try again: it will be mended or set aside"):
        store.labels.all("ann")

    assert store.sets.list("ann") == []
    assert len(store.notices) == 1
    store.sets.save("ann", labelled(BEARS))


@pytest.mark.parametrize("damage", ["set_pairs SET meta = '{'", "labels SET grade = 9", "labels SET at = 'noon'"])
def test_a_damaged_set_says_so_and_the_others_are_there(store: HistoryStore, damage: str) -> None:
    kept = store.sets.save("ann", labelled({"q": {"unlabelled": None}}))
    damaged = store.sets.save("ann", labelled({"q": {"p": 1}}))
    with Database(store.path) as db:
        db.execute(f"UPDATE {damage}" + (" WHERE set_number = 2" if "meta" in damage else ""))

    with pytest.raises(HistoryError, match=r"The labelled set '.*' is damaged and cannot be shown\."):
        store.sets.get("ann", damaged)

    assert grades(store.sets.get("ann", kept)) == {"q": {"unlabelled": None}}


AS_NOBODY = """
    import os, sys
    from pathlib import Path
    from playground.core.errors import HistoryError
    from playground.core.scales import LOGIT
    from playground.history.store import HistoryStore
    from tests.history.labelled import SPEC, labelled

    store, asked = HistoryStore(Path(sys.argv[1])), labelled({"q": {"p": 1}})
    if not os.geteuid():
        os.setuid(65534)
    for use in (
        lambda: store.labels.put("ann", "q", "p", 0),
        lambda: store.sets.save("ann", asked),
        lambda: store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 0.5)]),
        lambda: (len(store.sets.list("ann")), store.labels.count("ann")),
    ):
        try:
            print(use())
        except HistoryError as error:
            print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_read_only_file_can_be_read_and_says_why_nothing_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    HistoryStore(path).sets.save("ann", labelled({"q": {"p": 1}}))
    for above in path.parents[:3]:
        above.chmod(above.stat().st_mode | 0o755)
    tmp_path.chmod(0o777)
    path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)

    said = run_python(AS_NOBODY, path).communicate(timeout=60)[0].splitlines()

    refusal = f"The history at {path} is read-only. Allow writing, or choose another --db."
    assert said == [refusal, refusal, refusal, "(1, 1)"]
