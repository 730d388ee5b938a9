"""The beginning of a large file, as a whole file of its type: what shows a few rows need not read them all."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.inputs.passage_files import MAX_FILE_BYTES, MOST, Most, cannot_open, read_bytes, size_of, text_paths

HEAD_BYTES = 2**20
HEAD_ROWS = 100
BETWEEN = re.compile(r"[\s,]*")
JSON = (".json", ".jsonl", ".ndjson")


def head(path: Path, most: int = MAX_FILE_BYTES, unpacked: Most = MOST) -> bytes:
    """The first of its rows or lines, about `HEAD_BYTES`; all of a smaller file, and of one large JSON object.

    Args:
        unpacked: of Parquet, also by the whole file.
    Raises:
        InvalidInput: as `read_bytes`, by the size of the whole file; or it is no Parquet, or unpacks to more.
    """
    if size_of(path, most) <= HEAD_BYTES:
        return read_bytes(path, most)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet(path, unpacked)
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except OSError as error:
        raise cannot_open(path, error) from error
    if suffix in JSON:
        return _json(data) or read_bytes(path, most)
    return _lines(data, quoted=suffix in (".csv", ".tsv"))


def _lines(data: bytes, *, quoted: bool = False) -> bytes:
    """Up to the last line end; of one long line, to a character's end.

    Args:
        quoted: a line end may stand within double quotes, and is none then.
    """
    # UTF-16 and UTF-32, whose line ends are no single bytes.
    if b"\0" in data:
        return data[: len(data) // 4 * 4]
    end = data.rfind(b"\n") + 1
    within = quoted and data.count(b'"', 0, end) % 2 == 1
    while within and end:
        last, end = end, data.rfind(b"\n", 0, end - 1) + 1
        within = data.count(b'"', end, last) % 2 == 0
    if end:
        return data[:end]
    return data.decode("utf-8", "ignore").encode() if _is_utf8(data) else data


def _is_utf8(data: bytes) -> bool:
    """Whether it is UTF-8 that may end within a character."""
    try:
        data[: len(data) - 3].decode()
    except UnicodeDecodeError as error:
        return error.end == len(data) - 3
    return True


def _json(data: bytes) -> bytes:
    """The first items of an array, or the first lines; nothing where neither is there."""
    text, decoder = data.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n"), json.JSONDecoder()
    try:
        if not text.startswith("["):
            end = text.rfind("\n") + 1
            decoder.decode(text[:end].split("\n", 1)[0])
            return text[:end].encode()
    except (ValueError, RecursionError):
        return b""
    end = 1
    try:
        while True:
            item = BETWEEN.match(text, end)
            _, end = decoder.raw_decode(text, item.end() if item else end)
    except (ValueError, RecursionError):
        return f"{text[:end]}]".encode() if end > 1 else b""


def _parquet(path: Path, most: Most) -> bytes:
    """The first rows as a file of their own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        meta = pq.read_metadata(path)
        with pq.ParquetFile(path, memory_map=True, read_dictionary=text_paths(meta, most)) as file:
            first, schema = next(file.iter_batches(HEAD_ROWS), None), file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput("This is not a Parquet file, or it is damaged: {reason}.", reason=str(error)) from error
    written = io.BytesIO()
    pq.write_table(pa.Table.from_batches([] if first is None else [first], None if first else schema), written)
    return written.getvalue()
