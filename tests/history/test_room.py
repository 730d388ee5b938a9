"""What one visitor of a public page may keep: checked at every write, said when reached, and nobody else's matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from playground.core.errors import HistoryError
from playground.core.labels import LabelledSet
from playground.core.scales import LOGIT
from playground.history.store import HistoryStore
from tests.history.labelled import SPEC, labelled, n_rows
from tests.history.records import manifest
from tests.history.test_thresholds import THRESHOLD

MB = 1_000_000
FULL = (
    "You keep 1 MB here, the most that this page holds for one visitor, so this was not kept. In History, delete what "
    "you do not need, or export it and forget everything."
)


@pytest.fixture
def small(tmp_path: Path) -> HistoryStore:
    """A page that keeps one megabyte for each visitor; ann has used nearly all of it."""
    store = HistoryStore(tmp_path / "history.db", public=True, most_bytes=MB)
    store.save("ann", manifest(passages=["x" * 990_000]))
    return store


def big_set() -> LabelledSet:
    return labelled({"q": {f"{place}" * 100: 1 for place in range(1_000, 1_040)}})


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.save("ann", manifest(passages=["y" * 20_000])),
        lambda store: store.note(store.search("ann")[0].id, "ann", "n" * 10_000),
        lambda store: store.labels.put("ann", "q", "p" * 20_000, 1),
        lambda store: store.sets.save("ann", big_set()),
        lambda store: store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "s" * 20_000, 0.5)]),
        lambda store: [store.thresholds.save("ann", THRESHOLD) for _ in range(20)],
    ],
)
def test_every_write_that_passes_the_limit_is_refused_with_the_way_out(
    small: HistoryStore, write: Callable[[HistoryStore], object]
) -> None:
    with pytest.raises(HistoryError) as refused:
        write(small)

    assert str(refused.value) == FULL
    assert small.n_bytes("ann") <= MB
    assert n_rows(small.path) == {}, "no labels, sets or scores, also no half ones"
    small.save("bob", manifest(passages=["y" * 20_000]))


def test_an_import_that_passes_the_limit_takes_nothing_in(small: HistoryStore, tmp_path: Path) -> None:
    other = HistoryStore(tmp_path / "other.db")
    other.sets.save("carol", big_set())
    other.save("carol", manifest())

    with pytest.raises(HistoryError, match="so this was not kept"):
        small.import_("ann", other.export("carol"))

    assert small.count("ann").runs == 1
    assert n_rows(small.path) == {}


def test_there_is_room_again_after_deleting_or_forgetting(small: HistoryStore) -> None:
    wanted = manifest(passages=["y" * 20_000])
    old = small.search("ann")[0].id
    small.delete(old, "ann")
    id = small.save("ann", wanted)
    with pytest.raises(HistoryError, match="There is no run"):
        small.restore(old, "ann")  # where room is needed, the bin is emptied

    small.forget("ann")

    assert small.n_bytes("ann") == 0
    assert small.save("ann", wanted) != id


def test_deleting_works_over_the_limit_too(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = HistoryStore(path)
    id = before.save("ann", manifest(passages=["x" * 2 * MB]))
    before.labels.put("ann", "q", "p", 1)
    full = HistoryStore(path, most_bytes=MB)

    full.star(id, "ann", True)
    full.labels.put("ann", "q", "p", None)
    full.note(id, "ann", "")
    full.delete(id, "ann")

    full.labels.put("ann", "q", "p", 1)
    assert full.count("ann").labels == 1


def test_bytes_are_those_of_the_texts_each_counted_once(store: HistoryStore) -> None:
    assert store.n_bytes("ann") == 0
    store.labels.put("ann", "问" * 1_000, "p" * 1_000, 1)
    one = store.n_bytes("ann")
    assert 4_000 <= one <= 5_000
    store.sets.save("ann", labelled({"问" * 1_000: {"p" * 1_000: 1}}))
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("问" * 1_000, "p" * 1_000, 0.5)])
    assert one < store.n_bytes("ann") < one + 1_000
    store.save("ann", manifest(passages=["r" * 5_000]))
    assert store.n_bytes("ann") > one + 5_000
    assert store.n_bytes("bob") == 0


def test_on_ones_own_machine_there_is_no_limit(store: HistoryStore) -> None:
    assert store.most_bytes is None
    store.save("ann", manifest(passages=["x" * 3 * MB]))
