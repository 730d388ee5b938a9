"""Pairs of a query and a passage, found by the hash of both. Every function works inside its caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from sqlite_utils import Database

Pair = tuple[str, str]
"""The exact texts of a query and a passage."""


def stored(text: str) -> str | bytes:
    """`text` as a column holds it: bytes where it has lone surrogates, which SQLite's TEXT cannot keep."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def original(value: str | bytes) -> str:
    """The text that `stored` was given."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def text_hash(text: str) -> str:
    """Hex SHA-256 of the exact text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hashes_of(pairs: Iterable[Pair]) -> list[str]:
    """The hash of each pair, in step."""
    known: dict[str, str] = {}

    def known_hash(text: str) -> str:
        if text not in known:
            known[text] = text_hash(text)
        return known[text]

    return [_joined(known_hash(query), known_hash(text)) for query, text in pairs]


def _joined(query_hash: str, passage_hash: str) -> str:
    return hashlib.sha256(f"{query_hash} {passage_hash}".encode("ascii")).hexdigest()


def add_texts(db: Database, texts: Iterable[str]) -> dict[str, int]:
    """Row id by text; those that are new are stored."""
    hashes = {text: text_hash(text) for text in texts}
    db.conn.executemany(
        "INSERT INTO pair_texts (hash, text) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
        [(hash, stored(text)) for text, hash in hashes.items()],
    )
    found = db.execute(
        "SELECT hash, id FROM pair_texts WHERE hash IN (SELECT value FROM json_each(?))",
        [json.dumps([*hashes.values()])],
    )
    ids: dict[str, int] = dict(found.fetchall())
    return {text: ids[hash] for text, hash in hashes.items()}


def add(db: Database, pairs: Sequence[Pair]) -> list[int]:
    """Row id of each pair, in step; those that are new are stored with their texts."""
    hashes = hashes_of(pairs)
    known = ids_of(db, hashes)
    new = {hash: pair for hash, pair in zip(hashes, pairs, strict=True) if hash not in known}
    if new:
        texts = add_texts(db, {text for pair in new.values() for text in pair})
        db.conn.executemany(
            "INSERT INTO pairs (hash, query_id, passage_id) VALUES (?, ?, ?)",
            [(hash, texts[query], texts[text]) for hash, (query, text) in new.items()],
        )
        known |= ids_of(db, [*new])
    return [known[hash] for hash in hashes]


def ids_of(db: Database, hashes: Sequence[str]) -> dict[str, int]:
    """Row id by hash, of those pairs that are stored."""
    sql = "SELECT hash, id FROM pairs WHERE hash IN (SELECT value FROM json_each(?))"
    return dict(db.execute(sql, [json.dumps(hashes)]).fetchall())


def id_of(db: Database, query: str, text: str) -> int | None:
    """Row id of one pair; None where it is not stored."""
    return next(iter(ids_of(db, hashes_of([(query, text)])).values()), None)


def drop_unused(db: Database, pairs: Sequence[int], queries: Sequence[int] = ()) -> None:
    """Remove those of `pairs` that no label, set or score refers to any more, and texts that were only theirs.

    Args:
        queries: row ids of texts to look at as well.
    """
    numbers = json.dumps(pairs)
    texts = {row[0] for row in db.execute(TEXTS_OF, [numbers, numbers])} | set(queries)
    db.execute(
        """
        DELETE FROM pairs WHERE id IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM labels WHERE pair = pairs.id)
        AND NOT EXISTS (SELECT 1 FROM set_pairs WHERE pair = pairs.id)
        AND NOT EXISTS (SELECT 1 FROM scores WHERE pair = pairs.id)
        """,
        [numbers],
    )
    db.execute(
        """
        DELETE FROM pair_texts WHERE id IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM pairs WHERE query_id = pair_texts.id)
        AND NOT EXISTS (SELECT 1 FROM pairs WHERE passage_id = pair_texts.id)
        AND NOT EXISTS (SELECT 1 FROM set_queries WHERE query_id = pair_texts.id)
        """,
        [json.dumps([*texts])],
    )


TEXTS_OF = """
    SELECT query_id FROM pairs WHERE id IN (SELECT value FROM json_each(?))
    UNION SELECT passage_id FROM pairs WHERE id IN (SELECT value FROM json_each(?))
"""
