"""Which runs a search means, as SQL. Text from a user only ever travels as a parameter."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

MAX_WORDS = 32
MAX_WORD_CHARS = 1000

BY_INDEX = """(
    runs.number IN (
        SELECT run FROM run_texts WHERE text_id IN (SELECT rowid FROM texts_fts WHERE texts_fts MATCH :{name})
    )
    OR runs.note_id IN (SELECT rowid FROM texts_fts WHERE texts_fts MATCH :{name})
)"""
BY_READING = """EXISTS (
    SELECT 1 FROM texts
    WHERE (texts.id = runs.note_id OR texts.id IN (SELECT text_id FROM run_texts WHERE run = runs.number))
    AND texts.text LIKE :{name} ESCAPE '\\'
)"""


@dataclass(frozen=True, slots=True)
class Condition:
    """A WHERE clause over `runs`, and its parameters."""

    sql: str
    values: dict[str, object]


def condition(db: Database, owner: str, text: str, model_id: str | None, starred: bool) -> Condition:
    """Runs of `owner`, not deleted, in which every word of `text` occurs somewhere in query, passages or note.

    A word is anything between spaces and matches inside longer words. Words beyond MAX_WORDS are left out.
    """
    clauses = ["runs.owner = :owner", "runs.deleted_at IS NULL"]
    values: dict[str, object] = {"owner": owner}
    if model_id is not None:
        clauses.append("runs.model_id = :model_id")
        values["model_id"] = model_id
    if starred:
        clauses.append("runs.starred = 1")
    indexed = db.table("texts_fts").exists()
    for place, word in enumerate(text.split()[:MAX_WORDS]):
        name = f"word_{place}"
        # A trigram index knows no needle under three characters, and most Chinese words have two.
        by_index = indexed and len(word) >= 3
        clauses.append((BY_INDEX if by_index else BY_READING).format(name=name))
        values[name] = _quoted(word[:MAX_WORD_CHARS]) if by_index else _pattern(word[:MAX_WORD_CHARS])
    return Condition(" AND ".join(clauses), values)


def _quoted(word: str) -> str:
    """`word` as an FTS5 string, in which nothing is syntax. https://sqlite.org/fts5.html#fts5_strings"""
    return '"' + word.replace('"', '""') + '"'


def _pattern(word: str) -> str:
    """A LIKE pattern that finds `word` anywhere."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
