"""The schema, as numbered steps. A step that was ever released is never edited: the next change is the next step."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations
from sqlite_utils.db import Table

MIGRATIONS = Migrations("playground.history")

SCHEMA_1 = """
CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    origin TEXT NOT NULL,
    created_at TEXT NOT NULL,
    model_id TEXT NOT NULL,
    revision TEXT,
    precision TEXT NOT NULL,
    device TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES texts (id),
    top_id INTEGER NOT NULL REFERENCES texts (id),
    note_id INTEGER REFERENCES texts (id),
    n_passages INTEGER NOT NULL,
    starred INTEGER NOT NULL DEFAULT 0,
    deleted_at TEXT,
    manifest TEXT NOT NULL,
    UNIQUE (owner, origin)
);
CREATE INDEX runs_newest ON runs (owner, created_at, number);
CREATE INDEX runs_deleted ON runs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE run_texts (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    text_id INTEGER NOT NULL REFERENCES texts (id),
    PRIMARY KEY (run, text_id)
) WITHOUT ROWID;
CREATE INDEX run_texts_text ON run_texts (text_id);
CREATE INDEX runs_query ON runs (query_id);
CREATE INDEX runs_top ON runs (top_id);
CREATE INDEX runs_note ON runs (note_id);
"""


@MIGRATIONS(name="0001_runs_and_texts")
def runs_and_texts(db: Database) -> None:
    """Runs, and the texts they share.

    `origin` is the id under which a run was first saved, anywhere: it keeps a second import from making duplicates.
    `run_texts` holds the query and the passages of a run, the note hangs on the run itself.
    """
    db.executescript(SCHEMA_1)


@MIGRATIONS(name="0002_text_search")
def text_search(db: Database) -> None:
    """An index over every text. unicode61 keeps a Chinese sentence as one word, so the index is made of trigrams."""
    if has_trigrams(db):
        texts = db.table("texts")
        assert isinstance(texts, Table)
        texts.enable_fts(["text"], fts_version="FTS5", tokenize="trigram", create_triggers=True)


def has_trigrams(db: Database) -> bool:
    """Whether this SQLite was built with FTS5 and its trigram tokenizer (3.34 and later)."""
    try:
        db.execute("CREATE VIRTUAL TABLE temp.probe USING fts5 (text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    db.execute("DROP TABLE temp.probe")
    return True
