"""Uploaded files become passages."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.ui.inputs.encodings import decode
from playground.ui.inputs.items import (
    ID_KEYS,
    LABEL_KEYS,
    QUERY_KEYS,
    TEXT_KEYS,
    Gathered,
    Note,
    find_key,
    gather,
    is_blank,
    is_box,
    mend,
)
from playground.ui.inputs.parse import Parsed, detect, parse_passages, read_json, read_jsonl

MAX_FILE_BYTES = 20 * 2**20
MAX_TABLE_BYTES = 200 * 2**20
MAX_ROWS = 100_000
SUFFIXES = (".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")

_HEADINGS = frozenset((*TEXT_KEYS, *ID_KEYS, *LABEL_KEYS, *QUERY_KEYS))
_LONGEST_HEADING = 40
_MOST_LISTED = 20


class Table(NamedTuple):
    """Rows of a file with columns; `numbers` are their lines (or rows) in the file, from 1."""

    columns: tuple[str, ...]
    rows: list[dict[str, object]]
    numbers: list[int]
    notes: tuple[Note, ...] = ()


def read_file(path: str | Path, *, column: str | None = None) -> Parsed:
    """Passages of a TXT, CSV, TSV, JSON, JSONL or Parquet file; the ending of its name says which.

    Args:
        column: the column (or JSON key) that holds the text; None finds it.
    Raises:
        InvalidInput: the file is of another type, too big, empty, damaged, or has no such column.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInput(
            "Files of type {suffix!r} cannot be read. Upload one of: {suffixes}.",
            suffix=suffix or path.name,
            suffixes=", ".join(SUFFIXES),
        )
    data = _bytes(path)
    if suffix == ".parquet":
        return _from_table(parquet_table(data), column)
    text, notes = decode(data)
    text, _ = mend(text)
    if is_blank(text):
        raise InvalidInput("This file is empty.")
    if suffix in (".csv", ".tsv"):
        parsed = _from_table(csv_table(text, "\t" if suffix == ".tsv" else None), column)
    elif suffix in (".txt", ".md"):
        parsed = parse_passages(text)
    else:
        parsed = _from_json(text, suffix, column)
    if not parsed.passages:
        raise InvalidInput("This file holds no passages.")
    return replace(parsed, notes=(*notes, *parsed.notes))


def csv_table(text: str, delimiter: str | None = None) -> Table:
    """Rows of comma- or otherwise separated values.

    Raises:
        InvalidInput: a row with more or fewer fields than the first, or a quote that never ends, with its line.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = delimiter or sniff_delimiter(lines)
    records = list(_records(lines, delimiter))
    if len(records) > MAX_ROWS:
        raise InvalidInput("This file has {n} rows; at most {limit} can be read.", n=len(records), limit=MAX_ROWS)
    if not records:
        raise InvalidInput("This file is empty.")
    first = records[0][1]
    notes: tuple[Note, ...] = ()
    if _is_header(first):
        columns = _distinct([name.strip() for name in first])
        records = records[1:]
    else:
        columns = tuple(f"column {n}" for n in range(1, len(first) + 1))
        notes = (Note("The first row does not look like column names, so it was read as data."),)
    rows: list[dict[str, object]] = []
    for number, fields in records:
        if any(field.strip() for field in fields[len(columns) :]) or len(fields) < len(columns):
            raise InvalidInput(
                "Line {line} has {n} fields, but the first line has {expected}. "
                "Put texts that hold a delimiter in double quotes.",
                line=number,
                n=len(fields),
                expected=len(columns),
            )
        rows.append(dict(zip(columns, fields, strict=False)))
    return Table(columns, rows, [number for number, _ in records], notes)


def sniff_delimiter(text: str) -> str:
    """The delimiter under which the first rows have known headings, else the same number of fields, else a comma."""
    sample = text[: 2**16]
    best, best_worth = ",", (False, 0.0)
    for delimiter in (",", "\t", ";", "|"):
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if any(row)][:50]
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        known = any(name.strip().lower() in _HEADINGS for name in rows[0])
        even = sum(len(row) == width for row in rows) / len(rows)
        best, best_worth = max((best, best_worth), (delimiter, (known, even)), key=lambda pair: pair[1])
    return best


def parquet_table(data: bytes) -> Table:
    """Rows of a Parquet file.

    Raises:
        InvalidInput: not Parquet, damaged, or far bigger once unpacked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        meta = file.metadata
        n_bytes = sum(meta.row_group(n).total_byte_size for n in range(meta.num_row_groups))
        if meta.num_rows > MAX_ROWS:
            raise InvalidInput("This file has {n} rows; at most {limit} can be read.", n=meta.num_rows, limit=MAX_ROWS)
        if n_bytes > MAX_TABLE_BYTES:
            raise InvalidInput(
                "This file unpacks to {size} MiB; at most {limit} MiB can be read.",
                size=n_bytes // 2**20,
                limit=MAX_TABLE_BYTES // 2**20,
            )
        rows = file.read().to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput("This is not a Parquet file, or it is damaged: {reason}.", reason=str(error)) from error
    return Table(tuple(meta.schema.to_arrow_schema().names), rows, list(range(1, len(rows) + 1)))


def choose_column(table: Table, column: str | None = None) -> str:
    """The column that holds the passages.

    Raises:
        InvalidInput: there is no such column, or none was named and several may be meant; both list the columns.
    """
    if column is not None:
        same = [name for name in table.columns if name == column]
        close = [name for name in table.columns if name.lower() == column.strip().lower()]
        if not (same or close):
            raise InvalidInput(
                "There is no column {column!r}. The columns are: {columns}.",
                column=column,
                columns=listed(table.columns),
            )
        return (same or close)[0]
    found = find_key(dict.fromkeys(table.columns), TEXT_KEYS)
    if found is not None:
        return found
    texts = [name for name in table.columns if name.strip().lower() not in _HEADINGS and _is_text(table, name)]
    if len(texts) != 1:
        raise InvalidInput("Which column holds the passages? Name one of: {columns}.", columns=listed(table.columns))
    return texts[0]


def listed(columns: Sequence[str]) -> str:
    """The columns in one line that fits into a sentence."""
    shown = [
        name if len(name) <= _LONGEST_HEADING else f"{name[:_LONGEST_HEADING]}…" for name in columns[:_MOST_LISTED]
    ]
    return ", ".join(shown) + (" …" if len(columns) > _MOST_LISTED else "")


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InvalidInput(
                "This file has {size} MiB; at most {limit} MiB can be read.",
                size=-(-size // 2**20),
                limit=MAX_FILE_BYTES // 2**20,
            )
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            "The file {name!r} cannot be opened: {reason}.", name=path.name, reason=error.strerror
        ) from error
    if not data.strip(b"\0 \t\r\n" + codecs.BOM_UTF8):
        raise InvalidInput("This file is empty.")
    return data


def _from_json(text: str, suffix: str, column: str | None) -> Parsed:
    mode, _ = detect(text)
    if mode not in ("json", "jsonl"):
        mode = "json" if suffix == ".json" else "jsonl"
    gathered = read_json(text, column) if mode == "json" else read_jsonl(text, column)
    return Parsed(gathered.passages, mode, gathered.notes, gathered.query, column)


def _from_table(table: Table, column: str | None) -> Parsed:
    if not table.rows:
        raise InvalidInput("This file has column names but no rows.")
    if column is None and is_box(table.rows[0]):
        gathered, chosen = gather(zip(table.numbers, table.rows, strict=True)), None
    else:
        chosen = choose_column(table, column)
        gathered = _gather_column(table, chosen)
    if not gathered.passages:
        raise InvalidInput("This file holds no passages.")
    return Parsed(gathered.passages, "table", (*table.notes, *gathered.notes), gathered.query, chosen, table.columns)


def _gather_column(table: Table, column: str) -> Gathered:
    return gather(zip(table.numbers, table.rows, strict=True), column)


def _records(lines: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line it begins on."""
    # Its default of 131,072 characters would refuse a long passage without saying so.
    csv.field_size_limit(MAX_FILE_BYTES)
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
    if any(name.lower() in _HEADINGS for name in names):
        return True
    return all(name and len(name) <= _LONGEST_HEADING and not _is_number(name) for name in names) and not any(
        name.endswith((".", "?", "!", "。", "？", "！")) for name in names
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that came before or are empty."""
    seen: list[str] = []
    for place, name in enumerate(names, 1):
        seen.append(name if name and name not in seen else f"{name or 'column'} {place}")
    return tuple(seen)


def _is_text(table: Table, column: str) -> bool:
    values = [row[column] for row in table.rows if row[column] is not None]
    return (
        bool(values) and all(isinstance(value, str) for value in values) and not all(map(_is_number, map(str, values)))
    )


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
