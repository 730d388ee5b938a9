"""Labelled sets, by owner, and what models gave to their pairs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlite_utils import Database

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import Label, LabelledQuery, LabelledSet, SetScores
from playground.core.scales import Scale
from playground.core.types import ModelSpec
from playground.history import domain, label_rows, pairs, retention, score_rows, set_rows
from playground.history.database import HistoryFile
from playground.history.manifests import clean
from playground.history.records import owned, stamp
from playground.history.rows import ScorerRow, SetRow
from playground.history.staging import staged

MAX_NAME_CHARS = 200


class SetStore:
    """Labelled sets in the history's file. Every method raises HistoryError where the file cannot be used or a set is
    absent; nothing is then half-written.

    The labels of a set are the owner's labels of its pairs: one that is changed anywhere is changed in every set.
    Scores belong to pairs too, so two sets that share pairs share their scores.
    """

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def save(self, owner: str, labelled: LabelledSet, scores: SetScores | None = None) -> str:
        """Keep a set, all of it or after any error nothing; it is on the disk when its id comes back.

        Its labels enter as imported ones, each with its time, except where a person's label stands. A name is cut to
        MAX_NAME_CHARS. A large set is written in many short transactions, between which others write.

        Args:
            scores: that came with it, in step with it.
        Raises:
            TypeError: what a passage carries along holds something that JSON does not.
        """
        owner, now = owned(owner), datetime.now(UTC)
        with staged(self._file, owner, labelled, clean(labelled.name)[:MAX_NAME_CHARS], now) as new:
            labels = (label for query in labelled.queries for label in query.labels)
            said = ((pair, label) for pair, label in zip(new.pairs, labels, strict=True) if label is not None)
            rows = label_rows.rows_of_set(owner, said)
            if scores is not None:
                self._add_scores(owner, scores, new.pairs)
            with self._file.writing(owner) as db:
                retention.purge_some(db, now - retention.KEPT_AFTER_DELETE)
                label_rows.add_of_set(db, owner, rows)
                return set_rows.show(db, owner, new.number)

    def _add_scores(self, owner: str, scores: SetScores, ids: Sequence[int]) -> None:
        """Store scores of pairs that nobody sees yet."""
        at = score_rows.now()
        logits = (logit for row in scores.logits for logit in row)
        known = [(pair, logit, at) for pair, logit in zip(ids, logits, strict=True) if logit is not None]
        parts = (known[start : start + set_rows.MAX_ROWS] for start in range(0, len(known), set_rows.MAX_ROWS))

        def write(db: Database, part: Sequence[tuple[int, float, int]]) -> None:
            scorer = score_rows.scorer(db, owner, scores.spec, scores.scale, scores.instruction)
            score_rows.add(db, scorer, part)

        self._file.write_slices(parts, write)

    def get(self, owner: str, set_id: str) -> LabelledSet:
        """One set, deleted or not, with the labels of now."""
        with self._file.reading() as db:
            number, name = _found(db, owned(owner), set_id)
            try:
                return set_rows.read(db, owned(owner), number, set_id, name)
            except (ValueError, InvalidInput) as error:
                raise HistoryError(
                    "The labelled set {set_id!r} is damaged and cannot be shown.", set_id=set_id[:40]
                ) from error

    def rename(self, owner: str, set_id: str, name: str) -> None:
        """Give a set another name; NUL and lone surrogates become U+FFFD."""
        name = clean(name).strip()
        if not name:
            raise HistoryError("A set needs a name. Type one.")
        if len(name) > MAX_NAME_CHARS:
            raise HistoryError(
                "The name has {found} characters, more than {limit}. Shorten it.", found=len(name), limit=MAX_NAME_CHARS
            )
        self._set(owner, set_id, "name", name)

    def delete(self, owner: str, set_id: str) -> None:
        """Put a set into the bin; `restore` takes it back until it is removed for good.

        What a person said of its pairs stays even then; imported labels, scores and texts that nothing else holds go.
        """
        self._set(owner, set_id, "deleted_at", stamp(datetime.now(UTC)))

    def restore(self, owner: str, set_id: str) -> None:
        """Undo `delete`, as long as the set was not removed for good."""
        self._set(owner, set_id, "deleted_at", None)

    def effective(self, owner: str, labelled: LabelledSet) -> LabelledSet:
        """Any set, stored or not, with the labels of `owner` laid over its own."""
        with self._file.reading() as db:
            found = label_rows.find(db, owned(owner), set_rows.pairs_of(labelled))
        if not found:
            return labelled
        places = iter(range(labelled.n_pairs))
        return replace(
            labelled,
            queries=tuple(
                _relabelled(query, [found.get(next(places), label) for label in query.labels])
                for query in labelled.queries
            ),
        )

    def put_scores(
        self, owner: str, spec: ModelSpec, scale: Scale, instruction: str, scores: Iterable[tuple[str, str, float]]
    ) -> None:
        """Keep what one model gave to pairs, all or after any error nothing; it is on the disk when this returns.

        Args:
            scores: query, passage text and finite raw output; a pair that was scored before gets the new score.
        """
        owner = owned(owner)
        wanted = {(query, text): float(logit) for query, text, logit in scores}
        for (query, _), logit in wanted.items():
            if not math.isfinite(logit):
                raise HistoryError(
                    "A passage for the query {query!r} has the score {logit}, which cannot be kept. "
                    "Score the set again with precision fp32.",
                    query=query[:60],
                    logit=logit,
                )
        if wanted:
            with self._file.writing(owner) as db:
                ids, at = pairs.add(db, [*wanted]), score_rows.now()
                scorer = score_rows.scorer(db, owner, spec, scale, instruction)
                score_rows.add(
                    db, scorer, ((pair, logit, at) for pair, logit in zip(ids, wanted.values(), strict=True))
                )
                label_rows.renew_version(db, owner)

    def scores(self, owner: str, labelled: LabelledSet, key: str) -> SetScores | None:
        """What the scorer with this key gave to a set, in step with it; None where it scored no pair of it."""
        with self._file.reading() as db:
            return score_rows.read(db, owned(owner), labelled, key)

    def find_scores(
        self, owner: str, labelled: LabelledSet, spec: ModelSpec, scale: Scale, instruction: str
    ) -> SetScores | None:
        """`scores` of the scorer that these three describe."""
        return self.scores(owner, labelled, domain.scorer_key(spec, scale, instruction))

    def scorers(self, owner: str, labelled: LabelledSet) -> list[ScorerRow]:
        """Everything that scored a set, wholly or in part; the newest score first."""
        with self._file.reading() as db:
            return score_rows.scorers(db, owned(owner), labelled)

    @staticmethod
    def scorer_key(spec: ModelSpec, scale: Scale, instruction: str) -> str:
        """The key of a scorer: scores of two sets may stand together where it is the same."""
        return domain.scorer_key(spec, scale, instruction)

    def list(self, owner: str) -> list[SetRow]:
        """Newest first."""
        with self._file.reading() as db:
            rows = db.execute(set_rows.LIST, [owned(owner)]).fetchall()
        return [
            SetRow(id, name, datetime.fromisoformat(created_at), n_queries, n_pairs, *map(int, json.loads(said)))
            for id, name, created_at, n_queries, n_pairs, said in rows
        ]

    def _set(self, owner: str, set_id: str, column: str, value: str | None) -> None:
        owner = owned(owner)
        with self._file.writing() as db:
            number, _ = _found(db, owner, set_id)
            db.table("sets").update(number, {column: value})
            label_rows.renew_version(db, owner)


def _found(db: Database, owner: str, set_id: str) -> tuple[int, str]:
    """Number and name of a set.

    Raises:
        HistoryError: `owner` has no such set.
    """
    found = db.execute(
        "SELECT number, name FROM sets WHERE id = ? AND owner = ? AND origin NOT NULL", [clean(set_id), owner]
    ).fetchone()
    if found is None:
        raise HistoryError(
            "There is no labelled set {set_id!r} of yours. It may be deleted, or belong to another browser.",
            set_id=set_id[:40],
        )
    return int(found[0]), str(found[1])


def _relabelled(query: LabelledQuery, labels: list[Label | None]) -> LabelledQuery:
    return replace(query, labels=tuple(labels))
