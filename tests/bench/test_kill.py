"""kill -9 and SIGTERM of the page while visitors' runs are being kept."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.bench import kill
from playground.bench.load import Asked
from playground.bench.load import Page as Asking
from playground.bench.served import Nursery
from playground.core.errors import InvalidInput
from playground.history.store import HistoryStore

posix = pytest.mark.skipif(os.name != "posix", reason="signals of this kind need POSIX")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@posix
@pytest.mark.slow
def test_three_kills_lose_no_finished_run_and_damage_nothing(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill, "Nursery", lambda: nullcontext(nursery))
    said: list[str] = []
    row = kill.run(3, 7, said.append)
    assert (row.n_kills, row.n_lost, row.n_damaged) == (3, 0, 0)
    assert row.n_runs >= 3
    assert said[-1].startswith("kill 3 of 3: ")


def test_a_run_that_is_not_there_counts_as_lost(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    store.prepare()
    assert not kill._is_kept(store, "no-such-run", "the-visitor-01")
    with pytest.raises(InvalidInput, match="at least one"):
        kill.run(0, 0, print)


@posix
def test_an_asked_for_end_in_the_middle_of_runs_keeps_what_was_finished(tmp_path: Path, nursery: Nursery) -> None:
    """As a Space that falls asleep or restarts: SIGTERM, and the same folder opened again."""
    kept: dict[str, str] = {}
    first = threading.Event()
    url, pid = nursery.page(tmp_path)
    asking = Asking.at(url)

    def visit(visitor: int) -> None:
        for turn in range(10_000):
            asked = Asked(visitor, f"visitor{visitor} {turn}", (f"a{turn}", f"b{turn}"))
            answer = asking.answer(asked)
            if answer.error:
                return
            kept[answer.run_id] = asking.owner(asked)
            first.set()

    visits = [threading.Thread(target=visit, args=(visitor,), daemon=True) for visitor in (1, 2)]
    for each in visits:
        each.start()
    assert first.wait(120)
    os.kill(pid, signal.SIGTERM)
    assert nursery.buried(pid) == 0
    for each in visits:
        each.join(60)

    assert "Traceback" not in (tmp_path / "log").read_text()
    assert Database(tmp_path / "history.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store = HistoryStore(tmp_path / "history.db")
    assert all(store.get(id, owner).n_passages == 2 for id, owner in kept.items())
    assert store.notices == ()
