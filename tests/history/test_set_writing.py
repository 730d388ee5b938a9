"""A set is written in slices: whole or not at all, whoever is killed, and nobody else waits."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.scales import LOGIT
from playground.core.types import Passage
from playground.history import set_rows
from playground.history.database import HistoryFile
from playground.history.set_rows import Slice
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, KEY, SPEC, grades, imported, labelled, n_rows
from tests.history.processes import is_sound, run_python


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
    path = tmp_path / "history.db"
    store = HistoryStore(path)
    store.labels.put("ann", "q", "before", 1)
    with Database(path) as db:
        db.execute(STAND_STILL)
    process = run_python(SAVE_SET, path)
    deadline = time.monotonic() + 60
    while n_rows(path)["pairs"] < 4_000 and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(signal.SIGKILL)
    assert process.communicate()[0] == ""

    assert 4_000 <= n_rows(path)["pairs"] < 8_000, "half of the import was on the disk"
    assert store.sets.list("ann") == []
    assert grades(store.labels.all("ann")) == {"q": {"before": 1}}
    store.purge(timedelta(0))
    assert n_rows(path) == {"pair_texts": 2, "pairs": 1, "labels": 1}
    assert is_sound(path)
    with Database(path) as db:
        db.execute("DROP TRIGGER stand_still")
    process = run_python(SAVE_SET, path)
    assert process.communicate(timeout=120)[0] == "saved\n"
    assert [row.n_relevant for row in store.sets.list("ann")] == [8_000]


@pytest.fixture
def watched(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows each transaction wrote. After each, another connection writes, and does not wait."""
    n_written: list[int] = []
    writing = HistoryFile.writing
    store.prepare()

    @contextmanager
    def write(file: HistoryFile, *arguments: str | None) -> Iterator[Database]:
        with writing(file, *arguments) as db:
            before = db.conn.total_changes
            yield db
            n_written.append(db.conn.total_changes - before)
        with closing(sqlite3.connect(file.path, timeout=0)) as other, other:
            other.execute("INSERT OR REPLACE INTO label_versions VALUES (?, '')", [f"other {len(n_written)}"])

    monkeypatch.setattr(HistoryFile, "writing", write)
    yield n_written
    monkeypatch.undo()


def many_pairs() -> LabelledSet:
    return labelled({f"query {n}": {f"passage {n} {place}": place % 4 for place in range(50)} for n in range(100)})


# A row of set_pairs, pairs and two of pair_texts for each pair, and one for its query.
MOST_ROWS = 5 * set_rows.MAX_ROWS


def test_a_large_set_is_written_in_transactions_between_which_others_write(
    store: HistoryStore, watched: list[int]
) -> None:
    many = many_pairs()
    scores = SetScores(SPEC, LOGIT, "", tuple((0.5,) * 50 for _ in many.queries))

    id = store.sets.save("ann", many, scores)

    *slices, last = watched
    assert len(slices) >= 10, "five for the pairs, five for their scores"
    assert max(slices) <= MOST_ROWS
    assert last <= many.n_pairs + 10, "at the end the labels and nothing else"
    assert grades(store.sets.get("ann", id)) == grades(many)
    found = store.sets.scores("ann", many, KEY)
    assert found == scores


def test_long_passages_make_small_slices() -> None:
    passages = {str(place) * 60_000: 1 for place in range(9)}

    parts = list(set_rows.slices(labelled({"q": passages, "no passages": {}})))

    assert [len(part.pairs) for part in parts] == [9, 0]
    assert [len(part.queries) for part in parts] == [1, 1]


@pytest.mark.parametrize("act", ["purge", "forget", "import"])
def test_removing_and_importing_a_large_set_lets_others_write_too(
    store: HistoryStore, watched: list[int], act: str, tmp_path: Path
) -> None:
    many = many_pairs()
    other = HistoryStore(tmp_path / "other.db") if act == "import" else store
    id = other.sets.save("ann", many)
    watched.clear()

    if act == "purge":
        store.sets.delete("ann", id)
        store.purge(timedelta(0))
    elif act == "forget":
        store.forget("ann")
    else:
        store.import_("ann", other.export("ann"))

    assert len(watched) > 5
    assert sum(n > MOST_ROWS + set_rows.MAX_ROWS for n in watched) == 0
    assert (n_rows(store.path) == {}) == (act != "import")


def test_nothing_of_a_set_is_seen_before_all_of_it_is_written(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int]] = []
    add = set_rows.add

    def look(db: Database, number: int, part: Slice) -> list[int]:
        other = HistoryStore(store.path)
        seen.append((len(other.sets.list("ann")), other.labels.count("ann"), len(other.sets.scorers("ann", many))))
        return add(db, number, part)

    many = many_pairs()
    monkeypatch.setattr(set_rows, "add", look)
    store.sets.save("ann", many)

    assert len(seen) >= 5
    assert set(seen) == {(0, 0, 0)}


def test_a_set_that_is_forgotten_while_it_is_written_says_so(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = set_rows.slices

    def forget_in_between(many: LabelledSet) -> Iterator[Slice]:
        for place, part in enumerate(slices(many)):
            if place == 2:
                store.forget("ann")
            yield part

    monkeypatch.setattr(set_rows, "slices", forget_in_between)
    with pytest.raises(HistoryError, match=r"The set was removed while it was being stored\. Import it again"):
        store.sets.save("ann", many_pairs())

    assert n_rows(store.path) == {}
