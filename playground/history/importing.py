"""An exported file becomes part of somebody's history: all of it at once, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from sqlite_utils import Database

from playground.core.labels import LabelledQuery, LabelledSet
from playground.core.thresholds import Threshold
from playground.core.types import Passage
from playground.history import domain, label_rows, records, score_rows, set_rows
from playground.history.database import HistoryFile
from playground.history.pairs import Pair
from playground.history.rows import Kept
from playground.history.staging import Staged, staged
from playground.history.transfer import Contents, NewSet

ID = re.compile(r"[A-Za-z0-9_-]{22}")
MAX_NOTE_CHARS = 10_000


def take_in(file: HistoryFile, owner: str, contents: Contents) -> Kept:
    """All of it, or after any error nothing. Sets and pairs are written out of sight first, a slice at a time.

    Returns:
        How much is new, or came back from the bin.
    Raises:
        HistoryError: the file cannot be written.
    """
    with file.reading() as db:
        known = {row[0] for row in db.execute("SELECT origin FROM sets WHERE owner = ?", [owner])}
    fresh = [new for new in contents.sets if new.origin not in known]
    wanted = dict.fromkeys([*contents.labels, *(pair for each in contents.scores for pair in each.scores)])
    with ExitStack() as stack:
        new_sets = [(new, _staged(stack, file, owner, new.labelled, new.created_at)) for new in fresh]
        # Never shown: it only holds the pairs until their labels and scores do.
        every = _set_of(wanted)
        held = _staged(stack, file, owner, every, datetime.now(UTC)) if wanted else Staged()
        ids = dict(zip(set_rows.pairs_of(every), held.pairs, strict=True))
        with file.writing(owner) as db:
            n_sets = _restore_sets(db, owner, contents.sets) + sum(_show(db, owner, *new) for new in new_sets)
            return Kept(
                runs=sum(_take_run(db, owner, run) for run in contents.runs),
                labels=label_rows.merge(db, owner, ((ids[pair], label) for pair, label in contents.labels.items())),
                sets=n_sets,
                scores=_take_scores(db, owner, contents, ids),
                thresholds=sum(_take_threshold(db, owner, threshold) for threshold in contents.thresholds),
            )


def _staged(stack: ExitStack, file: HistoryFile, owner: str, labelled: LabelledSet, created_at: datetime) -> Staged:
    return stack.enter_context(staged(file, owner, labelled, labelled.name, created_at, with_marks=False))


def _set_of(pairs: Iterable[Pair]) -> LabelledSet:
    by_query: dict[str, list[Passage]] = {}
    for query, text in pairs:
        by_query.setdefault(query, []).append(Passage("", text))
    queries = (
        LabelledQuery(str(place), query, tuple(passages), (None,) * len(passages))
        for place, (query, passages) in enumerate(by_query.items())
    )
    return LabelledSet("", "", tuple(queries))


def _restore_sets(db: Database, owner: str, sets: Sequence[NewSet]) -> int:
    """Those that lie in the bin come back; how many."""
    sql = "UPDATE sets SET deleted_at = NULL WHERE owner = ? AND origin = ? AND deleted_at NOT NULL"
    return sum(db.execute(sql, [owner, new.origin]).rowcount for new in sets)


def _show(db: Database, owner: str, new: NewSet, written: Staged) -> int:
    """1, or 0 where another import brought the same set meanwhile. It keeps its id where that is free."""
    sql = "SELECT 1 FROM sets WHERE owner = ? AND origin = ?"
    if db.execute(sql, [owner, new.origin]).fetchone() is not None:
        return 0
    set_rows.show(db, owner, written.number, new.origin)
    return 1


def _take_run(db: Database, owner: str, run: records.NewRun) -> bool:
    """Add a run; False where it is there already. It keeps its id, and so its link, where that is free."""
    sql = "SELECT number, deleted_at FROM runs WHERE owner = ? AND origin = ?"
    known = db.execute(sql, [owner, run.origin]).fetchone()
    if known is not None:
        db.execute("UPDATE runs SET deleted_at = NULL WHERE number = ?", [known[0]])
        return known[1] is not None
    records.add_run(db, owner, replace(run, note=run.note[:MAX_NOTE_CHARS]), _free_id(db, "runs", run.origin))
    return True


def _take_scores(db: Database, owner: str, contents: Contents, ids: dict[Pair, int]) -> int:
    n = 0
    for each in contents.scores:
        scorer = score_rows.scorer(db, owner, each.spec, each.scale, each.instruction)
        n += score_rows.add(db, scorer, ((ids[pair], logit, at) for pair, (logit, at) in each.scores.items()))
    return n


def _take_threshold(db: Database, owner: str, threshold: Threshold) -> bool:
    """Add a threshold; False where one is there that differs in nothing but its id."""
    same = domain.to_json(replace(threshold, id=""))
    for number, body, deleted_at in db.execute(
        "SELECT number, body, deleted_at FROM thresholds WHERE owner = ?", [owner]
    ).fetchall():
        found = domain.sound_threshold(body)
        if found is not None and domain.to_json(replace(found, id="")) == same:
            db.execute("UPDATE thresholds SET deleted_at = NULL WHERE number = ?", [number])
            return deleted_at is not None
    id = _free_id(db, "thresholds", threshold.id)
    moment, body = records.stamp(threshold.saved_at), domain.to_json(replace(threshold, id=id))
    db.table("thresholds").insert({"id": id, "owner": owner, "saved_at": moment, "body": body})
    return True


def _free_id(db: Database, table: str, id: str) -> str:
    """This id where nobody has it, else a new one."""
    taken = db.execute(f"SELECT 1 FROM {table} WHERE id = ?", [id]).fetchone()  # noqa: S608 - a name of ours
    return id if taken is None and ID.fullmatch(id) else records.new_id()
