"""Rows of files with columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.inputs.keyed_items import ID_KEYS, LABEL_KEYS, QUERY_KEYS, TEXT_KEYS, Note

MAX_ROWS = 100_000
LONGEST_HEADING = 40
HEADINGS = frozenset((*TEXT_KEYS, *ID_KEYS, *LABEL_KEYS, *QUERY_KEYS))

# csv's default of 131,072 characters would refuse a long passage without saying so.
_LONGEST_FIELD = 2**31 - 1


class Table(NamedTuple):
    """Rows of a file with columns; `numbers` are their lines (or rows) in the file, from 1."""

    columns: tuple[str, ...]
    rows: list[dict[str, object]]
    numbers: list[int]
    notes: tuple[Note, ...] = ()


def csv_table(text: str, delimiter: str | None = None, most: int = MAX_ROWS) -> Table:
    """Rows of comma- or otherwise separated values.

    Raises:
        InvalidInput: a row with more or fewer fields than the first, or a quote that never ends, with its line.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = delimiter or sniff_delimiter(lines)
    numbered = list(records(lines, delimiter))
    if len(numbered) > most:
        raise InvalidInput("This file has {n} rows; at most {limit} can be read.", n=len(numbered), limit=most)
    if not numbered:
        raise InvalidInput("This file is empty.")
    first = numbered[0][1]
    notes: tuple[Note, ...] = ()
    if _is_header(first):
        columns = _distinct([name.strip() for name in first])
        numbered = numbered[1:]
    else:
        columns = tuple(f"column {n}" for n in range(1, len(first) + 1))
        notes = (Note("The first row does not look like column names, so it was read as data."),)
    rows: list[dict[str, object]] = []
    for number, fields in numbered:
        if any(field.strip() for field in fields[len(columns) :]) or len(fields) < len(columns):
            raise InvalidInput(
                "Line {line} has {n} fields, but the first line has {expected}. "
                "Put texts that hold a delimiter in double quotes.",
                line=number,
                n=len(fields),
                expected=len(columns),
            )
        rows.append(dict(zip(columns, fields, strict=False)))
    return Table(columns, rows, [number for number, _ in numbered], notes)


def sniff_delimiter(text: str) -> str:
    """The delimiter under which the first rows have known headings, else the same number of fields, else a comma."""
    sample = text[: 2**16]
    best, best_worth = ",", (False, 0.0)
    for delimiter in (",", "\t", ";", "|"):
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if any(row)][:50]
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        known = any(name.strip().lower() in HEADINGS for name in rows[0])
        even = sum(len(row) == width for row in rows) / len(rows)
        best, best_worth = max((best, best_worth), (delimiter, (known, even)), key=lambda pair: pair[1])
    return best


def records(lines: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line it begins on."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield begins, fields
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(
            "The row that begins on line {line} is broken: {reason}.", line=begins, reason=error
        ) from error


def _is_header(fields: Sequence[str]) -> bool:
    """Known headings, or else short cells that are not numbers."""
    names = [field.strip() for field in fields]
    if any(name.lower() in HEADINGS for name in names):
        return True
    return all(name and len(name) <= LONGEST_HEADING and not is_number(name) for name in names) and not any(
        name.endswith((".", "?", "!", "。", "？", "！")) for name in names
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that came before or are empty."""
    seen: list[str] = []
    for place, name in enumerate(names, 1):
        seen.append(name if name and name not in seen else f"{name or 'column'} {place}")
    return tuple(seen)


def is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
