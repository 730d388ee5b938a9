"""Labelled pairs from anywhere become one set: merged, checked against each other and against the limits."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from playground.core.errors import InvalidInput, Problems
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet, SetScores
from playground.core.limits import Limits, clean
from playground.core.scales import FILE
from playground.core.types import ModelSpec, Passage
from playground.inputs.keyed_items import Note, free_id, is_blank

Kind = Literal["flagembedding", "sentence-transformers", "csv", "trec"]
KINDS: tuple[Kind, ...] = ("flagembedding", "sentence-transformers", "csv", "trec")

SHOWN_PROBLEMS = 5
SHOWN_CHARS = 60


class Place(NamedTuple):
    """Where something stands: the name of a file and a line in it, from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What one file, or several that belong together, said.

    Attributes:
        labelled: with the id "file".
        scores: in step with the set's queries and their passages; None where a pair came without a score, and None
            for all of it where no pair has one. Nothing is known of them but that more is better.
        notes: sentences for the user about what was merged, left out or understood in one of several ways.
        kind: the format that was found.
        scored_by: what gave the scores, without them; None where that is not known.
    """

    labelled: LabelledSet
    scores: tuple[tuple[float | None, ...], ...] | None
    notes: tuple[Note, ...]
    kind: Kind
    scored_by: SetScores | None = None


def scores_of(file: LabelFile) -> SetScores | None:
    """The scores that came with a file; None without any.

    Where nothing is known of them they are those of a model named like its set, on the scale `FILE`, whose fingerprint
    is the digest of the scored pairs, so that two files are two scorers.
    """
    if file.scores is None:
        return None
    if file.scored_by is not None:
        return replace(file.scored_by, logits=file.scores)
    said = [
        (query.query, passage.text, score)
        for query, row in zip(file.labelled.queries, file.scores, strict=True)
        for passage, score in zip(query.passages, row, strict=True)
    ]
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    spec = ModelSpec(
        model_id=file.labelled.name,
        revision=None,
        fingerprint=digest,
        kind="reranker",
        family="file",
        architecture="",
        device="",
        precision="fp32",
        max_length=0,
        truncation="only_second",
        n_parameters=0,
    )
    return SetScores(spec, FILE, "", file.scores)


@dataclass(slots=True)
class _Pair:
    id: str
    grade: int | None
    score: float | None
    place: Place


@dataclass(slots=True)
class _Query:
    id: str
    text: str
    pairs: dict[str, _Pair] = field(default_factory=dict)
    by_id: dict[str, str] = field(default_factory=dict)


class Gathering:
    """Collects pairs and problems. Nothing comes out of it where there is any problem."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.notes: list[Note] = []
        self._queries: dict[str, _Query] = {}
        self._text_of_id: dict[str, str] = {}
        self._problems: list[InvalidInput] = []
        self._n_problems = self._n_pairs = self._n_chars = 0
        self._n_repeats = self._n_other_scores = self._n_same_queries = self._n_mended = 0

    def broken(self, problem: InvalidInput) -> None:
        """Counts a line that cannot be used. The first few are kept to be shown."""
        self._n_problems += 1
        if len(self._problems) < SHOWN_PROBLEMS:
            self._problems.append(problem)

    @property
    def no_problems(self) -> bool:
        return not self._n_problems

    def check(self) -> None:
        """Nothing, where no line was broken.

        Raises:
            InvalidInput: lines were; it says how many, and the first of them.
        """
        if self._n_problems == 1:
            raise InvalidInput(
                "Nothing was imported: one line is broken. {problems}", problems=Problems(self._problems)
            )
        if self._n_problems:
            raise InvalidInput(
                "Nothing was imported: {n:,} lines are broken. The first: {problems}",
                n=self._n_problems,
                problems=Problems(self._problems),
            )

    def add(
        self,
        place: Place,
        query: str,
        text: str,
        grade: int | None,
        score: float | None = None,
        query_id: str = "",
        passage_id: str = "",
    ) -> None:
        """One pair. A repeated pair is merged; a label is stronger than none.

        Args:
            grade: None where nobody said anything.
            query_id, passage_id: empty where the file names none.
        Raises:
            InvalidInput: a blank or too long text, a score that is not finite, an id that stands for two texts, or
                another label for the same pair; with the place.
        """
        query, text = self._mended(query), self._mended(text)
        self._check_query(place, query)
        self._check_passage(place, text)
        if score is not None and not math.isfinite(score):
            raise not_finite(place, score)
        found = self._query(place, query, self._mended(query_id))
        known = found.pairs.get(text)
        if known is not None:
            self._merge(place, found, text, known, grade, score)
            return
        passage_id = self._mended(passage_id)
        if passage_id and found.by_id.setdefault(passage_id, text) != text:
            raise InvalidInput(
                "{file}, line {line}: the id {id!r} stands for two passages of one query.",
                file=place.file,
                line=place.line,
                id=passage_id,
            )
        self._count(text)
        found.pairs[text] = _Pair(passage_id, grade, score, place)

    def finish(self, name: str, kind: Kind, at: datetime | None = None) -> LabelFile:
        """The set.

        Raises:
            InvalidInput: lines were broken (how many, and the first of them), no pairs, or no labels.
        """
        self.check()
        pairs = [pair for query in self._queries.values() for pair in query.pairs.values()]
        if not pairs:
            raise InvalidInput("This file holds no labelled pairs.")
        if all(pair.grade is None for pair in pairs):
            raise InvalidInput("This file holds no labels. Say of at least one passage whether it is relevant.")
        queries = self._labelled(at or datetime.now(UTC))
        scores = tuple(tuple(pair.score for pair in query.pairs.values()) for query in self._queries.values())
        scored = any(pair.score is not None for pair in pairs)
        return LabelFile(LabelledSet("file", name, queries), scores if scored else None, self._all_notes(), kind)

    def _labelled(self, at: datetime) -> tuple[LabelledQuery, ...]:
        labels = {grade: Label(grade, "imported", at) for grade in self._grades()}
        taken = set(self._text_of_id)
        queries = []
        for place, query in enumerate(self._queries.values(), 1):
            query.id = query.id or _number(place, taken)
            named = set(query.by_id)
            passages = tuple(
                Passage(pair.id or _number(number, named), text, _yes(pair.grade))
                for number, (text, pair) in enumerate(query.pairs.items(), 1)
            )
            said = tuple(None if pair.grade is None else labels[pair.grade] for pair in query.pairs.values())
            queries.append(LabelledQuery(query.id, query.text, passages, said))
        return tuple(queries)

    def _grades(self) -> set[int]:
        return {
            pair.grade for query in self._queries.values() for pair in query.pairs.values() if pair.grade is not None
        }

    def _query(self, place: Place, text: str, id: str) -> _Query:
        if id and self._text_of_id.setdefault(id, text) != text:
            raise InvalidInput(
                "{file}, line {line}: the id {id!r} stands for two queries.", file=place.file, line=place.line, id=id
            )
        found = self._queries.get(text)
        if found is None:
            found = self._queries[text] = _Query(id, text)
        elif id and not found.id:
            found.id = id
        elif id and id != found.id:
            self._n_same_queries += 1
        return found

    def _merge(
        self, place: Place, query: _Query, text: str, known: _Pair, grade: int | None, score: float | None
    ) -> None:
        if grade is not None and known.grade is not None and grade != known.grade:
            raise contradiction(place, known.place, query.text, text, {grade, known.grade})
        if score is not None and known.score is not None and score != known.score:
            self._n_other_scores += 1
        self._n_repeats += 1
        known.grade = grade if known.grade is None else known.grade
        known.score = score if known.score is None else known.score

    def _count(self, text: str) -> None:
        self._n_pairs += 1
        self._n_chars += len(text)
        if self._n_pairs > self.limits.pairs:
            raise TooMuch("A labelled set may hold {limit:,} pairs; this one holds more.", limit=self.limits.pairs)
        if self._n_chars > self.limits.set_chars:
            raise TooMuch(
                "The passages of a labelled set may have {limit:,} characters together; these have more.",
                limit=self.limits.set_chars,
            )

    def _check_query(self, place: Place, query: str) -> None:
        if is_blank(query):
            raise InvalidInput("{file}, line {line}: the query is blank.", file=place.file, line=place.line)
        if len(query) > self.limits.query_chars:
            raise InvalidInput(
                "{file}, line {line}: the query has {n:,} characters; the limit is {limit:,}.",
                file=place.file,
                line=place.line,
                n=len(query),
                limit=self.limits.query_chars,
            )

    def _check_passage(self, place: Place, text: str) -> None:
        if is_blank(text):
            raise InvalidInput("{file}, line {line}: a passage is blank.", file=place.file, line=place.line)
        if len(text) > self.limits.passage_chars:
            raise InvalidInput(
                "{file}, line {line}: a passage has {n:,} characters; the limit is {limit:,}.",
                file=place.file,
                line=place.line,
                n=len(text),
                limit=self.limits.passage_chars,
            )

    def _mended(self, text: str) -> str:
        cleaned = clean(text)
        self._n_mended += cleaned != text
        return cleaned

    def _all_notes(self) -> tuple[Note, ...]:
        notes = list(self.notes)
        if self._n_mended:
            notes.append(
                Note("Texts with characters that no text can hold (NUL, half emoji), mended: {n}.", n=self._n_mended)
            )
        if self._n_repeats:
            notes.append(Note("Pairs that stand there more than once, merged: {n}.", n=self._n_repeats))
        if self._n_other_scores:
            notes.append(
                Note("Repeated pairs with another score, of which the first was kept: {n}.", n=self._n_other_scores)
            )
        if self._n_same_queries:
            notes.append(
                Note(
                    "Pairs whose query has the text of an earlier one with another id, put there: {n}.",
                    n=self._n_same_queries,
                )
            )
        return tuple(notes)


class TooMuch(InvalidInput):
    """A limit of the whole set is passed: reading stops at once."""


def contradiction(place: Place, other: Place, query: str, text: str, grades: Collection[int]) -> InvalidInput:
    """Two labels for one pair."""
    both = 0 in grades and max(grades) > 0
    values = {
        "file": place.file,
        "line": place.line,
        "text": text[:SHOWN_CHARS],
        "query": query[:SHOWN_CHARS],
        "other": f"{other.file}:{other.line}",
    }
    if both:
        return InvalidInput(
            "{file}, line {line}: {text!r} is both relevant and not relevant to {query!r} (see {other}).", **values
        )
    return InvalidInput("{file}, line {line}: {text!r} has another label for {query!r} (see {other}).", **values)


def not_finite(place: Place, score: float) -> InvalidInput:
    """A score that is NaN or infinite."""
    return InvalidInput(
        "{file}, line {line}: the score {score} is not a finite number.",
        file=place.file,
        line=place.line,
        score=score,
    )


def _number(place: int, taken: set[str]) -> str:
    own = free_id(place, taken)
    taken.add(own)
    return own


def _yes(grade: int | None) -> bool | None:
    return None if grade is None or grade == UNSURE else grade > 0
