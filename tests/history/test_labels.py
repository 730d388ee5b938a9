"""Labels: found by exact texts, a person's above a file's, undone exactly, and nobody else's."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import Passage
from playground.history.store import HistoryStore
from tests.history.labelled import NOON, SPEC, grades, imported, labelled, n_rows, texts
from tests.history.processes import is_sound, rest_of, run_python


def test_a_label_is_found_under_its_query_and_passage_only(store: HistoryStore) -> None:
    store.labels.restore("ann", "panda?", "a bear", Label(2, "human", NOON))

    assert store.labels.find("ann", "panda?", ["hi", "a bear", "a bear "]) == [None, Label(2, "human", NOON), None]
    assert store.labels.find("ann", "Panda?", ["a bear"]) == [None]
    assert store.labels.find("ann", "a bear", ["panda?"]) == [None]
    assert store.labels.find("ann", "panda?", []) == []
    assert store.labels.count("ann") == 1


def test_a_label_without_a_time_is_of_now(store: HistoryStore) -> None:
    before = datetime.now(UTC)
    store.labels.put("ann", "q", "p", UNSURE)

    (label,) = store.labels.find("ann", "q", ["p"])

    assert label is not None
    assert (label.grade, label.source) == (UNSURE, "human")
    assert before <= label.at <= datetime.now(UTC)


def test_a_time_elsewhere_on_earth_comes_back_as_utc(store: HistoryStore) -> None:
    store.labels.put("ann", "q", "p", 1, at=datetime(2026, 5, 1, 20, 0, tzinfo=timezone(timedelta(hours=8))))

    (label,) = store.labels.find("ann", "q", ["p"])

    assert label is not None
    assert label.at == NOON
    assert label.at.utcoffset() == timedelta(0)


def test_put_gives_the_label_before_and_restore_brings_it_back_with_time_and_source(store: HistoryStore) -> None:
    store.labels.restore("ann", "q", "p", imported(3))
    (old,) = store.labels.find("ann", "q", ["p"])

    before = store.labels.put("ann", "q", "p", 0)
    assert before == old
    assert old is not None
    assert old.source == "imported"

    assert store.labels.restore("ann", "q", "p", before) != old
    assert store.labels.find("ann", "q", ["p"]) == [old]


def test_none_removes_a_label_with_its_texts_and_undo_brings_both_back(store: HistoryStore) -> None:
    assert store.labels.put("ann", "q", "p", None) is None
    store.labels.restore("ann", "q", "p", Label(1, "human", NOON))

    before = store.labels.put("ann", "q", "p", None)

    assert before == Label(1, "human", NOON)
    assert store.labels.find("ann", "q", ["p"]) == [None]
    assert n_rows(store.path) == {}
    store.labels.restore("ann", "q", "p", before)
    assert store.labels.find("ann", "q", ["p"]) == [before]


def test_undoing_a_first_label_leaves_none(store: HistoryStore) -> None:
    before = store.labels.put("ann", "q", "p", 1)

    store.labels.restore("ann", "q", "p", before)

    assert store.labels.count("ann") == 0
    assert texts(store.path) == set()


@pytest.mark.parametrize("grade", [4, -2])
def test_a_grade_that_does_not_exist_is_refused(store: HistoryStore, grade: int) -> None:
    with pytest.raises(InvalidInput, match=f"A label is a grade from 0 to 3, or unsure, not {grade}"):
        store.labels.put("ann", "q", "p", grade)

    assert store.labels.count("ann") == 0


def test_a_human_label_survives_the_import_of_a_set(store: HistoryStore) -> None:
    for text, grade in (("says no", 0), ("says yes", 1), ("cannot tell", UNSURE)):
        store.labels.restore("ann", "q", text, Label(grade, "human", NOON))

    store.sets.save("ann", labelled({"q": dict.fromkeys(("says no", "says yes", "cannot tell", "new"), 1)}))

    *human, new = store.labels.find("ann", "q", ["says no", "says yes", "cannot tell", "new"])
    assert human == [Label(0, "human", NOON), Label(1, "human", NOON), Label(UNSURE, "human", NOON)]
    assert new == imported(1)


def test_a_second_set_replaces_imported_labels_where_it_says_something_else(store: HistoryStore) -> None:
    store.sets.save("ann", labelled({"q": {"a": 1, "b": 1}}))
    later = Label(0, "imported", NOON + timedelta(hours=1))
    query = labelled({"q": {"a": 1, "b": 0}}).queries[0]
    again = replace(query, labels=(replace(later, grade=1), later))

    store.sets.save("ann", LabelledSet("", "again", (again,)))

    assert store.labels.find("ann", "q", ["a", "b"]) == [imported(1), later]


def test_of_two_labels_for_one_pair_in_a_set_the_last_counts(store: HistoryStore) -> None:
    passages = (Passage("1", "p"), Passage("2", "p"))
    query = LabelledQuery("1", "q", passages, (imported(1), imported(0)))

    store.sets.save("ann", LabelledSet("", "", (query,)))

    assert grades(store.labels.all("ann")) == {"q": {"p": 0}}


def test_all_labels_are_one_set_in_the_order_of_first_labelling(store: HistoryStore) -> None:
    for query, text, grade in [("b", "2", 0), ("a", "9", 3), ("b", "1", UNSURE), ("b", "2", 1)]:
        store.labels.restore("ann", query, text, Label(grade, "human", NOON))

    found = store.labels.all("ann")

    assert (found.id, found.name) == ("labels", "")
    assert [(query.id, [passage.id for passage in query.passages]) for query in found.queries] == [
        ("1", ["1", "2"]),
        ("2", ["1"]),
    ]
    assert list(grades(found)) == ["b", "a"]
    assert list(grades(found)["b"].items()) == [("2", 1), ("1", UNSURE)]
    assert found.queries[1].labels == (Label(3, "human", NOON),)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.text(st.characters()),
    passages=st.lists(st.text(st.characters()), min_size=1, max_size=5, unique=True),
)
def test_any_text_is_kept_exactly(store: HistoryStore, query: str, passages: list[str]) -> None:
    store.forget("ann")
    for place, text in enumerate(passages):
        store.labels.put("ann", query, text, place % 4)

    assert grades(store.labels.all("ann")) == {query: {text: place % 4 for place, text in enumerate(passages)}}


def test_nul_and_lone_surrogates_are_kept_apart(store: HistoryStore) -> None:
    spellings = ["a\x00b", "a\ufffdb", "a\ud800b", "ab", "a"]
    for place, text in enumerate(spellings[:4]):
        store.labels.put("ann", "\udfff\x00?", text, place)

    found = store.labels.find("ann", "\udfff\x00?", spellings)

    assert [label and label.grade for label in found] == [0, 1, 2, 3, None]
    assert list(grades(store.labels.all("ann"))["\udfff\x00?"].items()) == list(zip(spellings, range(4), strict=False))


def test_a_label_belongs_to_one_owner(store: HistoryStore) -> None:
    store.labels.put("ann", "q", "p", 1)

    assert store.labels.find("bob", "q", ["p"]) == [None]
    assert store.labels.all("bob").queries == ()
    assert (store.labels.count("bob"), store.labels.version("bob")) == (0, "")
    assert store.labels.put("bob", "q", "p", 0) is None
    assert grades(store.labels.all("ann")) == {"q": {"p": 1}}
    assert store.labels.put("bob", "q", "p", None) is not None
    assert grades(store.labels.all("ann")) == {"q": {"p": 1}}


@pytest.mark.parametrize("owner", ["", " \t"])
def test_no_id_labels_nothing(store: HistoryStore, owner: str) -> None:
    for use in (
        lambda: store.labels.put(owner, "q", "p", 1),
        lambda: store.labels.all(owner),
        lambda: store.labels.find(owner, "q", ["p"]),
        lambda: store.labels.count(owner),
        lambda: store.labels.version(owner),
    ):
        with pytest.raises(HistoryError, match="This browser has no id yet"):
            use()


def test_the_version_changes_with_every_label_and_score_of_the_owner(store: HistoryStore) -> None:
    seen = [store.labels.version("ann")]
    for change in (
        lambda: store.labels.put("ann", "q", "p", 1),
        lambda: store.labels.put("ann", "q", "p", 0),
        lambda: store.labels.put("ann", "q", "p", None),
        lambda: store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 0.5)]),
        lambda: store.sets.save("ann", labelled({"q": {"p": 3}})),
    ):
        change()
        seen.append(store.labels.version("ann"))
        assert store.labels.version("ann") == seen[-1]

    assert len(set(seen)) == len(seen)
    store.labels.put("bob", "q", "p", 1)
    assert store.labels.version("ann") == seen[-1]


def test_threads_that_label_at_once_lose_nothing(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", busy_seconds=0.5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: store.labels.put("ann", f"q{place % 3}", f"p{place}", place % 4), range(40)))

    assert {
        (query, text, grade)
        for query, found in grades(store.labels.all("ann")).items()
        for text, grade in found.items()
    } == {(f"q{place % 3}", f"p{place}", place % 4) for place in range(40)}


LABEL_ON = """
    import sys
    from pathlib import Path
    from playground.history.store import HistoryStore

    store = HistoryStore(Path(sys.argv[1]))
    for place in range(int(sys.argv[2])):
        store.labels.put("ann", f"query {sys.argv[3]}", f"passage {place} " * 40, place % 4)
        print(place, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_loses_no_label_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for turn in range(3):
        process = run_python(LABEL_ON, path, 100_000, turn)
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(1 + 3 * turn)]
        process.send_signal(signal.SIGKILL)
        said += rest_of(process).split("\n")[:-1]

        found = grades(HistoryStore(path).labels.all("ann"))[f"query {turn}"]
        wanted = {f"passage {place} " * 40: place % 4 for place in range(len(said) + 1)}
        assert list(wanted.items())[: len(found)] == list(found.items())
        assert len(found) in (len(said), len(said) + 1), "a kill may leave one label that was kept but not yet said"
    assert is_sound(path)


def test_two_processes_label_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    processes = [run_python(LABEL_ON, path, 25, turn) for turn in range(2)]

    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0

    found = grades(HistoryStore(path).labels.all("ann"))
    assert {query: len(passages) for query, passages in found.items()} == {"query 0": 25, "query 1": 25}
