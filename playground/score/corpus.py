"""Pairs in Parquet files, in blocks that any machine can read by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from playground.core.errors import InvalidInput
from playground.inputs.passage_files import listed

# Carried along where a file has them, under these names.
CARRIED = ("id", "query_id", "passage_id", "label")


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are scored together.

    Attributes:
        number: from 0.
        first: row of the file, from 0.
    """

    number: int
    file: str
    first: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is to be scored.

    Attributes:
        columns: what each column is called in the files, by our name for it.
        digest: of all bytes of all files; another order, other rows, texts or labels give another.
    """

    blocks: tuple[Block, ...]
    columns: tuple[tuple[str, str], ...]
    digest: str

    @property
    def n_pairs(self) -> int:
        return sum(block.n_rows for block in self.blocks)


def open_corpus(paths: Sequence[Path], named: dict[str, str], block_rows: int) -> Corpus:
    """The pairs of these files, and of the Parquet files in these folders.

    Args:
        named: what the columns are called, by our name (query, passage, and those of `CARRIED`); what is not in it is
            called as we call it.

    Raises:
        InvalidInput: a file that is missing, damaged or no Parquet, lacks a column that it needs or that was named, or
            no pairs at all.
    """
    digest, blocks, numbers = hashlib.sha256(), list[Block](), count()
    columns, types = tuple[tuple[str, str], ...](), list[pa.DataType]()
    for path in _files(paths):
        schema, n_rows, own_digest = _facts(path)
        digest.update(f"{path.name}\0".encode() + own_digest)
        own = _columns(path, schema, named)
        own_types = [schema.field(name).type for _, name in own[2:]]
        if columns and (own, own_types) != (columns, types):
            raise InvalidInput("{file} has other columns than the files before it.", file=path.name)
        columns, types = own, own_types
        for first in range(0, n_rows, block_rows):
            blocks.append(Block(next(numbers), str(path.absolute()), first, min(block_rows, n_rows - first)))
    if not blocks:
        raise InvalidInput("{file} holds no pairs.", file=", ".join(path.name for path in paths))
    return Corpus(tuple(blocks), columns, digest.hexdigest())


def read(block: Block, columns: Sequence[tuple[str, str]]) -> pa.Table:
    """The rows of a block, with its columns under our names.

    Raises:
        InvalidInput: the file cannot be read any more, or is shorter now.
    """
    try:
        with pq.ParquetFile(block.file) as file:
            batches = list(_rows(file, block, [name for _, name in columns]))
        table = pa.Table.from_batches(batches) if batches else None
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(Path(block.file), error) from error
    if table is None or table.num_rows < block.n_rows:
        raise InvalidInput("{file} has fewer rows than when the run began.", file=Path(block.file).name)
    table = table.select([name for _, name in columns]).rename_columns([own for own, _ in columns])
    for place, own in enumerate(("query", "passage")):
        table = table.set_column(place, own, table[own].cast(pa.large_string()))
    return table


def _rows(file: Any, block: Block, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows, of no more row groups than hold them."""
    start, groups, skip = 0, list[int](), 0
    for group in range(file.metadata.num_row_groups):
        n = file.metadata.row_group(group).num_rows
        if start + n > block.first and start < block.first + block.n_rows:
            skip = skip if groups else block.first - start
            groups.append(group)
        start += n
    need = block.n_rows
    for batch in file.iter_batches(row_groups=groups, columns=names):
        part = batch.slice(min(skip, batch.num_rows), need)
        skip, need = max(0, skip - batch.num_rows), need - part.num_rows
        if part.num_rows:
            yield part
        if not need:
            return


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(path.rglob("*.parquet"))
        if not inside:
            raise InvalidInput("The folder {name!r} holds no .parquet files.", name=path.name)
        yield from inside


def _facts(path: Path) -> tuple[pa.Schema, int, bytes]:
    """Columns, number of rows, and the SHA-256 of all bytes: a footer may stay the same where a text changes."""
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) == 0:
                raise InvalidInput("{file} is empty.", file=path.name)
            with pq.ParquetFile(file) as opened:
                schema, n_rows = opened.schema_arrow, opened.metadata.num_rows
                file.seek(0)
                return schema, n_rows, hashlib.file_digest(file, "sha256").digest()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _columns(path: Path, schema: pa.Schema, named: dict[str, str]) -> tuple[tuple[str, str], ...]:
    found = []
    for own in ("query", "passage", *CARRIED):
        name = named.get(own, own)
        if name in schema.names:
            found.append((own, name))
        elif own in named or own not in CARRIED:
            raise InvalidInput(
                "{file} has no column {column!r}. Its columns are: {columns}. Name it with --{own}.",
                file=path.name,
                column=name,
                columns=listed(schema.names),
                own=own,
            )
    for own, name in found[:2]:
        type = schema.field(name).type
        type = type.value_type if pa.types.is_dictionary(type) else type
        if not (pa.types.is_string(type) or pa.types.is_large_string(type) or pa.types.is_string_view(type)):
            raise InvalidInput(
                "{file}: the column {column!r} holds {type}, not text. Name that of the {own} with --{own}.",
                file=path.name,
                column=name,
                type=type,
                own=own,
            )
    return tuple(found)


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    if isinstance(error, OSError) and error.strerror:
        return InvalidInput("The file {name!r} cannot be opened: {reason}.", name=path.name, reason=error.strerror)
    return InvalidInput(
        "{file} is no Parquet file, or it is damaged. Make one of CSV or JSON with pandas: "
        "read_csv(...).to_parquet(...).",
        file=path.name,
    )
