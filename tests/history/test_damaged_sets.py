"""Sets in a file that is damaged or may not be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, grades, labelled
from tests.history.processes import run_python


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
    for above in path.parents[:4]:
        above.chmod(above.stat().st_mode | 0o755)
    tmp_path.chmod(0o777)
    path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)

    said = run_python(AS_NOBODY, path).communicate(timeout=60)[0].splitlines()

    refusal = f"The history at {path} is read-only. Allow writing, or choose another --db."
    assert said == [refusal, refusal, refusal, "(1, 1)"]
