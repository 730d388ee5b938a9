"""Labels, labelled sets, scores and thresholds move with the runs: all of it or nothing, and nothing twice."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import Passage
from playground.history.rows import Kept
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, KEY, NOON, SPEC, grades, imported, labelled, n_rows
from tests.history.processes import is_sound
from tests.history.records import manifest
from tests.history.test_thresholds import BY_HAND, THRESHOLD

ODD = LabelledSet(
    "",
    "odd texts",
    (
        LabelledQuery(
            "q\x00",
            "half \ud83d",
            (Passage("a\udc80", "a\x00b", True, {"row": 1, "x": float("inf")}), Passage("b", "熊猫", False)),
            (imported(3), None),
        ),
        LabelledQuery("no passages", "text", (), ()),
    ),
)
ALL = Kept(runs=1, labels=8, sets=2, scores=2, thresholds=2)


@pytest.fixture
def full(store: HistoryStore) -> HistoryStore:
    """What ann has: one of each, and a few things of bob's."""
    store.save("ann", manifest(query="what is panda?"))
    store.sets.save("ann", labelled(BEARS, "bears"))
    store.sets.save("ann", ODD)
    store.labels.restore("ann", "alone", "in no set", Label(UNSURE, "human", NOON))
    store.labels.restore("ann", "what is panda?", "Unread.", Label(2, "human", NOON))
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("what is panda?", "hi", 1 / 3), ("half \ud83d", "a\x00b", -1.5)])
    for threshold in (THRESHOLD, BY_HAND):
        store.thresholds.save("ann", threshold)
    store.sets.save("bob", labelled({"bob's": {"own": 1}}))
    store.thresholds.save("bob", THRESHOLD)
    return store


@pytest.fixture
def elsewhere(tmp_path: Path) -> HistoryStore:
    return HistoryStore(tmp_path / "elsewhere" / "history.db")


def lines_of(exported: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress(exported).splitlines()]


def packed(lines: list[dict[str, object]]) -> bytes:
    return "\n".join(map(json.dumps, lines)).encode()


def test_everything_arrives_exactly_as_it_was(full: HistoryStore, elsewhere: HistoryStore) -> None:
    assert elsewhere.import_("carol", full.export("ann")) == ALL == full.count("ann") == elsewhere.count("carol")

    before, after = full.sets.list("ann"), elsewhere.sets.list("carol")
    assert after == before, "ids, names, times and counts"
    for row in before:
        assert elsewhere.sets.get("carol", row.id) == full.sets.get("ann", row.id)
        found = full.sets.get("ann", row.id)
        assert elsewhere.sets.scores("carol", found, KEY) == full.sets.scores("ann", found, KEY) is not None
    assert elsewhere.labels.find("carol", "alone", ["in no set"]) == [Label(UNSURE, "human", NOON)]
    assert grades(elsewhere.labels.all("carol")) == grades(full.labels.all("ann"))
    assert elsewhere.thresholds.list("carol") == full.thresholds.list("ann")
    assert is_sound(elsewhere.path)


def test_importing_again_adds_nothing(full: HistoryStore, elsewhere: HistoryStore) -> None:
    exported = full.export("ann")
    elsewhere.import_("carol", exported)
    with closing(sqlite3.connect(elsewhere.path)) as connection:
        once = list(connection.iterdump())

    for _ in range(2):
        assert elsewhere.import_("carol", exported) == Kept(0, 0, 0, 0, 0)
    assert full.import_("ann", exported) == Kept(0, 0, 0, 0, 0)
    assert elsewhere.import_("carol", elsewhere.export("carol")) == Kept(0, 0, 0, 0, 0)

    with closing(sqlite3.connect(elsewhere.path)) as connection:
        again = list(connection.iterdump())
    changing = ("label_versions", "sqlite_sequence")
    assert [line for line in again if not any(name in line for name in changing)] == [
        line for line in once if not any(name in line for name in changing)
    ]
    assert elsewhere.count("carol") == ALL


def test_a_threshold_of_a_model_elsewhere_moves_with_what_is_not_known_of_it(
    store: HistoryStore, elsewhere: HistoryStore
) -> None:
    about = {"family": "cohere", "revision": None, "device": "remote", "precision": "unknown"}
    spec = replace(THRESHOLD.spec, **about, max_length=0, n_parameters=0)
    store.thresholds.save("ann", replace(THRESHOLD, spec=spec))

    assert elsewhere.import_("carol", store.export("ann")).thresholds == 1

    (kept,) = elsewhere.thresholds.list("carol")
    assert kept == replace(THRESHOLD, id=kept.id, spec=spec)
    assert elsewhere.import_("carol", store.export("ann")).thresholds == 0


def test_a_threshold_that_differs_in_its_id_only_is_not_added(store: HistoryStore, elsewhere: HistoryStore) -> None:
    store.thresholds.save("ann", THRESHOLD)
    elsewhere.thresholds.save("carol", THRESHOLD)
    elsewhere.thresholds.save("carol", replace(THRESHOLD, value=0.5))

    assert elsewhere.import_("carol", store.export("ann")).thresholds == 0
    assert len(elsewhere.thresholds.list("carol")) == 2


def test_the_copy_of_another_visitor_has_ids_of_its_own(full: HistoryStore) -> None:
    assert full.import_("carol", full.export("ann")) == ALL

    ids = {row.id for row in full.sets.list("carol")} | {each.id for each in full.thresholds.list("carol")}
    assert len(ids) == 4
    assert not ids & ({row.id for row in full.sets.list("ann")} | {each.id for each in full.thresholds.list("ann")})
    assert full.import_("carol", full.export("ann")) == Kept(0, 0, 0, 0, 0)
    full.forget("carol")
    assert full.count("ann") == ALL


def test_what_lies_in_the_bin_comes_back_and_is_not_exported(full: HistoryStore) -> None:
    exported = full.export("ann")
    for row in full.sets.list("ann"):
        full.sets.delete("ann", row.id)
    for threshold in full.thresholds.list("ann"):
        full.thresholds.delete("ann", threshold.id)

    assert HistoryStore(full.path.with_name("other.db")).import_("carol", full.export("ann")) == replace(
        ALL, sets=0, thresholds=0
    )
    assert full.import_("ann", exported) == Kept(runs=0, labels=0, sets=2, scores=0, thresholds=2)
    assert full.count("ann") == ALL


def test_of_two_labels_a_persons_stands_and_then_the_newer(store: HistoryStore, elsewhere: HistoryStore) -> None:
    hour = timedelta(hours=1)
    said = {
        "only here": (Label(1, "human", NOON), None, Label(1, "human", NOON)),
        "person over file": (Label(1, "human", NOON), imported(0), Label(1, "human", NOON)),
        "file under person": (imported(1), Label(0, "human", NOON - hour), Label(0, "human", NOON - hour)),
        "newer here": (Label(1, "human", NOON + hour), Label(0, "human", NOON), Label(1, "human", NOON + hour)),
        "older here": (imported(1), Label(0, "imported", NOON + hour), Label(0, "imported", NOON + hour)),
    }
    for text, (mine, theirs, _) in said.items():
        store.labels.restore("ann", "q", text, mine)
        elsewhere.labels.restore("carol", "q", text, theirs)

    assert elsewhere.import_("carol", store.export("ann")).labels == 3
    assert elsewhere.labels.find("carol", "q", list(said)) == [stands for _, _, stands in said.values()]


def test_an_imported_label_of_no_set_stays_when_a_set_goes(store: HistoryStore, elsewhere: HistoryStore) -> None:
    store.labels.restore("ann", "q", "alone", imported(1))
    store.sets.save("ann", labelled({"q": {"in a set": 1}}))
    elsewhere.import_("carol", store.export("ann"))

    (row,) = elsewhere.sets.list("carol")
    elsewhere.sets.delete("carol", row.id)
    elsewhere.purge(timedelta(0))

    assert grades(elsewhere.labels.all("carol")) == {"q": {"alone": 1}}
    assert n_rows(elsewhere.path) == {"pair_texts": 2, "pairs": 1, "labels": 1}


def test_the_newer_score_of_a_pair_stands(store: HistoryStore, elsewhere: HistoryStore) -> None:
    asked = labelled({"q": {"p": 1, "other": 1}})
    elsewhere.sets.put_scores("carol", SPEC, LOGIT, "", [("q", "p", 1.0)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 2.0), ("q", "other", 3.0)])
    exported = store.export("ann")
    elsewhere.sets.put_scores("carol", SPEC, LOGIT, "", [("q", "other", 4.0)])

    assert elsewhere.import_("carol", exported).scores == 1

    found = elsewhere.sets.scores("carol", asked, KEY)
    assert found is not None
    assert found.logits == ((2.0, 4.0),)


def test_an_export_of_the_format_before_is_still_read(full: HistoryStore, elsewhere: HistoryStore) -> None:
    header, *lines = lines_of(full.export("ann"))
    old = [line for line in lines if line.keys() <= {"text", "run"}]
    header = {name: value for name, value in header.items() if name != "n_lines"} | {"version": 1}

    assert elsewhere.import_("carol", packed([header, *old])) == Kept(1, 0, 0, 0, 0)


def without(kind: str) -> Callable[[list[dict[str, object]]], list[dict[str, object]]]:
    return lambda lines: [line for line in lines if kind not in line]


def changed(kind: str, value: object) -> Callable[[list[dict[str, object]]], list[dict[str, object]]]:
    """Every line of a kind with another value; a mapping is laid over what stands there."""

    def change(line: dict[str, object]) -> dict[str, object]:
        before = line.get(kind)
        return line if before is None else {kind: before | value if isinstance(before, dict) else value}  # type: ignore[operator]

    return lambda lines: [change(line) for line in lines]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("label"), r"The file holds \d+ of \d+ lines\. Nothing was imported"),
        (without("text"), r"Line \d+ of the file is damaged"),
        (without("set"), r"Line \d+ of the file is damaged \(list index out of range\)"),
        (without("scorer"), r"Line \d+ of the file is damaged \(list index out of range\)"),
        (changed("label", [0, 10**6, 1, "human", NOON.isoformat()]), "list index out of range"),
        (changed("label", [0, -1, 1, "human", NOON.isoformat()]), "a text without a number"),
        (changed("label", [0, 1, 7, "human", NOON.isoformat()]), "A label is a grade from 0 to 3"),
        (changed("label", [0, 1, 1, "nobody", NOON.isoformat()]), "a label with fields of the wrong kind"),
        (changed("label", [0, 1, 1, "human", "2026-05-01"]), "a time without a zone"),
        (changed("label", [0, 1]), "is damaged"),
        (changed("label", None), "is damaged"),
        (changed("score", [0, 1, float("nan"), 5]), "a score with fields of the wrong kind"),
        (changed("score", [0, 1, 0.5, "noon"]), "a score with fields of the wrong kind"),
        (changed("scorer", {"spec": {}}), "is damaged"),
        (changed("scorer", {"instruction": None}), "a text that is none"),
        (changed("set", {"name": 5}), "a text that is none"),
        (changed("query", {"id": "same"}), "two queries of one set with the same id"),
        (changed("query", {"passages": [["1", 0, "yes", None]]}), "a label with fields of the wrong kind"),
        (changed("threshold", {"value": float("inf")}), "a threshold with fields of the wrong kind"),
        (changed("threshold", {"scale": 3}), "is damaged"),
        (lambda lines: [*lines, {"unheard of": 1}], "nor anything else that is known"),
    ],
)
def test_a_broken_file_changes_nothing_and_says_where(
    full: HistoryStore,
    elsewhere: HistoryStore,
    spoil: Callable[[list[dict[str, object]]], list[dict[str, object]]],
    message: str,
) -> None:
    with pytest.raises(HistoryError, match=message):
        elsewhere.import_("carol", packed(spoil(lines_of(full.export("ann")))))

    assert elsewhere.count("carol") == Kept(0, 0, 0, 0, 0)
    assert n_rows(elsewhere.path) == {}


@pytest.mark.parametrize("table", ["set_pairs", "labels", "scores", "thresholds", "runs"])
def test_an_import_that_fails_while_writing_leaves_nothing(
    full: HistoryStore, elsewhere: HistoryStore, table: str
) -> None:
    elsewhere.prepare()
    with Database(elsewhere.path) as db:
        last = f"(SELECT count(*) FROM {table}) = {0 if table == 'runs' else 1}"
        db.execute(
            f"CREATE TRIGGER last_fails BEFORE INSERT ON {table} WHEN {last} BEGIN SELECT RAISE (ABORT, 'no more'); END"
        )

    with pytest.raises(HistoryError, match="could not be read or written: no more"):
        elsewhere.import_("carol", full.export("ann"))

    assert elsewhere.count("carol") == Kept(0, 0, 0, 0, 0)
    assert n_rows(elsewhere.path) == {}


def test_an_export_of_one_visitor_holds_nothing_of_another(full: HistoryStore) -> None:
    assert b"bob's" in gzip.decompress(full.export("bob"))
    assert b"bob's" not in gzip.decompress(full.export("ann"))
    assert b"panda" not in gzip.decompress(full.export("bob"))
