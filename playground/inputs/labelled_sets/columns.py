"""CSV and TSV with a query, a passage and a label in each row, or a triplet: a query, a positive and a negative."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from playground.core.errors import InvalidInput
from playground.core.spreadsheet_cells import FORMULA_STARTS
from playground.inputs.labelled_sets import json_rows
from playground.inputs.labelled_sets.gathering import Gathering, Place, TooMuch
from playground.inputs.labelled_sets.sources import Source, delimiter_of
from playground.inputs.tables import records

# The columns of our own files, in which a text that looks like a formula has an apostrophe before it.
OURS = ("query_id", "query", "passage_id", "passage", "label")
OURS_SCORED = (*OURS, "score")
WRITTEN_AS_TEXT = frozenset({"query_id", "query", "passage_id", "passage"})

_FORMULA = re.compile(f"'*[{re.escape(''.join(FORMULA_STARTS))}]")
_SAFE = re.compile(f"'+[{re.escape(''.join(FORMULA_STARTS))}]")


def escaped(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula; `unescaped` gives the text back."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """The text of which `escaped` made this cell."""
    return cell[1:] if _SAFE.match(cell) else cell


def is_table(names: Sequence[str]) -> bool:
    """Whether these are the column names of labelled pairs, or of a table that lacks only one of them."""
    row = dict.fromkeys(_plain(names))
    return json_rows.has(row, json_rows.LABEL) or (
        json_rows.has(row, json_rows.QUERY) and (json_rows.has(row, json_rows.TEXT) or _is_triplet(names))
    )


def first_row(source: Source) -> list[str]:
    """The fields of its first row."""
    line = source.text.lstrip("\r\n").split("\n", 1)[0]
    return next(csv.reader([line.rstrip("\r")], delimiter=delimiter_of(source)), [])


def add_table(gathering: Gathering, source: Source, names: tuple[str, ...] = ()) -> set[str]:
    """Every row of a table; the columns that were not used.

    Args:
        names: of the columns; empty where the first row says them.
    Raises:
        InvalidInput: it lacks the column of the query, the passage or the label.
    """
    rows = _rows(gathering, source)
    names = names or _plain(next(rows, (0, []))[1])
    _check(source, names)
    ours = names in (OURS, OURS_SCORED)
    triplets = _is_triplet(names)
    used: set[str] = set()
    for line, fields in rows:
        place = Place(source.name, line)
        try:
            row = _row(place, names, fields, ours)
            if triplets:
                said = {name: cell for name, cell in row.items() if str(cell).strip()}
                used |= json_rows.add_sentence_transformers(gathering, place, said)
            else:
                used |= json_rows.add_pair(gathering, place, row)
        except TooMuch:
            raise
        except InvalidInput as problem:
            gathering.broken(problem)
    return set(names) - used


def _rows(gathering: Gathering, source: Source) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins on; a row whose quotes never end is broken, and the last."""
    try:
        yield from records(source.text, delimiter_of(source))
    except InvalidInput as error:
        gathering.broken(
            InvalidInput(
                "{file}, line {line}: the row that begins here is broken ({reason}).", file=source.name, **error.values
            )
        )


def _row(place: Place, names: tuple[str, ...], fields: list[str], ours: bool) -> dict[str, object]:
    if any(field.strip() for field in fields[len(names) :]) or len(fields) < len(names):
        raise InvalidInput(
            "{file}, line {line}: {n} fields, but the first line has {expected}. "
            "Put texts that hold a delimiter in double quotes.",
            file=place.file,
            line=place.line,
            n=len(fields),
            expected=len(names),
        )
    cells = zip(names, fields, strict=False)
    if ours:
        return {name: unescaped(cell) if name in WRITTEN_AS_TEXT else cell for name, cell in cells}
    return dict(cells)


def _check(source: Source, names: tuple[str, ...]) -> None:
    row = dict.fromkeys(names)
    if json_rows.has(row, json_rows.QUERY) and _is_triplet(names):
        return
    if json_rows.has(row, json_rows.QUERY_ID) and not json_rows.has(row, (*json_rows.QUERY, *json_rows.TEXT)):
        raise InvalidInput(
            "{file} names its queries and passages by ids only (its columns are: {columns}). Add the columns query and "
            "passage with their texts, or give the columns query-id, corpus-id, score beside files of the texts.",
            file=source.name,
            columns=_listed(names),
        )
    if not all(json_rows.has(row, wanted) for wanted in (json_rows.QUERY, json_rows.TEXT, json_rows.LABEL)):
        raise InvalidInput(
            "{file} needs the columns query, passage and label. Its columns are: {columns}.",
            file=source.name,
            columns=_listed(names),
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names[:20])


def _is_triplet(names: Sequence[str]) -> bool:
    return json_rows.row_kind(dict.fromkeys(_plain(names))) == "sentence-transformers"


def _plain(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in names)
