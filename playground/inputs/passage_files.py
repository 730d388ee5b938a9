"""Uploaded files become passages."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from playground.core.errors import InvalidInput
from playground.inputs.encodings import decode
from playground.inputs.keyed_items import TEXT_KEYS, Gathered, find_key, gather, is_blank, is_box, mend
from playground.inputs.pasted_text import Parsed, detect, parse_passages, read_json, read_jsonl
from playground.inputs.tables import HEADINGS, LONGEST_HEADING, MAX_ROWS, Table, csv_table, is_number

MAX_FILE_BYTES = 20 * 2**20
MAX_TABLE_BYTES = 200 * 2**20
# Of a number or a place in a list, once it is a Python object; roughly.
VALUE_BYTES = 32
SUFFIXES = (".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")

_MOST_LISTED = 20


class Most(NamedTuple):
    """The most rows that one table may have, and what one of Parquet may unpack to."""

    rows: int = MAX_ROWS
    n_bytes: int = MAX_TABLE_BYTES


MOST: Final = Most()
Take = Callable[[Path, int], bytes]


def read_file(
    path: str | Path,
    *,
    column: str | None = None,
    most_bytes: int = MAX_FILE_BYTES,
    most: Most = MOST,
    take: Take | None = None,
) -> Parsed:
    """Passages of a TXT, CSV, TSV, JSON, JSONL or Parquet file; the ending of its name says which.

    Args:
        column: the column (or JSON key) that holds the text; None finds it.
        take: what is read of the file, at most `most_bytes`; None takes all.
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
    data = (take or read_bytes)(path, most_bytes)
    if suffix == ".parquet":
        return _from_table(parquet_table(data, most), column)
    text, notes = decode(data)
    text, _ = mend(text)
    if is_blank(text):
        raise InvalidInput("This file is empty.")
    if suffix in (".csv", ".tsv"):
        parsed = _from_table(csv_table(text, "\t" if suffix == ".tsv" else None, most.rows), column)
    elif suffix in (".txt", ".md"):
        parsed = parse_passages(text)
    else:
        parsed = _from_json(text, suffix, column)
    if not parsed.passages:
        raise InvalidInput("This file holds no passages.")
    return replace(parsed, notes=(*notes, *parsed.notes))


def parquet_table(data: bytes, most: Most = MOST) -> Table:
    """Rows of a Parquet file.

    Raises:
        InvalidInput: not Parquet, damaged, or far bigger once unpacked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        meta = pq.read_metadata(pa.BufferReader(data))
        table = pq.read_table(pa.BufferReader(data), read_dictionary=text_paths(meta, most))
        _refuse_bombs(sum(_unpacked(chunk) for column in table.columns for chunk in column.chunks), most.n_bytes)
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput("This is not a Parquet file, or it is damaged: {reason}.", reason=str(error)) from error
    return Table(tuple(meta.schema.to_arrow_schema().names), rows, list(range(1, len(rows) + 1)))


def text_paths(meta: Any, most: Most) -> list[str]:
    """The columns of a Parquet file to read as dictionaries, by its metadata.

    A text that is repeated a million times lies in the file once. Read so, it does in memory, too.

    Raises:
        InvalidInput: too many rows, or far bigger once unpacked.
    """
    if meta.num_rows > most.rows:
        raise InvalidInput("This file has {n} rows; at most {limit} can be read.", n=meta.num_rows, limit=most.rows)
    columns = [meta.row_group(n).column(place) for n in range(meta.num_row_groups) for place in range(meta.num_columns)]
    _refuse_bombs(
        sum(column.total_uncompressed_size + VALUE_BYTES * column.num_values for column in columns), most.n_bytes
    )
    return sorted({column.path_in_schema for column in columns if column.physical_type == "BYTE_ARRAY"})


def _refuse_bombs(n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise InvalidInput(
            "This file unpacks to {size} MiB; at most {limit} MiB can be read.",
            size=n_bytes // 2**20,
            limit=most // 2**20,
        )


def _unpacked(array: Any) -> int:
    """Bytes of all texts of a pyarrow array, each as often as it occurs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        return pc.sum(pc.take(pc.binary_length(array.dictionary), array.indices)).as_py() or 0
    if pa.types.is_struct(array.type):
        return sum(map(_unpacked, array.flatten()))
    if pa.types.is_map(array.type):
        return _unpacked(array.keys) + _unpacked(array.items)
    return _unpacked(array.flatten()) if pa.types.is_nested(array.type) else 0


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
    texts = [name for name in table.columns if name.strip().lower() not in HEADINGS and _is_text(table, name)]
    if len(texts) != 1:
        raise InvalidInput("Which column holds the passages? Name one of: {columns}.", columns=listed(table.columns))
    return texts[0]


def listed(columns: Sequence[str]) -> str:
    """The columns in one line that fits into a sentence."""
    shown = [name if len(name) <= LONGEST_HEADING else f"{name[:LONGEST_HEADING]}…" for name in columns[:_MOST_LISTED]]
    return ", ".join(shown) + (" …" if len(columns) > _MOST_LISTED else "")


def read_bytes(path: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        InvalidInput: it is too big, empty, or cannot be opened.
    """
    size_of(path, most)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise cannot_open(path, error) from error
    if not data.strip(b"\0 \t\r\n" + codecs.BOM_UTF8):
        raise InvalidInput("This file is empty.")
    return data


def size_of(path: Path, most: int) -> int:
    """The bytes of a file, counted without reading it.

    Raises:
        InvalidInput: they are more than `most`, or it cannot be opened.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise cannot_open(path, error) from error
    if size > most:
        raise InvalidInput(
            "This file has {size} MiB; at most {limit} MiB can be read.", size=-(-size // 2**20), limit=most // 2**20
        )
    return size


def cannot_open(path: Path, error: OSError) -> InvalidInput:
    """The system lets nobody read it."""
    return InvalidInput("The file {name!r} cannot be opened: {reason}.", name=path.name, reason=error.strerror)


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


def _is_text(table: Table, column: str) -> bool:
    values = [row[column] for row in table.rows if row[column] is not None]
    return (
        bool(values) and all(isinstance(value, str) for value in values) and not all(map(is_number, map(str, values)))
    )
