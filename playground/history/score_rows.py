"""Rows of scores, in and out. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlite_utils import Database

from playground.core.labels import LabelledSet, SetScores
from playground.core.scales import Scale
from playground.core.types import ModelSpec
from playground.history import domain, pairs
from playground.history.pairs import Pair, original, stored
from playground.history.rows import ScorerRow
from playground.history.set_rows import pairs_of

ADD_SCORER = """
    INSERT INTO scorers (owner, key, spec, scale, instruction) VALUES (:owner, :key, :spec, :scale, :instruction)
    ON CONFLICT (owner, key) DO UPDATE SET spec = excluded.spec, scale = excluded.scale
"""
ADD = """
    INSERT INTO scores (pair, scorer, logit, scored_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (pair, scorer) DO UPDATE SET logit = excluded.logit, scored_at = excluded.scored_at
    WHERE excluded.scored_at > scored_at
"""
# CROSS JOIN keeps the order of the tables: the planner would look through the list once per score.
READ = """
    SELECT asked.key, logit FROM json_each(:hashes) AS asked
    CROSS JOIN pairs ON pairs.hash = asked.value CROSS JOIN scores ON scores.pair = pairs.id AND scores.scorer = :scorer
"""
SCORERS = """
    SELECT scorers.key, spec, scale, instruction, count(*), max(scored_at) FROM json_each(:hashes) AS asked
    CROSS JOIN pairs ON pairs.hash = asked.value CROSS JOIN scores ON scores.pair = pairs.id
    CROSS JOIN scorers ON scorers.number = scores.scorer AND scorers.owner = :owner
    GROUP BY scorers.number ORDER BY max(scored_at) DESC, scorers.number DESC
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def scorer(db: Database, owner: str, spec: ModelSpec, scale: Scale, instruction: str) -> int:
    """The number of a scorer, known or new."""
    key = domain.scorer_key(spec, scale, instruction)
    row = {"owner": owner, "key": key, "spec": domain.to_json(spec), "scale": domain.to_json(scale)}
    db.execute(ADD_SCORER, row | {"instruction": stored(instruction)})
    return int(db.execute("SELECT number FROM scorers WHERE owner = ? AND key = ?", [owner, key]).fetchone()[0])


def add(db: Database, scorer: int, scores: Iterable[tuple[int, float, int]]) -> int:
    """Store what a scorer gave to pairs; where it scored one before, the newer score stands.

    Args:
        scores: row id of the pair, raw output, and microseconds since 1970.
    Returns:
        How many are new or newer.
    """
    return max(0, db.conn.executemany(ADD, [(pair, scorer, logit, at) for pair, logit, at in scores]).rowcount)


def now() -> int:
    """Microseconds since 1970."""
    return (datetime.now(UTC) - EPOCH) // MICROSECOND


def read(db: Database, owner: str, labelled: LabelledSet, key: str) -> SetScores | None:
    """What one scorer gave to the pairs of a set; None where it scored none of them."""
    sql = "SELECT number, spec, scale, instruction FROM scorers WHERE owner = ? AND key = ?"
    scorer = db.execute(sql, [owner, key]).fetchone()
    if scorer is None:
        return None
    number, spec, scale, instruction = scorer
    values = {"hashes": _asked(pairs_of(labelled)), "scorer": number}
    found: dict[int, float] = dict(db.execute(READ, values).fetchall())
    if not found:
        return None
    places = iter(range(labelled.n_pairs))
    logits = tuple(tuple(found.get(next(places)) for _ in query.passages) for query in labelled.queries)
    return SetScores(domain.spec_of(spec), domain.scale_of(scale), original(instruction), logits)


def scorers(db: Database, owner: str, labelled: LabelledSet) -> list[ScorerRow]:
    """Who scored pairs of a set, newest first."""
    found = db.execute(SCORERS, {"hashes": _asked(pairs_of(labelled)), "owner": owner}).fetchall()
    return [
        ScorerRow(
            key,
            domain.spec_of(spec),
            domain.scale_of(scale),
            original(instruction),
            n_scored,
            EPOCH + scored_at * MICROSECOND,
        )
        for key, spec, scale, instruction, n_scored, scored_at in found
    ]


def _asked(wanted: Iterable[Pair]) -> str:
    return json.dumps(pairs.hashes_of(wanted))
