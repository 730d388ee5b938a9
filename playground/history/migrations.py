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


SCHEMA_3 = """
CREATE TABLE pair_texts (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
);
CREATE TABLE pairs (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    query_id INTEGER NOT NULL REFERENCES pair_texts (id),
    passage_id INTEGER NOT NULL REFERENCES pair_texts (id)
);
CREATE INDEX pairs_query ON pairs (query_id);
CREATE INDEX pairs_passage ON pairs (passage_id);
CREATE TABLE labels (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    pair INTEGER NOT NULL REFERENCES pairs (id),
    grade INTEGER NOT NULL,
    source TEXT NOT NULL,
    at TEXT NOT NULL,
    kept INTEGER NOT NULL,
    UNIQUE (pair, owner)
);
CREATE INDEX labels_owner ON labels (owner);
CREATE TABLE label_versions (
    owner TEXT PRIMARY KEY,
    version TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE sets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    n_queries INTEGER NOT NULL,
    n_pairs INTEGER NOT NULL,
    deleted_at TEXT
);
CREATE INDEX sets_newest ON sets (owner, created_at, number);
CREATE INDEX sets_deleted ON sets (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE set_queries (
    set_number INTEGER NOT NULL REFERENCES sets (number) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    query_id INTEGER NOT NULL REFERENCES pair_texts (id),
    PRIMARY KEY (set_number, place)
) WITHOUT ROWID;
CREATE INDEX set_queries_text ON set_queries (query_id);
CREATE TABLE set_pairs (
    set_number INTEGER NOT NULL REFERENCES sets (number) ON DELETE CASCADE,
    query_place INTEGER NOT NULL,
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    pair INTEGER NOT NULL REFERENCES pairs (id),
    said INTEGER,
    meta TEXT,
    PRIMARY KEY (set_number, query_place, place)
) WITHOUT ROWID;
CREATE INDEX set_pairs_pair ON set_pairs (pair);
CREATE TABLE scorers (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    spec TEXT NOT NULL,
    scale TEXT NOT NULL,
    instruction TEXT NOT NULL,
    UNIQUE (owner, key)
);
CREATE TABLE scores (
    pair INTEGER NOT NULL REFERENCES pairs (id),
    scorer INTEGER NOT NULL REFERENCES scorers (number),
    logit REAL NOT NULL,
    scored_at INTEGER NOT NULL,
    PRIMARY KEY (pair, scorer)
) WITHOUT ROWID;
"""

SCHEMA_4 = """
CREATE TABLE thresholds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    body TEXT NOT NULL,
    deleted_at TEXT
);
CREATE INDEX thresholds_newest ON thresholds (owner, saved_at, number);
"""

SCHEMA_5 = """
ALTER TABLE sets ADD COLUMN origin TEXT;
UPDATE sets SET origin = id;
CREATE UNIQUE INDEX sets_origin ON sets (owner, origin);
CREATE INDEX scores_scorer ON scores (scorer);
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


@MIGRATIONS(name="0003_labels_and_sets")
def labels_and_sets(db: Database) -> None:
    """Labels, labelled sets and their scores, all hanging on pairs of texts that are found by hash, never searched.

    `labels.kept` marks a label that stands without any set; the others came with a set, and go with the last one that
    holds their pair unless a person changed them. `set_pairs.said` is `Passage.label`, `scores.scored_at` is in
    microseconds since 1970. A text with lone surrogates, which SQLite's TEXT cannot hold, stands as a BLOB.
    """
    db.executescript(SCHEMA_3)


@MIGRATIONS(name="0004_thresholds")
def thresholds(db: Database) -> None:
    """Thresholds that were saved, each as JSON."""
    db.executescript(SCHEMA_4)


@MIGRATIONS(name="0005_sets_that_move")
def sets_that_move(db: Database) -> None:
    """`sets.origin` is the id under which a set was first saved, anywhere, as that of runs.

    It is NULL as long as a set is still being written: such a set lies in the bin, and is never taken out of it.
    """
    db.executescript(SCHEMA_5)


def has_trigrams(db: Database) -> bool:
    """Whether this SQLite was built with FTS5 and its trigram tokenizer (3.34 and later)."""
    try:
        db.execute("CREATE VIRTUAL TABLE temp.probe USING fts5 (text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    db.execute("DROP TABLE temp.probe")
    return True
