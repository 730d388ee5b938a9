"""Queries to be run over a corpus, pasted or in files, with the judgements that come with them or beside them.

Judgements name passages by id, so the texts of passages are not needed: they are in the corpus.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.core.funnel import FunnelQuery, FunnelSet
from playground.core.labels import RELEVANT
from playground.core.limits import LOCAL, Limits
from playground.inputs.heads import JSON
from playground.inputs.keyed_items import free_id, is_blank
from playground.inputs.labelled_sets import json_rows, sources, trec
from playground.inputs.labelled_sets.gathering import Place
from playground.inputs.labelled_sets.grades import grade_of, whole_number
from playground.inputs.labelled_sets.sources import Source
from playground.inputs.tables import csv_table

PASTED = "pasted"
TEXT = ("text", "query", "question")
ID = ("_id", "id", *json_rows.QUERY_ID)
POSITIVE = ("pos", "positive", "positives", "relevant")

Grades = dict[str, int]
Row = tuple[Place, Mapping[str, object]]


def paste(text: str) -> FunnelSet:
    """One query a line, or any text that a file may hold; judgements only below their heading.

    Raises:
        InvalidInput: as `read`.
    """
    return _gathered(PASTED, [Source(PASTED, text.strip("\ufeff"))])


def read(paths: Sequence[Path], limits: Limits = LOCAL) -> FunnelSet:
    """The queries of these files: JSON lines or a table (`id` or `_id`, `text` or `query`), or one query a line; with
    labels where a row lists ids (`pos`), or where one of the files is qrels.

    Raises:
        InvalidInput: no query in them, one id for two texts, or a line that cannot be read, with its number.
    """
    found, _ = sources.load(paths, limits)
    qrels = [source for source in found if _may_be_qrels(source)]
    queries = [source for source in found if source not in qrels]
    return _gathered(", ".join(source.name for source in found), queries, qrels)


def known_in(asked: FunnelSet, ids: Collection[str]) -> FunnelSet:
    """The same, with the number of judged passages that are none of these."""
    judged = {passage for query in asked.queries for passage, grade in (query.grades or {}).items() if grade > 0}
    return FunnelSet(asked.name, asked.queries, len(judged - set(ids)))


def judged_ids(asked: FunnelSet) -> tuple[str, ...]:
    """Every passage that some query judges relevant."""
    return tuple(
        dict.fromkeys(id for query in asked.queries for id, grade in (query.grades or {}).items() if grade > 0)
    )


def _gathered(name: str, found: Sequence[Source], qrels: Sequence[Source] = ()) -> FunnelSet:
    """What these hold.

    Args:
        qrels: what looks so, read last: it may be queries of four words, the last of them a number.
    """
    texts: dict[str, str] = {}
    grades: dict[str, Grades] = {}
    for source in (*found, *qrels):
        rows = _judged(source) if source in qrels and _names_queries(source, texts) else _rows(source)
        for place, row in rows:
            query, passage = _said(row, json_rows.QUERY_ID), _said(row, json_rows.PASSAGE_ID)
            if query and passage:
                said = _said(row, trec.GRADE)
                number = whole_number(said)
                grade = grade_of(said, place) if number is None else number
                if grade is not None:
                    grades.setdefault(query, {})[passage] = grade
                continue
            text = _said(row, TEXT).strip()
            if is_blank(text):
                raise InvalidInput("{file}, line {line}: there is no query.", file=place.file, line=place.line)
            id = _said(row, ID) or free_id(len(texts) + 1, texts)
            if texts.setdefault(id, text) != text:
                raise InvalidInput(
                    "{file}, line {line}: the id {id!r} stands for two texts.", file=place.file, line=place.line, id=id
                )
            for passage in _listed(row):
                grades.setdefault(id, {})[passage] = RELEVANT
    if not texts:
        raise InvalidInput("There is no query here. Write one a line, or choose a file with queries.")
    return FunnelSet(name, tuple(FunnelQuery(id, text, grades.get(id)) for id, text in texts.items()))


def _rows(source: Source) -> Iterator[Row]:
    """Rows by lower-case names of their columns; of plain lines each is a query."""
    if _is_json(source):
        for place, row in json_rows.entries(source):
            if isinstance(row, InvalidInput):
                raise row
            yield place, row
        return
    lines = [(number, line.strip()) for number, line in enumerate(source.text.splitlines(), 1) if line.strip()]
    heading = {cell.strip().lower() for cell in lines[0][1].replace("\t", ",").split(",")} if lines else set()
    if heading & {*TEXT} or trec.heading_of(source):
        table = csv_table(source.text, sources.delimiter_of(source))
        for number, fields in zip(table.numbers, table.rows, strict=True):
            yield Place(source.name, number), {name.lower(): value for name, value in fields.items()}
    else:
        with_ids = bool(lines) and all(line.count("\t") == 1 for _, line in lines)
        for number, line in lines:
            id, _, text = line.partition("\t") if with_ids else ("", "", line)
            yield Place(source.name, number), {ID[0]: id.strip(), TEXT[0]: text}


def _is_json(source: Source) -> bool:
    """Whether its name says so, or some of it is: a query may begin with "[1]"."""
    if not source.is_json or source.name.lower().removesuffix(".gz").endswith(JSON):
        return source.is_json
    return any(not isinstance(row, InvalidInput) for _, row in json_rows.entries(source))


def _may_be_qrels(source: Source) -> bool:
    return not _is_json(source) and not trec.heading_of(source) and trec.part_of(source) == "qrels"


def _names_queries(source: Source, known: Collection[str]) -> bool:
    """Whether this is qrels: most lines have trec_eval's second column, or begin with the id of a known query."""
    lines = [fields for _, fields in trec.columns_of(source)]
    marked = sum(fields[1:2] in (["0"], ["Q0"]) for fields in lines)
    return 2 * max(marked, sum(fields[0] in known for fields in lines)) > len(lines)


def _judged(source: Source) -> Iterator[Row]:
    """The lines of qrels without a heading."""
    for place, fields in trec.columns_of(source):
        if len(fields) != 4:
            raise InvalidInput(
                "{file}, line {line}: a line of qrels is: query 0 passage grade.", file=place.file, line=place.line
            )
        query, _, passage, grade = fields
        yield place, {json_rows.QUERY_ID[0]: query, json_rows.PASSAGE_ID[0]: passage, trec.GRADE[0]: grade}


def _said(row: Mapping[str, object], names: Sequence[str]) -> str:
    value = next((row[name] for name in names if row.get(name) is not None), "")
    return str(value) if isinstance(value, str | int | float) else ""


def _listed(row: Mapping[str, object]) -> list[str]:
    """The ids that a row lists as relevant."""
    value = next((row[name] for name in POSITIVE if row.get(name)), [])
    if isinstance(value, str):
        return value.split()
    return [str(each) for each in value] if isinstance(value, list) else []
