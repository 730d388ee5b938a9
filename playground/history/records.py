"""Rows in and out of the tables. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history import manifests
from playground.history.rows import RunRow

COLUMNS = """
    runs.id, runs.number, runs.created_at, runs.n_passages, runs.model_id, runs.revision, runs.precision, runs.device,
    runs.starred, runs.deleted_at IS NOT NULL AS deleted, query.text AS query, substr(top.text, 1, 300) AS top,
    coalesce(note.text, '') AS note
"""
TABLES = """
    runs JOIN texts AS query ON query.id = runs.query_id JOIN texts AS top ON top.id = runs.top_id
    LEFT JOIN texts AS note ON note.id = runs.note_id
"""

# Removed in one transaction, so that nobody else waits long: a run may hold thousands of texts.
MAX_REMOVED = 20


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run on its way in, taken apart before the transaction so that it is short.

    Attributes:
        origin: the id under which it was first saved, anywhere.
        body: the manifest with references in place of its texts.
    """

    origin: str
    facts: manifests.Facts
    body: str
    starred: bool = False
    note: str = ""


def new_id() -> str:
    """128 random bits, 22 characters fit for an address."""
    return secrets.token_urlsafe(16)


def stamp(moment: datetime) -> str:
    """UTC with microseconds, of one width, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def owned(owner: str) -> str:
    """The owner as stored. An empty one would be shared by all who have none."""
    if not owner.strip():
        raise HistoryError(
            "This browser has no id yet, so the history cannot tell whose runs to show. Reload the page."
        )
    return manifests.clean(owner)


def add_run(db: Database, owner: str, run: NewRun, id: str) -> None:
    """Store one run and those of its texts that are new."""
    facts = run.facts
    ids = add_texts(db, [facts.query, *facts.passages, facts.top, *([run.note] if run.note else [])])
    db.execute(
        """
        INSERT INTO runs (id, owner, origin, created_at, model_id, revision, precision, device, query_id, top_id,
            note_id, n_passages, starred, manifest)
        VALUES (:id, :owner, :origin, :created_at, :model_id, :revision, :precision, :device, :query_id, :top_id,
            :note_id, :n_passages, :starred, :manifest)
        """,
        {
            "id": id,
            "owner": owner,
            "origin": run.origin,
            "created_at": stamp(facts.created_at),
            "model_id": facts.model_id,
            "revision": facts.revision,
            "precision": facts.precision,
            "device": facts.device,
            "query_id": ids[facts.query],
            "top_id": ids[facts.top],
            "note_id": ids[run.note] if run.note else None,
            "n_passages": len(facts.passages),
            "starred": int(run.starred),
            "manifest": run.body,
        },
    )
    number = db.execute("SELECT number FROM runs WHERE id = ?", [id]).fetchone()[0]
    held = {ids[text] for text in (facts.query, *facts.passages)}
    db.conn.executemany("INSERT INTO run_texts (run, text_id) VALUES (?, ?)", [(number, text) for text in held])


def add_texts(db: Database, texts: Iterable[str]) -> dict[str, int]:
    """Row id by text, each stored once however many runs hold it."""
    hashes = {text: manifests.hash_of(text) for text in texts}
    db.conn.executemany(
        "INSERT INTO texts (hash, text) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
        [(hash, text) for text, hash in hashes.items()],
    )
    found = db.execute(
        "SELECT hash, id FROM texts WHERE hash IN (SELECT value FROM json_each(?))", [json.dumps([*hashes.values()])]
    )
    ids: dict[str, int] = dict(found.fetchall())
    return {text: ids[hash] for text, hash in hashes.items()}


def texts_of(db: Database, number: int) -> dict[str, str]:
    """Text by hash: what the manifest of a run refers to."""
    found = db.execute(
        "SELECT hash, text FROM texts JOIN run_texts ON run_texts.text_id = texts.id WHERE run = ?", [number]
    )
    return dict(found.fetchall())


def set_note(db: Database, number: int, note: str) -> None:
    """Replace the note of a run; an empty one removes it."""
    before = [row[0] for row in db.execute("SELECT note_id FROM runs WHERE number = ? AND note_id NOT NULL", [number])]
    note_id = add_texts(db, [note])[note] if note else None
    db.execute("UPDATE runs SET note_id = ? WHERE number = ?", [note_id, number])
    drop_unused(db, before)


def remove(db: Database, where: str, values: Mapping[str, object]) -> int:
    """Remove some of these runs for good, at most MAX_REMOVED, and the texts that nobody else holds; how many."""
    sql = f"SELECT number FROM runs WHERE {where} LIMIT {MAX_REMOVED}"  # noqa: S608 - fixed parts
    gone = [row[0] for row in db.execute(sql, dict(values))]
    if not gone:
        return 0
    numbers = json.dumps(gone)
    held = db.execute(
        """
        SELECT text_id FROM run_texts WHERE run IN (SELECT value FROM json_each(:numbers))
        UNION SELECT query_id FROM runs WHERE number IN (SELECT value FROM json_each(:numbers))
        UNION SELECT top_id FROM runs WHERE number IN (SELECT value FROM json_each(:numbers))
        UNION SELECT note_id FROM runs WHERE number IN (SELECT value FROM json_each(:numbers)) AND note_id NOT NULL
        """,
        {"numbers": numbers},
    )
    texts = [row[0] for row in held]
    db.execute("DELETE FROM runs WHERE number IN (SELECT value FROM json_each(?))", [numbers])
    drop_unused(db, texts)
    return len(gone)


def drop_unused(db: Database, texts: list[int]) -> None:
    """Remove those of `texts` that no run refers to any more."""
    db.execute(
        """
        DELETE FROM texts WHERE id IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM run_texts WHERE text_id = texts.id)
        AND NOT EXISTS (SELECT 1 FROM runs WHERE query_id = texts.id)
        AND NOT EXISTS (SELECT 1 FROM runs WHERE top_id = texts.id)
        AND NOT EXISTS (SELECT 1 FROM runs WHERE note_id = texts.id)
        """,
        [json.dumps(texts)],
    )


def select(db: Database, where: str, values: Mapping[str, object], extra: str = "") -> Iterator[dict[str, object]]:
    """Rows of runs with their texts; `where` is SQL of ours, what a user typed is in `values`.

    Args:
        extra: more columns, each with a comma before it.
    """
    sql = f"SELECT {COLUMNS}{extra} FROM {TABLES} WHERE {where}"  # noqa: S608 - fixed parts, user text only in values
    return db.query(sql, dict(values))


def scales_of(db: Database, owner: str, run_ids: Sequence[str]) -> dict[str, set[tuple[str, str, str]]]:
    """(fingerprint, scale name, how windows are scored) of every model in these runs, one for each of a comparison's.

    The last is empty where long passages are cut.

    Nothing of a run that SQLite cannot read: Python writes infinities, which are no JSON.
    """
    found = db.execute(
        """
        WITH asked AS (
            SELECT id, iif(json_valid(manifest), manifest, '{}') AS manifest FROM runs
            WHERE owner = :owner AND id IN (SELECT value FROM json_each(:ids))
        ), models AS (
            SELECT id, json_extract(manifest, '$.spec') AS spec, json_extract(manifest, '$.scale.name') AS scale
            FROM asked
            UNION ALL
            SELECT asked.id, json_extract(run.value, '$.result.spec'), json_extract(run.value, '$.result.scale.name')
            FROM asked, json_each(asked.manifest, '$.runs') AS run
        )
        SELECT id, json_extract(spec, '$.fingerprint'), scale,
            ifnull(json_extract(spec, '$.windows.by') || json_extract(spec, '$.windows.top_k'), '')
        FROM models
        """,
        {"owner": owner, "ids": json.dumps(list(run_ids))},
    )
    scales: dict[str, set[tuple[str, str, str]]] = {}
    for id, fingerprint, name, by in found:
        if isinstance(fingerprint, str) and isinstance(name, str):
            scales.setdefault(str(id), set()).add((fingerprint, name, by))
    return scales


def fields(found: Mapping[str, object]) -> dict[str, object]:
    """What a RunRow is made of, from one row of `select`."""
    values = {name: found[name] for name in RunRow.__dataclass_fields__}
    values["created_at"] = datetime.fromisoformat(str(found["created_at"]))
    values["starred"], values["deleted"] = bool(found["starred"]), bool(found["deleted"])
    return values
