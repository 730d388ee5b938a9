"""A set is written in slices: whole or not at all, whoever is killed, and nobody else waits."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import Passage
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
    assert grades(store.labels.all("ann")) == {"q": {"before": 1}}
    store.purge(timedelta(0))
    assert n_rows(path) == {"pair_texts": 2, "pairs": 1, "labels": 1}
    assert is_sound(path)
    with Database(path) as db:
        db.execute("DROP TRIGGER stand_still")
    process = run_python(SAVE_SET, path)
    assert process.communicate(timeout=120)[0] == "saved\n"
    assert [row.n_relevant for row in store.sets.list("ann")] == [8_000]
