"""TREC: qrels, a run and texts, which name each other by ids.

Source of the formats: trec_eval's README ("qrels: topic iteration docno rel", "results: topic Q0 docno rank sim tag";
the rank is ignored). Qrels with a heading, such as BEIR's with their three columns, are read too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE
from playground.core.limits import Limits
from playground.inputs.keyed_items import Note, is_blank
from playground.inputs.labelled_sets import json_rows
from playground.inputs.labelled_sets.gathering import Gathering, Place, TooMuch, not_finite
from playground.inputs.labelled_sets.grades import grade_of
from playground.inputs.labelled_sets.sources import Source, load

Part = Literal["qrels", "run", "texts"]
Role = Literal["query", "passage"]

GRADE = (*json_rows.LABEL, "score", "rel")
# What the files of the well-known collections are called.
NAMES: dict[Role, tuple[str, ...]] = {
    "query": ("quer", "topic", "question"),
    "passage": ("passage", "corpus", "doc", "collection", "text"),
}

_INTEGER = re.compile(r"[+-]?\d+")
_JUNK = re.compile(r"-(?!1$)\d+")
_LOOKED_AT = 50
_MOST_TEXT_FILES = 8


@dataclass(slots=True)
class Texts:
    """One file of texts: each id with its text."""

    name: str
    by_id: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Line:
    """One line of qrels or of a run."""

    place: Place
    query: str
    passage: str
    grade: int | None
    score: float | None = None


def part_of(source: Source) -> Part | None:
    """Which part of a TREC collection a file with columns looks like."""
    lines = [line for line in source.text[: 2**16].split("\n") if line.strip()][:_LOOKED_AT]
    if heading_of(source) is not None:
        return "qrels"
    for part, looks in _LOOKS.items():
        if 2 * sum(map(looks, lines)) > len(lines):
            return part
    return None


def heading_of(source: Source) -> str | None:
    """What stands between the columns of qrels whose first line says so: a query's id, a passage's id, and a grade."""
    line = source.text.lstrip("\r\n").split("\n", 1)[0].strip().lower()
    for delimiter in ("\t", ","):
        names = [name.strip() for name in line.split(delimiter)]
        if len(names) in (3, 4) and names[0] in json_rows.QUERY_ID and names[-2] in json_rows.PASSAGE_ID:
            return delimiter if names[-1] in GRADE else None
    return None


def add_trec(gathering: Gathering, parts: Sequence[tuple[Source, Part]]) -> None:
    """The judged pairs, then those that the run adds.

    Raises:
        InvalidInput: a part is missing or given twice, or it cannot be told which texts are the queries.
    """
    qrels = [source for source, part in parts if part == "qrels"]
    runs = [source for source, part in parts if part == "run"]
    files = [texts_of(gathering, source) for source, part in parts if part == "texts"]
    if not qrels:
        raise InvalidInput("There are texts or a run, but no qrels. Give the file with the judgements too.")
    if len(runs) > 1:
        raise InvalidInput(
            "Two runs were given: {first} and {second}. Give the run of one model.",
            first=runs[0].name,
            second=runs[1].name,
        )
    if not files:
        raise InvalidInput(
            "Qrels name queries and passages by ids only. Give their texts too, as TSV (id, tab, text) or JSON lines."
        )
    judged = [line for source in qrels for line in _judgements(gathering, source)]
    ranked = {(line.query, line.passage): line for source in runs for line in run_lines(gathering, source)}
    queries, passages = _roles(files, [*judged, *ranked.values()])
    scores = {pair: line.score for pair, line in ranked.items()}
    n_junk = sum((line.grade or 0) < UNSURE for line in judged)
    if n_junk:
        gathering.notes.append(Note("Grades below -1 (junk, in TREC's words), read as not relevant: {n}.", n=n_junk))
    for line in judged:
        line.score = scores.get((line.query, line.passage))
        ranked.pop((line.query, line.passage), None)
        _add(gathering, line, queries, passages)
    if ranked:
        gathering.notes.append(
            Note("Passages of the run that nobody judged, kept without a label: {n}.", n=len(ranked))
        )
    for line in ranked.values():
        _add(gathering, line, queries, passages)


def read_run(path: Path, limits: Limits) -> dict[str, dict[str, float]]:
    """A run by itself: scores by query and passage id.

    Raises:
        InvalidInput: it cannot be opened, is no run, or a line is broken.
    """
    sources, _ = load([path], limits)
    gathering = Gathering(limits)
    run: dict[str, dict[str, float]] = {}
    for source in sources:
        if part_of(source) != "run":
            raise InvalidInput("{file} is no run: a line of one is query Q0 passage rank score name.", file=source.name)
        for line in run_lines(gathering, source):
            assert line.score is not None
            run.setdefault(line.query, {})[line.passage] = line.score
    gathering.check()
    return run


def _add(gathering: Gathering, line: Line, queries: Mapping[str, str], passages: Mapping[str, str]) -> None:
    try:
        query, text = queries.get(line.query, ""), passages.get(line.passage, "")
        if is_blank(query):
            raise InvalidInput(
                "{file}, line {line}: there is no text for query {id!r}.",
                file=line.place.file,
                line=line.place.line,
                id=line.query,
            )
        if is_blank(text):
            raise InvalidInput(
                "{file}, line {line}: there is no text for passage {id!r}.",
                file=line.place.file,
                line=line.place.line,
                id=line.passage,
            )
        grade = 0 if line.grade is not None and line.grade < UNSURE else line.grade
        gathering.add(line.place, query, text, grade, line.score, line.query, line.passage)
    except TooMuch:
        raise
    except InvalidInput as problem:
        gathering.broken(problem)


def _judgements(gathering: Gathering, source: Source) -> Iterator[Line]:
    """Lines of qrels; a grade of -1 is unsure, as in our own files and in TREC's "in the pool, not judged"."""
    delimiter = heading_of(source)
    lines = columns_of(source, delimiter)
    n_fields = 4 if delimiter is None else len(next(lines)[1])
    for place, fields in lines:
        try:
            if len(fields) != n_fields:
                raise InvalidInput(
                    "{file}, line {line}: a line of qrels is: query 0 passage grade.",
                    file=place.file,
                    line=place.line,
                )
            said = fields[-1]
            grade = int(said) if _JUNK.fullmatch(said) else grade_of(said, place)
            yield Line(place, fields[0], fields[-2], grade)
        except InvalidInput as problem:
            gathering.broken(problem)


def run_lines(gathering: Gathering, source: Source) -> Iterator[Line]:
    """Lines of a run."""
    seen: set[tuple[str, str]] = set()
    for place, fields in columns_of(source):
        try:
            if len(fields) != 6 or not _is_number(fields[4]):
                raise InvalidInput(
                    "{file}, line {line}: a line of a run is: query Q0 passage rank score name.",
                    file=place.file,
                    line=place.line,
                )
            query, passage = fields[0], fields[2]
            if (query, passage) in seen:
                raise InvalidInput(
                    "{file}, line {line}: passage {id!r} stands there twice for query {query!r}.",
                    file=place.file,
                    line=place.line,
                    id=passage,
                    query=query,
                )
            seen.add((query, passage))
            score = float(fields[4])
            if not math.isfinite(score):
                raise not_finite(place, score)
            yield Line(place, query, passage, None, score)
        except InvalidInput as problem:
            gathering.broken(problem)


def columns_of(source: Source, delimiter: str | None = None) -> Iterator[tuple[Place, list[str]]]:
    """The words of each line that is not blank; without a delimiter, spaces and tabs stand between them."""
    for number, line in enumerate(source.text.split("\n"), 1):
        if line.strip():
            yield Place(source.name, number), [field.strip() for field in line.split(delimiter)]


def texts_of(gathering: Gathering, source: Source) -> Texts:
    """Ids and texts of TSV or JSON lines (`id` or `_id`; `text` or `contents`; a `title` goes before the text)."""
    texts = Texts(source.name)
    rows = _json_texts(gathering, source) if source.is_json else _tsv(gathering, source)
    for place, id, text in rows:
        if texts.by_id.setdefault(id, text) != text:
            gathering.broken(
                InvalidInput(
                    "{file}, line {line}: the id {id!r} stands for two texts.",
                    file=place.file,
                    line=place.line,
                    id=id,
                )
            )
    return texts


def _tsv(gathering: Gathering, source: Source) -> Iterator[tuple[Place, str, str]]:
    for number, line in enumerate(source.text.split("\n"), 1):
        id, tab, text = line.rstrip("\r").partition("\t")
        place = Place(source.name, number)
        if tab:
            yield place, id.strip(), text
        elif line.strip():
            gathering.broken(
                InvalidInput(
                    "{file}, line {line}: no tab between the id and the text.", file=place.file, line=place.line
                )
            )


def _json_texts(gathering: Gathering, source: Source) -> Iterator[tuple[Place, str, str]]:
    for place, row in json_rows.entries(source):
        try:
            if isinstance(row, InvalidInput):
                raise row
            yield place, *json_rows.id_and_text(row, place)
        except InvalidInput as problem:
            gathering.broken(problem)


def _roles(files: Sequence[Texts], lines: Sequence[Line]) -> tuple[dict[str, str], dict[str, str]]:
    """The texts of the queries and of the passages: each file is one of the two, so that fewest ids lack a text.

    Raises:
        InvalidInput: two ways do equally well, and the names of the files do not tell.
    """
    if len(files) > _MOST_TEXT_FILES:
        raise InvalidInput(
            "{n} files of texts are too many; at most {limit} can be told apart.",
            n=len(files),
            limit=_MOST_TEXT_FILES,
        )
    needed: dict[Role, set[str]] = {
        "query": {line.query for line in lines},
        "passage": {line.passage for line in lines},
    }
    serves = [{role: file.by_id.keys() & ids for role, ids in needed.items()} for file in files]

    def worth(way: tuple[Role, ...]) -> tuple[int, int]:
        """How many ids have a text, then how many files are called by their role."""
        found = {(role, id) for role, own in zip(way, serves, strict=True) for id in own[role]}
        called = [file.name.lower() for file in files]
        named = sum(any(word in name for word in NAMES[role]) for role, name in zip(way, called, strict=True))
        return len(found), named

    ways = list(product(needed, repeat=len(files)))
    most = max(map(worth, ways))
    best = [way for way in ways if worth(way) == most]
    # A file that serves in neither role, or serves nothing that is needed, may be either.
    telling = {tuple(role if own[role] else None for role, own in zip(way, serves, strict=True)) for way in best}
    if len(telling) > 1:
        raise InvalidInput(
            "It cannot be told which of {files} holds the queries. Name one queries and the other passages.",
            files=", ".join(file.name for file in files),
        )
    texts: dict[Role, dict[str, str]] = {"query": {}, "passage": {}}
    for file, role in zip(files, best[0], strict=True):
        texts[role] |= file.by_id
    return texts["query"], texts["passage"]


def _has_columns(line: str, n: int) -> bool:
    """Exactly `n` words, with tabs between all or none of them: words of a text may stand behind a tab."""
    return len(line.split()) == n and line.strip().count("\t") in (0, n - 1)


def _is_qrels(line: str) -> bool:
    return _has_columns(line, 4) and bool(_INTEGER.fullmatch(line.split()[3]))


def _is_run(line: str) -> bool:
    fields = line.split()
    return _has_columns(line, 6) and bool(_INTEGER.fullmatch(fields[3])) and _is_number(fields[4])


def _is_text(line: str) -> bool:
    id, _, text = line.partition("\t")
    return bool(id.strip()) and bool(text.strip())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_LOOKS: dict[Part, Callable[[str], bool]] = {"qrels": _is_qrels, "run": _is_run, "texts": _is_text}
