"""Export and import as one file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history import transfer
from playground.history.store import HistoryStore
from tests.history.records import manifest


@pytest.fixture
def elsewhere(tmp_path: Path) -> HistoryStore:
    return HistoryStore(tmp_path / "elsewhere" / "history.db")


def lines_of(exported: bytes) -> list[bytes]:
    return gzip.decompress(exported).splitlines()


def test_a_history_moves_to_another_machine(store: HistoryStore, elsewhere: HistoryStore) -> None:
    first = store.save("ann", manifest(query="one"))
    second = store.save("ann", manifest(query="two\x00", passages=["熊猫", "half \ud83d"]))
    store.star(second, "ann", True)
    store.note(second, "ann", "a note")
    store.save("bob", manifest(query="not hers"))
    store.delete(store.save("ann", manifest(query="deleted")), "ann")

    assert elsewhere.import_("carol", store.export("ann")).runs == 2

    for id in (first, second):
        assert elsewhere.get(id, "carol").manifest == store.get(id, "ann").manifest
    arrived = elsewhere.get(second, "carol")
    assert (arrived.starred, arrived.note) == (True, "a note")
    assert arrived.created_at == store.get(second, "ann").created_at
    assert [row.query for row in elsewhere.search("carol")] == [row.query for row in store.search("ann")]
    assert [row.query for row in elsewhere.search("carol", text="熊猫")] == ["two\ufffd"]


def test_a_run_without_a_moment_keeps_the_one_it_was_saved_at(store: HistoryStore, elsewhere: HistoryStore) -> None:
    id = store.save("ann", manifest(created_at=None))

    elsewhere.import_("ann", store.export("ann"))

    assert elsewhere.get(id, "ann").created_at == store.get(id, "ann").created_at


def test_importing_twice_makes_no_duplicates(store: HistoryStore, elsewhere: HistoryStore) -> None:
    for query in ("one", "two"):
        store.save("ann", manifest(query=query))
    exported = store.export("ann")

    assert store.import_("ann", exported).runs == 0
    assert elsewhere.import_("ann", exported).runs == 2
    assert elsewhere.import_("ann", exported).runs == 0
    assert elsewhere.import_("ann", elsewhere.export("ann")).runs == 0
    assert elsewhere.count("ann").runs == 2


def test_imported_runs_belong_to_who_imports_them(store: HistoryStore) -> None:
    id = store.save("ann", manifest())

    assert store.import_("bob", store.export("ann")).runs == 1

    (copy,) = store.search("bob")
    assert copy.id != id
    assert len(copy.id) == 22
    store.delete(copy.id, "bob")
    assert store.count("ann").runs == 1
    assert store.import_("bob", store.export("ann")).runs == 1
    assert [row.id for row in store.search("bob")] == [copy.id]


def test_a_file_on_the_disk_is_imported(store: HistoryStore, elsewhere: HistoryStore, tmp_path: Path) -> None:
    store.save("ann", manifest())
    target = tmp_path / "runs.jsonl.gz"
    target.write_bytes(store.export("ann"))

    assert elsewhere.import_("ann", target).runs == 1
    with pytest.raises(HistoryError, match="could not be read: No such file"):
        store.import_("ann", tmp_path / "absent.jsonl.gz")


def test_an_empty_history_exports_and_imports(store: HistoryStore) -> None:
    assert store.import_("bob", store.export("ann")).runs == 0


def test_a_file_that_the_browser_unpacked_is_read(store: HistoryStore, elsewhere: HistoryStore) -> None:
    store.save("ann", manifest())

    assert elsewhere.import_("ann", gzip.decompress(store.export("ann"))).runs == 1


def test_a_text_is_in_the_file_once(store: HistoryStore) -> None:
    store.save("ann", manifest(query="one", passages=["shared by both"]))
    store.save("ann", manifest(query="two", passages=["shared by both"]))

    assert gzip.decompress(store.export("ann")).count(b"shared by both") == 1


def broken_line(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[3][:-9], *lines[4:]]


def missing_text(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if b'"text":"second passage"' not in line]


def missing_end(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def edited_run(**changes: object) -> Callable[[list[bytes]], list[bytes]]:
    def edit(lines: list[bytes]) -> list[bytes]:
        run = json.loads(lines[-1])["run"] | changes
        return [*lines[:-1], json.dumps({"run": run}).encode()]

    return edit


def run_without_note(lines: list[bytes]) -> list[bytes]:
    run = json.loads(lines[-1])["run"]
    del run["note"]
    return [*lines[:-1], json.dumps({"run": run}).encode()]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (broken_line, r"Line 4 of the file is damaged \(no JSON at column"),
        (missing_text, r"Line \d of the file is damaged \('[0-9a-f]{64}' is missing\)"),
        (missing_end, "The file ends after 1 of 2 runs"),
        (run_without_note, r"Line \d of the file is damaged \('note' is missing\)"),
        (edited_run(created_at="today"), r"Line \d of the file is damaged \(Invalid isoformat"),
        (edited_run(created_at="2026-01-01"), "a time without a zone"),
        (edited_run(created_at="0001-01-01T00:00:00+14:00"), "is damaged"),
        (edited_run(starred="yes"), "a run with fields of the wrong kind"),
        (edited_run(manifest=[1]), "not a mapping"),
        (edited_run(manifest={"$text": ["x"]}), "is damaged"),
        (edited_run(manifest={"scored": [{"rank": 10**400}]}), "is damaged"),
        (lambda lines: [*lines, b"[1]"], "neither a text nor a run"),
        (lambda lines: [*lines, b"[" * 100_000], "is damaged"),
        (lambda lines: [*lines, b"\xff\xfe"], "is damaged"),
        (lambda lines: [*lines, b'{"text": "\\ud800"}'], "a text that cannot be stored"),
    ],
)
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_a_broken_file_imports_nothing_and_says_where(
    store: HistoryStore,
    elsewhere: HistoryStore,
    spoil: Callable[[list[bytes]], list[bytes]],
    message: str,
    pack: Callable[[bytes], bytes],
) -> None:
    store.save("ann", manifest(query="one", passages=["first passage"]))
    store.save("ann", manifest(query="two", passages=["second passage"]))
    spoiled = pack(b"\n".join(spoil(lines_of(store.export("ann")))))

    with pytest.raises(HistoryError, match=message):
        elsewhere.import_("ann", spoiled)

    assert elsewhere.count("ann").runs == 0


@pytest.mark.parametrize("content", [b"", b"id,text\n1,hello", b"{}", b"[]", b"\x00\x01", b'{"format": "other"}'])
def test_some_other_file_is_said_to_be_no_export(store: HistoryStore, content: bytes) -> None:
    for packed in (content, gzip.compress(content)):
        with pytest.raises(HistoryError, match="This file is no export of the playground's history"):
            store.import_("ann", packed)


def test_a_half_downloaded_file_is_refused_wherever_it_was_cut(store: HistoryStore, elsewhere: HistoryStore) -> None:
    for place in range(5):
        store.save("ann", manifest(query=f"query {place}"))
    exported = store.export("ann")

    for end in range(2, len(exported) - 1, 37):
        with pytest.raises(HistoryError, match="damaged or only half there"):
            elsewhere.import_("ann", exported[:end])

    assert elsewhere.count("ann").runs == 0


def test_a_flipped_bit_is_noticed(store: HistoryStore, elsewhere: HistoryStore) -> None:
    store.save("ann", manifest())
    exported = bytearray(store.export("ann"))
    exported[len(exported) // 2] ^= 0x10

    with pytest.raises(HistoryError, match=r"damaged|no export"):
        elsewhere.import_("ann", bytes(exported))

    assert elsewhere.count("ann").runs == 0


@pytest.mark.parametrize("version", [3, 0, "1", None])
def test_an_export_of_another_format_is_refused(store: HistoryStore, version: object) -> None:
    header = {"format": transfer.FORMAT, "version": version, "n_runs": 0}

    with pytest.raises(HistoryError, match=f"This export has format {version}, and this playground reads up to 2"):
        store.import_("ann", json.dumps(header).encode())


def test_a_file_that_unpacks_without_end_is_refused(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_IMPORT_MIB", 1)

    with pytest.raises(HistoryError, match="unpacks to more than 1 MiB"):
        store.import_("ann", gzip.compress(b" " * (2 * 2**20)))


def test_an_import_that_fails_while_writing_leaves_nothing(store: HistoryStore, elsewhere: HistoryStore) -> None:
    for place in range(3):
        store.save("ann", manifest(query=f"query {place}"))
    elsewhere.prepare()
    with Database(elsewhere.path) as db:
        db.execute(
            "CREATE TRIGGER third_fails BEFORE INSERT ON runs WHEN (SELECT count(*) FROM runs) = 2 "
            "BEGIN SELECT RAISE (ABORT, 'no more'); END"
        )

    with pytest.raises(HistoryError, match="could not be read or written: no more"):
        elsewhere.import_("ann", store.export("ann"))

    with Database(elsewhere.path) as db:
        assert db.table("runs").count == 0
        assert db.table("texts").count == 0
